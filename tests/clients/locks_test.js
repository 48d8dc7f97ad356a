// A lock as applications make it: SET NX PX with a token, and released only by its owner. Where the
// server has DELEX or DELIFEQ by those, else by WATCH and MULTI.
'use strict';
const { randomBytes } = require('node:crypto');
const { createClient, WatchError } = require('redis');
const { port, newer, check, same, restart, pause, until, run } = require('./check');

const token = () => randomBytes(16).toString('hex');

async function acquire(client, name, ms) {
    const mine = token();
    const reply = await client.set(name, mine, {
        condition: 'NX',
        expiration: { type: 'PX', value: ms },
    });
    return reply === 'OK' ? mine : null;
}

async function byTransaction(client, name, mine) {
    await client.watch(name);
    if ((await client.get(name)) !== mine) {
        await client.unwatch();
        return 0;
    }
    try {
        return (await client.multi().del(name).exec())[0];
    } catch (error) {
        if (error instanceof WatchError) return 0;
        throw error;
    }
}

const RELEASES = {
    'WATCH and DEL': byTransaction,
    ...(newer && {
        DELEX: (client, name, mine) => client.delEx(name, { condition: 'IFEQ', matchValue: mine }),
        DELIFEQ: (client, name, mine) => client.sendCommand(['DELIFEQ', name, mine]),
    }),
};

async function alone(client, other, how, release) {
    const mine = await acquire(client, 'lock', 5000);
    check(`${how}: taken`, mine !== null);
    same(`${how}: nobody else gets it`, await acquire(other, 'lock', 5000), null);
    same(`${how}: a stranger cannot release it`, await release(other, 'lock', token()), 0);
    same(`${how}: its owner can`, await release(client, 'lock', mine), 1);
    same(`${how}: a second time it is gone`, await release(client, 'lock', mine), 0);
    const late = await acquire(client, 'lock', 40);
    await pause(80);
    const next = await acquire(other, 'lock', 5000);
    check(`${how}: free again when it has expired`, next !== null);
    same(
        `${how}: who comes late does not release the next one's`,
        await release(client, 'lock', late),
        0,
    );
    same(`${how}: that one still has it`, await client.get('lock'), next);
    same(`${how}: and releases it`, await release(other, 'lock', next), 1);
}

// Workers that are never inside at the same time, and all get in.
async function together(clients, how, release) {
    let inside = 0;
    let most = 0;
    let entries = 0;
    let releases = 0;
    await Promise.all(
        clients.map(async (client) => {
            for (let i = 0; i < 5; i++) {
                let mine = null;
                while ((mine = await acquire(client, 'busy', 5000)) === null)
                    await pause(1 + Math.random() * 4);
                most = Math.max(most, ++inside);
                await pause(1);
                inside--;
                entries++;
                releases += await release(client, 'busy', mine);
            }
        }),
    );
    same(
        `${how}: one at a time, all of them`,
        [most, entries, releases],
        [1, 5 * clients.length, 5 * clients.length],
    );
}

async function extend(client) {
    if (!newer) return;
    const mine = await acquire(client, 'long', 1000);
    const longer = (value) =>
        client.set('long', value, {
            condition: 'IFEQ',
            matchValue: value,
            expiration: { type: 'PX', value: 60_000 },
        });
    same('extended by its owner only', [await longer(token()), await longer(mine)], [null, 'OK']);
    check('it lasts longer', (await client.pTTL('long')) > 50_000);
}

// A lock that was given is given, whatever happens to the server.
async function afterAKill(client, other, how, release) {
    const mine = await acquire(client, 'kept', 60_000);
    await restart();
    await until(`${how}: there again`, () => other.ping().catch(() => false));
    same(`${how}: nobody else gets it after a kill`, await acquire(other, 'kept', 5000), null);
    same(`${how}: its owner still has it`, await release(client, 'kept', mine), 1);
    await restart();
    await until(`${how}: there once more`, () => other.ping().catch(() => false));
    check(`${how}: it stays released`, (await acquire(other, 'kept', 50)) !== null);
    await other.del('kept');
}

run(async () => {
    const clients = await Promise.all(
        Array.from({ length: 6 }, async () => {
            const client = createClient({ socket: { port, reconnectStrategy: () => 30 } });
            client.on('error', () => {});
            return client.connect();
        }),
    );
    for (const [how, release] of Object.entries(RELEASES)) {
        await alone(clients[0], clients[1], how, release);
        await together(clients, how, release);
        await afterAKill(clients[0], clients[1], how, release);
    }
    await extend(clients[0]);
    clients.forEach((client) => client.destroy());
});
