// node-redis in both protocols.
'use strict';
const { createClient, createClientPool, RESP_TYPES, WatchError } = require('redis');
const {
    port,
    authPort,
    password,
    newer,
    check,
    same,
    fails,
    restart,
    until,
    survives,
    binary,
    large,
    run,
} = require('./check');

const buffers = { [RESP_TYPES.BLOB_STRING]: Buffer };

async function pipelines(client, tag) {
    same(
        `${tag}: commands of one turn`,
        await Promise.all([
            client.set('p', '1'),
            client.incr('p'),
            client.get('p'),
            client.get('none'),
        ]),
        ['OK', 2, '2', null],
    );
    same(`${tag}: pipeline`, await client.multi().incr('p').get('p').execAsPipeline(), [3, '3']);
    const many = await Promise.all(
        Array.from({ length: 5000 }, (_, i) => client.set(`many:${i}`, `${i}`)),
    );
    check(
        `${tag}: 5,000 writes at once`,
        many.every((reply) => reply === 'OK'),
    );
    const got = await client.mGet(Array.from({ length: 5000 }, (_, i) => `many:${i}`));
    check(
        `${tag}: MGET of 5,000`,
        got.every((value, i) => value === `${i}`),
    );
}

async function transactions(client, tag) {
    const other = client.duplicate();
    await other.connect();
    same(`${tag}: MULTI`, await client.multi().set('t', '5').incr('t').get('t').exec(), [
        'OK',
        6,
        '6',
    ]);
    await client.watch('t');
    same(`${tag}: WATCH undisturbed`, await client.multi().incr('t').exec(), [7]);
    await client.watch(['t', 'u']);
    await other.set('u', '100');
    const disturbed = await client
        .multi()
        .incr('t')
        .exec()
        .catch((error) => error);
    check(`${tag}: WATCH disturbed`, disturbed instanceof WatchError, disturbed);
    same(`${tag}: nothing was done`, await client.get('t'), '7');
    await client.watch('t');
    await other.del('t');
    await client.unwatch();
    same(`${tag}: UNWATCH`, await client.multi().incr('t').exec(), [1]);
    await client.set('word', 'abc');
    const mixed = await client
        .multi()
        .incr('word')
        .set('t', 'after')
        .exec()
        .catch((error) => error);
    check(
        `${tag}: an error inside EXEC does not stop it`,
        mixed.replies?.length === 2 &&
            /not an integer/.test(mixed.replies[0].message) &&
            mixed.replies[1] === 'OK',
        mixed,
    );
    await fails(
        `${tag}: EXECABORT`,
        client.multi().addCommand(['SET', 'x']).exec(),
        /wrong number of arguments/,
    );
    other.destroy();
}

// Many who increment by reading, adding and writing; without WATCH some would get lost.
async function optimistic(client, tag) {
    const pool = createClientPool(
        { ...client.options, url: undefined },
        { minimum: 4, maximum: 4 },
    );
    await pool.connect();
    await client.set('balance', '0');
    let tries = 0;
    await Promise.all(
        Array.from({ length: 40 }, () =>
            pool.execute(async (own) => {
                for (;;) {
                    tries++;
                    await own.watch('balance');
                    const value = Number(await own.get('balance'));
                    try {
                        return await own
                            .multi()
                            .set('balance', String(value + 1))
                            .exec();
                    } catch (error) {
                        if (!(error instanceof WatchError)) throw error;
                    }
                }
            }),
        ),
    );
    same(`${tag}: 40 increments by WATCH (${tries} tries)`, await client.get('balance'), '40');
    check(`${tag}: some were disturbed`, tries > 40, tries);
    await pool.close();
}

async function scans(client, tag) {
    const keys = Array.from({ length: 3000 }, (_, i) => `scan:${i}`);
    await client.mSet(keys.map((key) => [key, 'x']));
    for (const options of [
        { MATCH: 'scan:*', COUNT: 100 },
        { MATCH: 'scan:*', TYPE: 'string', COUNT: 7 },
    ]) {
        const found = new Set();
        for await (const part of client.scanIterator(options))
            part.forEach((key) => found.add(key));
        same(
            `${tag}: scanIterator ${JSON.stringify(options)}`,
            [...found].sort(),
            [...keys].sort(),
        );
    }
    same(`${tag}: UNLINK of many`, await client.unlink(keys), keys.length);
}

async function values(client, tag) {
    const raw = client.withTypeMapping(buffers);
    await client.set(binary, binary);
    same(`${tag}: binary key and value`, await raw.get(binary), binary);
    const ten = large(10_000_000);
    await client.set('large', ten);
    check(`${tag}: 10 MB`, ten.equals(await raw.get('large')));
    same(`${tag}: APPEND to 10 MB`, await client.append('large', 'x'), 10_000_001);
    same(
        `${tag}: SETRANGE in 10 MB`,
        [await client.setRange('large', 9_999_999, 'abc'), await client.getRange('large', -3, -1)],
        [10_000_002, 'abc'],
    );
    const text = 'ten bytes!'.repeat(1_000_000);
    const twice = await client.multi().set('large', text).get('large').get('large').exec();
    check(`${tag}: 20 MB of EXEC`, twice[1] === text && twice[2] === text);
    await client.del('large');
}

async function strings(client, tag) {
    same(
        `${tag}: SET with expiry`,
        await client.set('f', 'x', { expiration: { type: 'EX', value: 100 } }),
        'OK',
    );
    check(`${tag}: TTL`, [99, 100].includes(await client.ttl('f')));
    same(`${tag}: SET NX`, await client.set('f', 'y', { condition: 'NX' }), null);
    same(
        `${tag}: SET GET KEEPTTL`,
        await client.set('f', 'y', { expiration: 'KEEPTTL', GET: true }),
        'x',
    );
    same(`${tag}: EXPIRE GT`, await client.expire('f', 50, 'GT'), 0);
    check(`${tag}: EXPIRETIME`, (await client.expireTime('f')) > Date.now() / 1000 + 50);
    same(
        `${tag}: GETEX PERSIST`,
        [await client.getEx('f', { type: 'PERSIST' }), await client.ttl('f')],
        ['y', -1],
    );
    same(`${tag}: GETDEL`, [await client.getDel('f'), await client.get('f')], ['y', null]);
    same(
        `${tag}: MSETNX`,
        [await client.mSetNX({ m1: '1', m2: '2' }), await client.mSetNX({ m2: '3', m3: '3' })],
        [1, 0],
    );
    same(`${tag}: INCRBYFLOAT`, await client.incrByFloat('float', 2.5), '2.5');
    same(
        `${tag}: BITFIELD`,
        await client.bitField('bits', [
            { operation: 'SET', encoding: 'u8', offset: 0, value: 7 },
            { operation: 'OVERFLOW', behavior: 'FAIL' },
            { operation: 'INCRBY', encoding: 'u2', offset: 6, increment: 1 },
        ]),
        [0, null],
    );
    same(
        `${tag}: BITCOUNT and BITPOS`,
        [await client.bitCount('bits'), await client.bitPos('bits', 0)],
        [3, 0],
    );
    same(
        `${tag}: BITOP`,
        [await client.bitOp('NOT', 'not', 'bits'), await client.bitCount('not')],
        [1, 5],
    );
    await client.mSet({ a: 'ohmytext', b: 'mynewtext' });
    same(`${tag}: LCS`, await client.lcs('a', 'b'), 'mytext');
    same(
        `${tag}: LCS IDX`,
        await client
            .lcsIdx('a', 'b', { MINMATCHLEN: 4 })
            .then(({ matches, len }) => ({
                matches: matches.map(([x, y]) => [[...x], [...y]]),
                len,
            })),
        {
            matches: [
                [
                    [4, 7],
                    [5, 8],
                ],
            ],
            len: 6,
        },
    );
    same(
        `${tag}: LCS WITHMATCHLEN`,
        (await client.lcsIdxWithMatchLen('a', 'b', { MINMATCHLEN: 4 })).matches[0][2],
        4,
    );
}

async function keys(client, tag) {
    await client.mSet({ a: '1', b: '2' });
    same(
        `${tag}: RENAMENX`,
        [await client.renameNX('a', 'b'), await client.renameNX('a', 'c')],
        [0, 1],
    );
    same(
        `${tag}: COPY`,
        [await client.copy('b', 'c'), await client.copy('b', 'c', { REPLACE: true })],
        [0, 1],
    );
    same(
        `${tag}: COPY and MOVE between databases`,
        [
            await client.copy('b', 'b', { DB: 4 }),
            await client.move('b', 4),
            await client.move('c', 4),
        ],
        [1, 0, 1],
    );
    const dumped = await client.withTypeMapping(buffers).dump('b');
    same(
        `${tag}: RESTORE`,
        [await client.restore('r', 5000, dumped, { REPLACE: true }), await client.get('r')],
        ['OK', '2'],
    );
    same(
        `${tag}: OBJECT`,
        [
            await client.objectEncoding('r'),
            (await client.objectRefCount('b')) > 0,
            (await client.objectIdleTime('b')) < 10,
        ],
        ['int', true, true],
    );
    same(
        `${tag}: TYPE and EXISTS`,
        [await client.type('b'), await client.exists(['b', 'b', 'none'])],
        ['string', 2],
    );
    check(`${tag}: RANDOMKEY`, ['b', 'r'].includes(await client.randomKey()));
    same(`${tag}: KEYS`, (await client.keys('*')).sort(), ['b', 'r']);
    same(
        `${tag}: SWAPDB`,
        [await client.swapDb(0, 4), await client.get('c'), await client.swapDb(0, 4)],
        ['OK', '2', 'OK'],
    );
    same(`${tag}: WAIT`, await client.wait(0, 100), 0);
}

async function introspection(client, tag) {
    check(
        `${tag}: CLIENT ID and INFO`,
        (await client.clientInfo()).id === (await client.clientId()),
    );
    check(
        `${tag}: CLIENT LIST`,
        (await client.clientList()).every((entry) => entry.id > 0 && entry.addr),
    );
    same(
        `${tag}: CONFIG GET`,
        Object.keys(await client.configGet(['maxmemory', 'maxclients'])).sort(),
        ['maxclients', 'maxmemory'],
    );
    check(`${tag}: MEMORY STATS`, Number((await client.memoryStats())['keys.count']) >= 0);
    await client.set('k', 'v');
    check(`${tag}: MEMORY USAGE`, (await client.memoryUsage('k')) > 2);
    same(`${tag}: MEMORY USAGE of nothing`, await client.memoryUsage('none'), null);
    check(
        `${tag}: COMMAND`,
        (await client.command()).some(({ name, arity }) => name === 'get' && arity === 2),
    );
    same(`${tag}: COMMAND GETKEYS`, await client.commandGetKeys(['MSET', 'x', '1', 'y', '2']), [
        'x',
        'y',
    ]);
    check(`${tag}: LATENCY LATEST`, Array.isArray(await client.latencyLatest()));
    check(
        `${tag}: ROLE`,
        (await client.role()).role === 'master',
        JSON.stringify(await client.role()),
    );
    same(`${tag}: ACL WHOAMI`, await client.aclWhoAmI(), 'default');
    check(`${tag}: ACL GETUSER`, (await client.aclGetUser('default')).flags.includes('on'));
    check(`${tag}: LASTSAVE`, (await client.lastSave()) > 0);
    same(`${tag}: MODULE LIST`, await client.moduleList(), []);
    check(`${tag}: INFO`, /^used_memory:\d+/m.test(await client.info('memory')));
    check(`${tag}: TIME`, (await client.time()).length === 2);
    await fails(
        `${tag}: an unknown command`,
        client.sendCommand(['NOSUCH']),
        /^ERR unknown command/,
    );
    await fails(
        `${tag}: a wrong type of argument`,
        client.sendCommand(['EXPIRE', 'k', 'x']),
        /not an integer/,
    );
}

async function conditions(client, tag) {
    if (!newer) return;
    await client.set('k', 'one');
    same(
        `${tag}: SET IFEQ`,
        [
            await client.set('k', 'two', { condition: 'IFEQ', matchValue: 'no' }),
            await client.set('k', 'two', { condition: 'IFEQ', matchValue: 'one' }),
        ],
        [null, 'OK'],
    );
    const digest = await client.digest('k');
    check(`${tag}: DIGEST`, /^[0-9a-f]{16}$/.test(digest), digest);
    same(
        `${tag}: SET IFDEQ`,
        await client.set('k', 'three', { condition: 'IFDEQ', matchValue: digest }),
        'OK',
    );
    same(
        `${tag}: DELEX`,
        [
            await client.delEx('k', { condition: 'IFEQ', matchValue: 'two' }),
            await client.delEx('k', { condition: 'IFNE', matchValue: 'two' }),
        ],
        [0, 1],
    );
    same(
        `${tag}: MSETEX`,
        [
            await client.mSetEx(
                { x: '1', y: '2' },
                { mode: 'NX', expiration: { type: 'EX', value: 10 } },
            ),
            await client.mSetEx(
                { y: '1', z: '2' },
                { mode: 'NX', expiration: { type: 'EX', value: 10 } },
            ),
        ],
        [1, 0],
    );
}

async function auth(options, tag) {
    const client = createClient({
        ...options,
        socket: { port: authPort },
        password,
        database: 2,
        name: 'guarded',
    });
    await client.connect();
    same(
        `${tag}: AUTH`,
        [await client.set('k', 'v'), await client.clientGetName()],
        ['OK', 'guarded'],
    );
    client.destroy();
    const url = createClient({
        ...options,
        url: `redis://default:${encodeURIComponent(password)}@127.0.0.1:${authPort}`,
    });
    await url.connect();
    same(`${tag}: AUTH with a user`, await url.set('k', 'v'), 'OK');
    url.destroy();
    for (const [name, more, pattern] of [
        ['no', {}, /NOAUTH/],
        ['a wrong', { password: 'no' }, /WRONGPASS/],
    ]) {
        const refused = createClient({
            ...options,
            ...more,
            socket: { port: authPort, reconnectStrategy: false },
        });
        refused.on('error', () => {});
        await fails(
            `${tag}: ${name} password`,
            refused.connect().then(() => refused.get('k')),
            pattern,
        );
        if (refused.isOpen) refused.destroy();
    }
}

async function reconnect(options, tag) {
    const client = createClient({
        ...options,
        database: 5,
        socket: { port, reconnectStrategy: () => 30 },
    });
    client.on('error', () => {});
    await client.connect();
    await survives(tag, {
        write: (key, value) => client.set(key, value),
        count: (key) => client.incr(key),
        mget: (keys) => client.mGet(keys),
    });
    same(`${tag}: in its database again`, await client.exists('survive:count'), 1);
    await client.watch('survive:count');
    await restart();
    await until(`${tag}: connected again`, () => client.ping().catch(() => false));
    const stale = await client
        .multi()
        .set('x', '1')
        .exec()
        .catch((error) => error);
    check(
        `${tag}: a WATCH from before the restart does not count`,
        stale instanceof WatchError,
        stale,
    );
    await client.flushDb();
    client.destroy();
}

run(async () => {
    for (const RESP of [2, 3]) {
        const tag = `RESP${RESP}`;
        const options = { RESP };
        const client = createClient({ ...options, socket: { host: '127.0.0.1', port } });
        client.on('error', (error) => check(`${tag}: no error event`, false, error));
        await client.connect();
        same(`${tag}: PING`, await client.ping(), 'PONG');
        for (const part of [
            pipelines,
            transactions,
            optimistic,
            scans,
            values,
            strings,
            keys,
            introspection,
            conditions,
        ]) {
            await part(client, tag).catch((error) =>
                check(`${tag}: ${part.name}`, false, error.stack),
            );
            await client.flushAll();
        }
        await client.close();
        await auth(options, tag);
        await reconnect(options, tag);
    }
});
