// A web application with sessions: Express, express-session and connect-redis, driven over HTTP.
'use strict';
const express = require('express');
const session = require('express-session');
const { RedisStore } = require('connect-redis');
const { createClient } = require('redis');
const { port, check, same, restart, pause, run } = require('./check');

function application(store) {
    const app = express();
    app.use(express.json());
    app.use(
        session({
            store,
            secret: 'keyboard cat',
            resave: false,
            saveUninitialized: false,
            name: 'sid',
            cookie: { maxAge: 3_600_000 },
        }),
    );
    app.post('/login', (request, response, next) =>
        request.session.regenerate((error) => {
            if (error) return next(error);
            request.session.user = request.body.user;
            request.session.cart = [];
            return request.session.save((problem) =>
                problem ? next(problem) : response.json({ user: request.body.user }),
            );
        }),
    );
    app.use((request, response, next) =>
        request.session.user ? next() : response.status(401).json({}),
    );
    app.get('/cart', (request, response) => response.json(request.session.cart));
    app.post('/cart', (request, response) => {
        request.session.cart.push(request.body.item);
        response.json(request.session.cart);
    });
    app.post('/logout', (request, response, next) =>
        request.session.destroy((error) => (error ? next(error) : response.json({}))),
    );
    return new Promise((resolve) => {
        const server = app.listen(0, '127.0.0.1', () => resolve(server));
    });
}

// A browser, as far as it matters here: keeps its cookie.
class Browser {
    constructor(server) {
        this.visit(server);
        this.cookie = '';
    }

    visit(server) {
        this.address = `http://127.0.0.1:${server.address().port}`;
    }

    async call(method, path, body) {
        const response = await fetch(this.address + path, {
            method,
            headers: { 'content-type': 'application/json', cookie: this.cookie },
            body: body && JSON.stringify(body),
        });
        const cookie = response.headers.get('set-cookie');
        if (cookie) this.cookie = cookie.split(';')[0];
        return [response.status, await response.json().catch(() => null)];
    }

    key() {
        return `sess:${
            decodeURIComponent(this.cookie)
                .replace(/^sid=s:/, '')
                .split('.')[0]
        }`;
    }
}

async function oneUser(server, client) {
    const browser = new Browser(server);
    same('a stranger is turned away', await browser.call('GET', '/cart'), [401, {}]);
    same('no session for a stranger', await client.dbSize(), 0);
    same('log in', await browser.call('POST', '/login', { user: 'anna' }), [200, { user: 'anna' }]);
    same('the session is a key', await client.exists(browser.key()), 1);
    const ttl = await client.ttl(browser.key());
    check('it expires with its cookie', ttl > 3590 && ttl <= 3600, ttl);
    await browser.call('POST', '/cart', { item: 'tea' });
    same('the session goes on', await browser.call('POST', '/cart', { item: '\u00e4pfel' }), [
        200,
        ['tea', '\u00e4pfel'],
    ]);
    await client.expire(browser.key(), 5);
    await browser.call('GET', '/cart');
    await pause(50);
    check('a visit extends it', (await client.ttl(browser.key())) > 3590);
    const forged = new Browser(server);
    forged.cookie = browser.cookie.slice(0, -3);
    same('a forged cookie is worth nothing', (await forged.call('GET', '/cart'))[0], 401);
    await client.pExpire(browser.key(), 30);
    await pause(60);
    same('an expired session is over', (await browser.call('GET', '/cart'))[0], 401);
    await browser.call('POST', '/login', { user: 'anna' });
    same('log out', [await browser.call('POST', '/logout'), await client.dbSize()], [[200, {}], 0]);
    same('logged out', (await browser.call('GET', '/cart'))[0], 401);
}

async function manyUsers(server, store) {
    const browsers = Array.from({ length: 60 }, () => new Browser(server));
    await Promise.all(
        browsers.map((browser, i) => browser.call('POST', '/login', { user: `user ${i}` })),
    );
    await Promise.all(browsers.map((browser, i) => browser.call('POST', '/cart', { item: i })));
    const carts = await Promise.all(browsers.map((browser) => browser.call('GET', '/cart')));
    check(
        '60 users, each with their cart',
        carts.every(([, cart], i) => cart.length === 1 && cart[0] === i),
    );
    same('the store counts them', await store.length(), 60);
    same(
        'the store has all',
        (await store.all()).map(({ user }) => user).sort(),
        browsers.map((browser, i) => `user ${i}`).sort(),
    );
    same('the store knows their names', (await store.ids()).length, 60);
    return browsers;
}

run(async () => {
    const client = createClient({ socket: { port, reconnectStrategy: () => 30 } });
    client.on('error', () => {});
    await client.connect();
    const store = new RedisStore({ client });
    const server = await application(store);
    await oneUser(server, client);
    const browsers = await manyUsers(server, store);
    await browsers[0].call('POST', '/cart', { item: 'last' });
    await restart();
    same('a killed server forgets no session', await browsers[0].call('GET', '/cart'), [
        200,
        [0, 'last'],
    ]);
    const another = await application(new RedisStore({ client }));
    browsers[1].visit(another);
    same('another process of the application', await browsers[1].call('GET', '/cart'), [200, [1]]);
    await store.clear();
    same('clear', [await store.length(), (await browsers[1].call('GET', '/cart'))[0]], [0, 401]);
    server.close();
    another.close();
    client.destroy();
});
