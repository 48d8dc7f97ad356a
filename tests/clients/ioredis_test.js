// ioredis: version 5, which speaks RESP2, and version 6, which speaks RESP3.
'use strict';
const {
    port,
    authPort,
    password,
    newer,
    check,
    same,
    fails,
    restart,
    pause,
    until,
    survives,
    binary,
    large,
    run,
} = require('./check');

// Pipelines, and what several commands at once do.
async function pipelines(redis, tag) {
    const replies = await redis
        .pipeline()
        .set('p', '1')
        .incr('p')
        .get('p')
        .get('none')
        .incr('p')
        .exec();
    same(`${tag}: pipeline`, replies, [
        [null, 'OK'],
        [null, 2],
        [null, '2'],
        [null, null],
        [null, 3],
    ]);
    const mixed = await redis.pipeline().set('word', 'abc').incr('word').get('word').exec();
    check(
        `${tag}: an error in a pipeline concerns its command only`,
        /not an integer/.test(mixed[1][0].message) && mixed[2][1] === 'abc',
        mixed,
    );
    const many = redis.pipeline();
    for (let i = 0; i < 5000; i++) many.set(`many:${i}`, `value ${i}`);
    for (let i = 0; i < 5000; i++) many.get(`many:${i}`);
    const answers = await many.exec();
    check(
        `${tag}: 10,000 commands in a pipeline`,
        answers.every(
            ([error, value], i) => !error && value === (i < 5000 ? 'OK' : `value ${i - 5000}`),
        ),
    );
    const all = await Promise.all(Array.from({ length: 1000 }, (_, i) => redis.get(`many:${i}`)));
    check(
        `${tag}: 1,000 commands at once`,
        all.every((value, i) => value === `value ${i}`),
    );
}

async function transactions(redis, tag) {
    const other = redis.duplicate();
    same(`${tag}: MULTI`, await redis.multi().set('t', '5').incr('t').get('t').exec(), [
        [null, 'OK'],
        [null, 6],
        [null, '6'],
    ]);
    await redis.multi({ pipeline: false });
    same(`${tag}: MULTI step by step`, await redis.set('t', '7'), 'QUEUED');
    same(`${tag}: EXEC`, await redis.exec(), [[null, 'OK']]);
    await redis.watch('t');
    same(`${tag}: WATCH undisturbed`, await redis.multi().incr('t').exec(), [[null, 8]]);
    await redis.watch('t');
    await other.set('t', '100');
    same(`${tag}: WATCH disturbed`, await redis.multi().incr('t').exec(), null);
    same(`${tag}: nothing was done`, await redis.get('t'), '100');
    await redis.watch('t');
    await other.set('t', '1');
    await redis.unwatch();
    same(`${tag}: UNWATCH`, await redis.multi().incr('t').exec(), [[null, 2]]);
    await redis.watch('never');
    await other.set('never', 'now');
    await other.del('never');
    same(
        `${tag}: WATCH of a key that came and went`,
        await redis.multi().set('t', '3').exec(),
        null,
    );
    await fails(`${tag}: EXECABORT`, redis.multi().set('t').exec(), /EXECABORT/);
    const failed = await redis.multi().set('word', 'abc').incr('word').set('t', 'after').exec();
    check(
        `${tag}: an error inside EXEC does not stop it`,
        /not an integer/.test(failed[1][0].message) && failed[2][1] === 'OK',
        failed,
    );
    await redis.multi({ pipeline: false });
    await redis.set('t', 'discarded');
    same(`${tag}: DISCARD`, [await redis.discard(), await redis.get('t')], ['OK', 'after']);
    const isolated = await Promise.all(
        Array.from({ length: 50 }, () => redis.multi().incr('i').incr('i').exec()),
    );
    check(
        `${tag}: transactions at the same time`,
        isolated.every(([a, b]) => b[1] === a[1] + 1),
    );
    other.disconnect();
}

async function scans(redis, tag) {
    const keys = Array.from({ length: 3000 }, (_, i) => `scan:${i}`);
    await redis.mset(...keys.flatMap((key) => [key, 'x']));
    for (const options of [
        { match: 'scan:*', count: 100 },
        { match: 'scan:*', type: 'string' },
    ]) {
        const found = new Set();
        for await (const part of redis.scanStream(options)) part.forEach((key) => found.add(key));
        same(`${tag}: scanStream ${JSON.stringify(options)}`, [...found].sort(), [...keys].sort());
    }
    const none = [];
    for await (const part of redis.scanStream({ match: 'scan:*', type: 'hash' }))
        none.push(...part);
    same(`${tag}: scanStream of another type`, none, []);
    same(`${tag}: UNLINK of many`, await redis.unlink(...keys), keys.length);
}

async function values(redis, tag) {
    await redis.set(binary, binary);
    same(`${tag}: binary key and value`, await redis.getBuffer(binary), binary);
    same(
        `${tag}: text`,
        [await redis.set('\u00e4\u{1f600}', '\u{1f600}'), await redis.get('\u00e4\u{1f600}')],
        ['OK', '\u{1f600}'],
    );
    same(`${tag}: nothing`, [await redis.set('empty', ''), await redis.get('empty')], ['OK', '']);
    const ten = large(10_000_000);
    await redis.set('large', ten);
    check(`${tag}: 10 MB`, ten.equals(await redis.getBuffer('large')));
    same(
        `${tag}: parts of 10 MB`,
        await redis.getrangeBuffer('large', 5_000_000, 5_000_099),
        ten.subarray(5_000_000, 5_000_100),
    );
    const three = await redis.mgetBuffer('large', 'none', 'large');
    check(
        `${tag}: 20 MB in one reply`,
        ten.equals(three[0]) && three[1] === null && ten.equals(three[2]),
    );
    await redis.del('large');
}

// Commands whose replies applications rely on the form of.
async function forms(redis, tag) {
    await redis.set('f', 'x', 'EX', 100);
    check(`${tag}: TTL`, [99, 100].includes(await redis.ttl('f')));
    same(`${tag}: SET NX of a key that is there`, await redis.set('f', 'y', 'NX'), null);
    same(`${tag}: SET GET`, await redis.set('f', 'y', 'GET'), 'x');
    same(`${tag}: INCRBYFLOAT`, await redis.incrbyfloat('float', '1.5'), '1.5');
    same(`${tag}: GETDEL`, [await redis.getdel('f'), await redis.exists('f')], ['y', 0]);
    same(
        `${tag}: GETEX`,
        [await redis.getex('float', 'PX', 5000), (await redis.pttl('float')) > 4000],
        ['1.5', true],
    );
    same(
        `${tag}: bits`,
        [
            await redis.setbit('bits', 7, 1),
            await redis.getbit('bits', 7),
            await redis.bitcount('bits'),
            await redis.bitpos('bits', 1),
        ],
        [0, 1, 1, 7],
    );
    same(
        `${tag}: BITFIELD`,
        await redis.bitfield('bits', 'GET', 'u8', '0', 'INCRBY', 'u8', '0', '9'),
        [1, 10],
    );
    same(
        `${tag}: RENAME and COPY`,
        [await redis.rename('float', 'g'), await redis.copy('g', 'h'), await redis.get('h')],
        ['OK', 1, '1.5'],
    );
    const copy = await redis.dumpBuffer('h');
    same(
        `${tag}: DUMP and RESTORE`,
        [await redis.restore('again', 0, copy), await redis.get('again')],
        ['OK', '1.5'],
    );
    await fails(`${tag}: RESTORE over a key`, redis.restore('again', 0, copy), /^BUSYKEY/);
    same(`${tag}: OBJECT ENCODING`, await redis.object('ENCODING', 'again'), 'embstr');
    check(`${tag}: MEMORY USAGE`, (await redis.memory('USAGE', 'again')) > 10);
    check(`${tag}: TIME`, Math.abs((await redis.time())[0] - Date.now() / 1000) < 5);
    check(`${tag}: INFO`, /^redis_version:\d/m.test(await redis.info('server')));
    check(`${tag}: CLIENT LIST`, /^id=\d+ addr=/.test(await redis.client('LIST')));
    const config = await redis.config('GET', 'maxmemory*');
    check(
        `${tag}: CONFIG GET`,
        Array.isArray(config) ? config.includes('maxmemory') : 'maxmemory' in config,
    );
    check(`${tag}: SLOWLOG GET`, Array.isArray(await redis.slowlog('GET', 10)));
    same(
        `${tag}: LCS`,
        [
            await redis.set('a', 'ohmytext'),
            await redis.set('b', 'mynewtext'),
            await redis.lcs('a', 'b'),
        ],
        ['OK', 'OK', 'mytext'],
    );
    await fails(`${tag}: an unknown command`, redis.call('NOSUCH', 'x'), /unknown command/);
    if (newer) {
        same(
            `${tag}: DELEX`,
            [
                await redis.call('DELEX', 'a', 'IFEQ', 'no'),
                await redis.call('DELEX', 'a', 'IFEQ', 'ohmytext'),
            ],
            [0, 1],
        );
    }
}

async function databases(redis, tag) {
    const third = redis.duplicate({ db: 3, keyPrefix: 'app:', connectionName: 'third' });
    await third.set('k', 'in three');
    same(`${tag}: a prefix`, await third.get('k'), 'in three');
    same(`${tag}: another database`, await redis.get('app:k'), null);
    same(`${tag}: a name`, await third.client('GETNAME'), 'third');
    await fails(`${tag}: no such database`, redis.select(99), /out of range/);
    await third.flushdb();
    third.disconnect();
}

async function auth(Redis, options, tag) {
    const redis = new Redis({ ...options, port: authPort, password });
    same(`${tag}: AUTH`, [await redis.set('k', 'v'), await redis.get('k')], ['OK', 'v']);
    redis.disconnect();
    const user = new Redis(
        `redis://default:${encodeURIComponent(password)}@127.0.0.1:${authPort}/2`,
        options,
    );
    same(`${tag}: AUTH with a user and a database`, await user.set('k', 'v'), 'OK');
    user.disconnect();
    for (const [name, more, pattern] of [
        ['no', {}, /NOAUTH/],
        ['a wrong', { password: 'no' }, /WRONGPASS/],
    ]) {
        const problems = [];
        const refused = new Redis({ ...options, ...more, port: authPort, retryStrategy: null });
        refused.on('error', (error) => problems.push(error.message));
        const answer = await refused.get('k').catch((error) => error);
        problems.push(answer && answer.message);
        check(
            `${tag}: ${name} password`,
            problems.some((text) => pattern.test(text)),
            problems,
        );
        refused.disconnect();
    }
}

async function reconnect(Redis, options, tag) {
    const redis = new Redis({
        ...options,
        port,
        db: 5,
        retryStrategy: () => 30,
        maxRetriesPerRequest: null,
    });
    redis.on('error', () => {});
    await survives(tag, {
        write: (key, value) => redis.set(key, value),
        count: (key) => redis.incr(key),
        mget: (keys) => redis.mget(keys),
    });
    same(`${tag}: in its database again`, await redis.exists('survive:count'), 1);
    await redis.flushdb();
    const impatient = new Redis({
        ...options,
        port,
        retryStrategy: () => 30,
        maxRetriesPerRequest: 0,
    });
    impatient.on('error', () => {});
    await impatient.ping();
    await restart();
    await until(`${tag}: without resending`, () => impatient.ping().catch(() => false));
    redis.disconnect();
    impatient.disconnect();
}

async function all(
    Redis,
    options,
    tag,
    parts = [pipelines, transactions, scans, values, forms, databases],
) {
    const redis = new Redis({ ...options, port });
    redis.on('error', (error) => check(`${tag}: no error event`, false, error));
    await new Promise((resolve) => redis.once('ready', resolve));
    check(`${tag}: ready`, true);
    for (const part of parts) {
        await part(redis, tag).catch((error) => check(`${tag}: ${part.name}`, false, error.stack));
        await redis.flushall();
    }
    same(`${tag}: QUIT`, await redis.quit(), 'OK');
    await auth(Redis, options, tag);
    await reconnect(Redis, options, tag);
    await pause(10);
}

run(async () => {
    const five = require('ioredis');
    const six = require('ioredis-6');
    await all(five, {}, 'ioredis 5');
    await all(five, { enableAutoPipelining: true }, 'ioredis 5, auto pipelining', [
        pipelines,
        scans,
        values,
    ]);
    await all(six, {}, 'ioredis 6');
    const old = new six({ port, protocol: 2 });
    same('ioredis 6, RESP2', [await old.set('k', 'v'), await old.get('k')], ['OK', 'v']);
    old.disconnect();
});
