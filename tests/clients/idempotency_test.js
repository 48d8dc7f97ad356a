// A payment service whose requests carry idempotency keys, and a limit of requests per window: what
// is acknowledged once has to hold after any failure.
'use strict';
const express = require('express');
const Redis = require('ioredis');
const { port, newer, check, same, restart, pause, run } = require('./check');

const PENDING = 'pending';

// The first request of a key does the work; a repeated one gets the same answer, or 409 meanwhile.
function idempotent(redis) {
    return async (request, response, next) => {
        const key = `idem:${request.get('idempotency-key')}`;
        const found = await redis.set(key, PENDING, 'EX', 60, 'NX', 'GET');
        if (found === PENDING) return response.status(409).json({ error: 'in progress' });
        if (found !== null) return response.set('x-replayed', 'yes').json(JSON.parse(found));
        response.settle = async (body) => {
            await redis.set(key, JSON.stringify(body), 'XX', 'KEEPTTL');
            response.json(body);
        };
        return next();
    };
}

// At most so many requests of one user in a window: a counter that expires.
function limited(redis, limit, seconds) {
    return async (request, response, next) => {
        const key = `limit:${request.get('x-user')}`;
        const [[, count], , [, left]] = await redis
            .multi()
            .incr(key)
            .expire(key, seconds, 'NX')
            .pttl(key)
            .exec();
        if (count > limit)
            return response
                .status(429)
                .set('retry-after', String(Math.ceil(left / 1000)))
                .json({});
        return next();
    };
}

function application(redis, ledger) {
    const app = express();
    app.use(express.json());
    app.post('/pay', idempotent(redis), async (request, response) => {
        ledger.push(request.body.amount);
        await pause(20);
        const number = await redis.incr('receipt');
        await response.settle({ number, amount: request.body.amount });
    });
    app.get('/limited', limited(redis, 5, 2), (request, response) => response.json({}));
    return new Promise((resolve) => {
        const server = app.listen(0, '127.0.0.1', () => resolve(server));
    });
}

function caller(server) {
    const address = `http://127.0.0.1:${server.address().port}`;
    const call = async (path, options) => {
        const response = await fetch(address + path, options);
        return { status: response.status, headers: response.headers, body: await response.json() };
    };
    return {
        pay: (key, amount) =>
            call('/pay', {
                method: 'POST',
                headers: { 'content-type': 'application/json', 'idempotency-key': key },
                body: JSON.stringify({ amount }),
            }),
        limited: (user) => call('/limited', { headers: { 'x-user': user } }),
    };
}

async function payments({ pay }, ledger, redis) {
    const first = await pay('one', 10);
    const second = await pay('one', 10);
    same(
        'the same answer twice',
        [first.body, second.headers.get('x-replayed')],
        [second.body, 'yes'],
    );
    const storm = await Promise.all(Array.from({ length: 30 }, () => pay('two', 20)));
    const done = storm.filter(({ status }) => status === 200);
    check(
        '30 at the same time: one is done, the others wait or see it',
        done.length >= 1 && storm.every(({ status }) => status === 200 || status === 409),
    );
    same('it was paid once', ledger, [10, 20]);
    const ttl = await redis.ttl('idem:two');
    check('the key expires', ttl > 50 && ttl <= 60, ttl);
    const many = await Promise.all(Array.from({ length: 100 }, (_, i) => pay(`many ${i}`, i)));
    same('100 receipts, none twice', new Set(many.map(({ body }) => body.number)).size, 100);
}

async function afterAKill({ pay }, ledger) {
    const answers = [];
    const going = (async () => {
        for (let i = 0; i < 60; i++) answers.push(await pay(`kill ${i}`, i));
    })();
    await pause(150);
    await restart();
    await going;
    const before = ledger.length;
    const again = [];
    for (let i = 0; i < 60; i++) again.push(await pay(`kill ${i}`, i));
    const done = answers.map(({ status }, i) => (status === 200 ? i : -1)).filter((i) => i >= 0);
    check(
        `after a kill the same answers (${done.length})`,
        done.length > 30 && done.every((i) => again[i].body.number === answers[i].body.number),
    );
    same('nothing is paid again', ledger.length, before);
    const numbers = done.map((i) => answers[i].body.number);
    same('no receipt number twice', new Set(numbers).size, numbers.length);
}

async function limits({ limited: call }) {
    const states = [];
    for (let i = 0; i < 7; i++) states.push((await call('anna')).status);
    same('the sixth in the window is one too many', states, [200, 200, 200, 200, 200, 429, 429]);
    same('somebody else may', (await call('bert')).status, 200);
    const refused = await call('anna');
    check('when to come again', ['1', '2'].includes(refused.headers.get('retry-after')));
    await pause(2050);
    same('in the next window', (await call('anna')).status, 200);
}

// The same in one command, where the server has it.
async function counters(redis) {
    await redis.set('visits', 1, 'EX', 100);
    same(
        'a counter keeps its expiry',
        [await redis.incr('visits'), (await redis.ttl('visits')) > 90],
        [2, true],
    );
    if (!newer) return;
    const replies = [];
    for (let i = 0; i < 4; i++) {
        replies.push(
            await redis.call('INCREX', 'bucket', 'BYINT', 1, 'UBOUND', 3, 'EX', 100, 'ENX'),
        );
    }
    same('INCREX up to its bound', replies, [
        [1, 1],
        [2, 1],
        [3, 1],
        [3, 0],
    ]);
    check('with an expiry', (await redis.ttl('bucket')) > 90);
}

run(async () => {
    const redis = new Redis({ port, retryStrategy: () => 30, maxRetriesPerRequest: null });
    redis.on('error', () => {});
    const ledger = [];
    const server = await application(redis, ledger);
    const service = caller(server);
    await payments(service, ledger, redis);
    await afterAKill(service, ledger);
    await limits(service);
    await counters(redis);
    server.close();
    redis.disconnect();
});
