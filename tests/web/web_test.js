// redis-commander in Chromium, as a person uses it: look through the keys, open, edit, add, rename,
// set a time to live, delete, see INFO. Screenshots go to build/web.
'use strict';
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { chromium } = require('playwright-core');
const Redis = require('ioredis');
const { port, authPort, password, binary, check, same, until, run } = require('../clients/check');

const BUILD = path.join(__dirname, '../../build/web');
const COMMANDER = path.join(BUILD, 'node_modules/redis-commander/bin/redis-commander.js');
const SECONDS_MAX = 20;

async function freePort() {
    const server = require('node:net').createServer();
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port: free } = server.address();
    await new Promise((resolve) => server.close(resolve));
    return free;
}

async function startCommander(options) {
    const web = await freePort();
    const home = fs.mkdtempSync(path.join(os.tmpdir(), 'poro-web-'));
    const process_ = spawn(
        'node',
        [
            COMMANDER,
            '--redis-host',
            '127.0.0.1',
            '--address',
            '127.0.0.1',
            '--port',
            String(web),
            '--nosave',
            '--noload',
            ...options,
        ],
        { cwd: home, env: { ...process.env, HOME: home }, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    let output = '';
    for (const stream of [process_.stdout, process_.stderr])
        stream.on('data', (data) => {
            output += data;
        });
    const address = `http://127.0.0.1:${web}/`;
    await until(
        `redis-commander answers (${options.length > 4 ? 'password' : 'no password'})`,
        () =>
            fetch(address).then(
                (response) => response.ok,
                () => false,
            ),
        SECONDS_MAX,
    );
    return {
        address,
        output: () => output,
        stop: () => {
            process_.kill();
            fs.rmSync(home, { recursive: true, force: true });
        },
    };
}

async function data(redis) {
    await redis.mset(
        'greeting',
        'Hello, w\u00f6rld',
        'user:1:name',
        'Anna',
        'user:1:visits',
        '41',
        'user:2:name',
        'Bert',
        'json',
        '{"a":[1,2.5,null],"big":12345678901234567890}',
        'cart:7',
        'tea',
        'cart:8',
        'milk',
    );
    await redis.set('session:abc', 'signed in', 'EX', 3600);
    await redis.set('bytes', binary);
}

// The page with what a person does on it; each picture is numbered.
class Page {
    constructor(page) {
        this.page = page;
        this.pictures = 0;
        this.problems = [];
        this.asking = 0;
        this.changed = Date.now();
        const count = (step) => () => {
            this.asking += step;
            this.changed = Date.now();
        };
        page.on('request', count(1));
        page.on('requestfinished', count(-1));
        page.on('requestfailed', count(-1));
        page.on('pageerror', (error) => this.problems.push(error.message));
        page.on('response', (response) => {
            if (response.status() >= 400)
                this.problems.push(`${response.status()} ${response.url()}`);
        });
    }

    // The page refreshes its tree and moves the focus by itself, a moment after changes; a person
    // would wait, too.
    async quiet() {
        for (
            const end = Date.now() + SECONDS_MAX * 1000;
            Date.now() < end;
            await this.page.waitForTimeout(50)
        ) {
            if (this.asking === 0 && Date.now() - this.changed > 700) return;
        }
    }

    async picture(name) {
        await this.quiet();
        await this.page.screenshot({ path: path.join(BUILD, `${++this.pictures}-${name}.png`) });
    }

    // A node of the tree of keys, by its own part of the name; a folder ends in :*.
    node(name) {
        const text = name.replace('*', '\\*');
        return this.page
            .locator('#keyTree a.jstree-anchor')
            .filter({ hasText: new RegExp(`^\\s*${text}\\s*(\\(|$)`) });
    }

    async open(...names) {
        for (const name of names) {
            const node = this.node(name).first();
            await node.waitFor();
            await node.locator('xpath=..').locator('> i.jstree-ocl').click();
            await this.quiet();
        }
    }

    async select(name) {
        await this.quiet();
        await this.node(name).first().click();
        await this.quiet();
    }

    async refresh() {
        await this.quiet();
        await this.page.getByRole('button', { name: 'Refresh' }).first().click();
        await this.quiet();
    }

    async menu(name, entry) {
        await this.quiet();
        await this.node(name).first().click({ button: 'right' });
        await this.page.locator('.vakata-context a', { hasText: entry }).click();
        await this.page.waitForTimeout(700);
    }

    // The command line at the bottom; the text of its newest answer.
    async type(line, answer) {
        await this.quiet();
        await this.page.locator('#commandLine input').click();
        await this.page.keyboard.type(line);
        await this.page.keyboard.press('Enter');
        await until(
            `command line: ${line}`,
            async () => {
                const output = await this.page.locator('#commandLineOutput').innerText();
                const parts = output.replaceAll('\u00a0', ' ').split(line);
                return parts.length > 1 && answer.test(parts.pop());
            },
            SECONDS_MAX,
        );
    }
}

async function look(web, redis) {
    const { page } = web;
    await web.node('greeting').waitFor();
    const names = await page.locator('#keyTree a.jstree-anchor').allInnerTexts();
    for (const [what, pattern] of [
        ['a key', /greeting/],
        ['a folder of keys', /user:\* \(3\)/],
        ['another', /cart:\* \(2\)/],
    ]) {
        check(
            `the tree has ${what}`,
            names.some((name) => pattern.test(name)),
            names,
        );
    }
    await web.picture('keys');
    await web.select('greeting');
    await page.locator('#stringValue').waitFor();
    same(
        'the value of a key',
        await page.locator('#stringValue').inputValue(),
        'Hello, w\u00f6rld',
    );
    await web.picture('open');
    await web.select('json');
    await page.locator('#viewModeJsonButton').click();
    check(
        'JSON as a tree',
        /"big": 12345678901234567890/.test(await page.locator('#jqtree_string_div').innerText()),
    );
    await web.picture('json');
    await web.select('bytes');
    await page.locator('text=Binary').first().waitFor();
    await web.picture('binary');
    same('nothing was changed', await redis.getBuffer('bytes'), binary);
    await web.open('session:*');
    await web.select('abc');
    check(
        'a time to live',
        /TTL: *3[56]\d\d/.test(await page.locator('#itemData').innerText()),
        await page.locator('#itemData').innerText(),
    );
}

async function change(web, redis) {
    const { page } = web;
    await web.open('user:*', '1:*');
    await web.select('name');
    await page.locator('#stringValue').fill('Anna Karenina \u{1f600}');
    await page.locator('#itemData #saveKeyButton').click();
    await until(
        'an edited value is saved',
        async () => (await redis.get('user:1:name')) === 'Anna Karenina \u{1f600}',
    );
    await web.picture('edited');
    await page.locator('#keyTree a.jstree-anchor').first().click();
    await page.getByRole('button', { name: 'Add New Key...' }).click();
    await web.quiet();
    await page.locator('#keyValue').fill('user:3:name');
    await page.locator('#newStringValue').fill('Cleo');
    await web.picture('add');
    await page.locator('#addKeyModal').getByRole('button', { name: 'Save' }).click();
    await until('a key is added', async () => (await redis.get('user:3:name')) === 'Cleo');
    await web.refresh();
    await web.select('greeting');
    await web.menu('greeting', 'Rename Key');
    await page.locator('#renamedKeyName').fill('salutation');
    await web.picture('rename');
    await page.locator('#renameKeyButton').click();
    await until(
        'a key is renamed',
        async () => (await redis.exists('salutation', 'greeting')) === 1,
    );
}

async function commandLine(web, redis) {
    await web.page.locator('#commandLine input').click();
    await web.type('expire salutation 120', /1/);
    check('a time to live is set', (await redis.ttl('salutation')) > 100);
    await web.type('incr user:1:visits', /42/);
    await web.type('get nosuch', /nil|null/i);
    await web.type('incr salutation', /not an integer/);
    await web.type('nosuch x', /unknown command/i);
    await web.type('dbsize', /10/);
    await web.picture('command-line');
    await web.page.locator('#body').click({ position: { x: 400, y: 20 } });
    await web.refresh();
    await web.select('salutation');
    const text = await web.page.locator('#itemData').innerText();
    check('the new time to live is shown', /TTL: *1[012]\d/.test(text), text);
    await web.picture('ttl');
}

async function remove(web, redis) {
    const { page } = web;
    page.on('dialog', (dialog) => dialog.accept());
    await web.select('salutation');
    await page.getByRole('button', { name: 'Delete Key' }).click();
    await until('a key is deleted', async () => (await redis.exists('salutation')) === 0);
    await web.refresh();
    await web.menu('cart:*', 'Remove Key');
    await until(
        'a folder of keys is deleted',
        async () => (await redis.exists('cart:7', 'cart:8')) === 0,
    );
    await web.refresh();
    await web.picture('deleted');
    check(
        'they are gone from the tree',
        (await web.node('cart:*').count()) === 0 && (await web.node('salutation').count()) === 0,
    );
}

async function info(web) {
    await web.page.locator('#keyTree a.jstree-anchor').first().click();
    await web.page.locator('#itemData + div table, #body table').first().waitFor();
    const text = await web.page.locator('#body').innerText();
    for (const field of [
        'Redis version',
        'Uptime in seconds',
        'Connected clients',
        'Used memory human',
        'Total commands processed',
        'Keyspace hits',
        'Aof enabled',
        'Role',
        'Db0',
    ]) {
        check(`INFO shows ${field}`, new RegExp(`^\\s*${field}\\s+\\S`, 'm').test(text));
    }
    await web.picture('info');
}

async function withBrowser(browser, commander, what, steps) {
    const page = await browser.newPage({ viewport: { width: 1280, height: 860 } });
    page.setDefaultTimeout(SECONDS_MAX * 1000);
    const web = new Page(page);
    await page.goto(commander.address);
    for (const step of steps) {
        await step(web).catch(async (error) => {
            check(step.name, false, error.message);
            await web.picture(`failed-${step.name}`);
        });
    }
    same(`${what}: no error on the page`, web.problems, []);
    await page.close();
}

run(async () => {
    const redis = new Redis({ port });
    await data(redis);
    const browser = await chromium.launch({
        executablePath: '/usr/bin/chromium',
        args: ['--no-sandbox'],
    });
    const commander = await startCommander(['--redis-port', String(port)]);
    await withBrowser(
        browser,
        commander,
        'no password',
        [look, change, commandLine, remove, info].map((step) =>
            Object.defineProperty((web) => step(web, redis), 'name', { value: step.name }),
        ),
    );
    commander.stop();
    const guarded = await startCommander([
        '--redis-port',
        String(authPort),
        '--redis-password',
        password,
    ]);
    const other = new Redis({ port: authPort, password });
    await other.set('secret', 'x');
    await withBrowser(browser, guarded, 'password', [
        async (web) => {
            await web.select('secret');
            same('behind a password', await web.page.locator('#stringValue').inputValue(), 'x');
        },
    ]);
    guarded.stop();
    check(
        'redis-commander complains of nothing',
        !/ERR|[Uu]nhandled/.test(guarded.output()),
        guarded.output(),
    );
    await browser.close();
    redis.disconnect();
    other.disconnect();
});
