// A cache: keyv with its Redis store, in front of something slow.
'use strict';
const Keyv = require('keyv').default;
const KeyvRedis = require('@keyv/redis').default;
const { port, authPort, password, check, same, restart, pause, until, run } = require('./check');

async function entries(cache) {
    const value = { name: 'anna', list: [1, 2.5, null, true], text: '\u00e4\u{1f600}\n\0' };
    await cache.set('a', value);
    same('a value', await cache.get('a'), value);
    same('nothing', await cache.get('none'), undefined);
    same('has', [await cache.has('a'), await cache.has('none')], [true, false]);
    same(
        'delete',
        [await cache.delete('a'), await cache.delete('a'), await cache.get('a')],
        [true, false, undefined],
    );
    await cache.set('buffer', Buffer.from([0, 255, 13, 10]));
    same('bytes', await cache.get('buffer'), Buffer.from([0, 255, 13, 10]));
    const text = 'ten bytes!'.repeat(1_000_000);
    await cache.set('large', text);
    check('10 MB', (await cache.get('large')) === text);
    await cache.setMany(
        Array.from({ length: 500 }, (_, i) => ({ key: `m${i}`, value: i, ttl: 60_000 })),
    );
    same('many', await cache.getMany(['m0', 'none', 'm499']), [0, undefined, 499]);
    same('has many', await cache.hasMany(['m0', 'none']), [true, false]);
    const found = [];
    for await (const [key] of cache.iterator()) found.push(key);
    same('iterate', found.length, 502);
    same('delete many', await cache.delete(['m0', 'm1']), true);
}

async function expiry(cache) {
    await cache.set('brief', 'x', 500);
    same('before its end', await cache.get('brief'), 'x');
    await pause(600);
    same('after its end', await cache.get('brief'), undefined);
}

async function namespaces(store, cache) {
    const other = new Keyv(store(), { namespace: 'other' });
    await other.set('k', 'of the other');
    await cache.set('k', 'of this');
    same(
        'two namespaces',
        [await other.get('k'), await cache.get('k')],
        ['of the other', 'of this'],
    );
    await cache.clear();
    same(
        'clear one of them',
        [await other.get('k'), await cache.get('k'), await cache.get('large')],
        ['of the other', undefined, undefined],
    );
    await other.clear();
    await other.disconnect();
}

async function memoized(cache) {
    let calls = 0;
    async function slow(n) {
        const known = await cache.get(`square:${n}`);
        if (known !== undefined) return known;
        calls++;
        await pause(2);
        await cache.set(`square:${n}`, n * n, 10_000);
        return n * n;
    }
    for (let round = 0; round < 3; round++) {
        const results = await Promise.all(Array.from({ length: 100 }, (_, i) => slow(i)));
        check(
            `round ${round} of 100 calls`,
            results.every((value, i) => value === i * i),
        );
    }
    same('each was computed once', calls, 100);
}

run(async () => {
    const store = () => new KeyvRedis({ socket: { port, reconnectStrategy: () => 30 } });
    const cache = new Keyv(store(), { namespace: 'cache' });
    cache.on('error', (error) => {
        if (!/closed|ECONN/.test(error.message)) check('no error event', false, error);
    });
    await entries(cache);
    await expiry(cache);
    await namespaces(store, cache);
    await memoized(cache);
    await restart();
    await until(
        'there after a restart',
        async () => (await cache.get('square:7').catch(() => 0)) === 49,
    );
    const guarded = new Keyv(
        new KeyvRedis(`redis://:${encodeURIComponent(password)}@127.0.0.1:${authPort}`),
    );
    same('with a password', [await guarded.set('k', 'v'), await guarded.get('k')], [true, 'v']);
    await guarded.disconnect();
    await cache.disconnect();
});
