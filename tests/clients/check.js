// For the programs in JavaScript: their arguments, checks as the driver counts them, and a restart
// of the server under load. See clients_test.py.
'use strict';
const assert = require('node:assert');
const readline = require('node:readline');

const [port, authPort] = process.argv.slice(2, 4).map(Number);
const [password, kind] = process.argv.slice(4, 6);
// Whether the server has the commands that Debian's redis-server is too old for.
const newer = kind === 'poro';

const waiting = [];
const input = readline.createInterface({ input: process.stdin });
input.on('line', () => waiting.shift()());

function report(what, problem) {
    console.log(problem ? `FAILED ${what}: ${problem}` : `ok ${what}`);
}

function check(what, right, detail) {
    report(what, right ? null : String(detail === undefined ? 'is not so' : detail));
}

// Deeply equal, with the same types.
function same(what, got, wanted) {
    try {
        assert.deepStrictEqual(got, wanted);
        report(what);
    } catch {
        report(what, `${show(got)}, should be ${show(wanted)}`);
    }
}

function show(value) {
    return require('node:util').inspect(value, { breakLength: Infinity, depth: 5 }).slice(0, 500);
}

// The promise fails with an error whose text fits.
async function fails(what, promise, pattern) {
    try {
        report(what, `no error but ${show(await promise)}`);
    } catch (error) {
        check(what, pattern.test(error.message), `${error.name}: ${error.message}`);
    }
}

// Kills the server and starts it again; other promises go on meanwhile.
function restart() {
    return new Promise((resolve) => {
        waiting.push(resolve);
        console.log('restart');
    });
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function until(what, condition, seconds = 20) {
    for (const end = Date.now() + seconds * 1000; Date.now() < end; await pause(20)) {
        if (await condition()) return report(what);
    }
    return report(what, `not within ${seconds} s`);
}

// Writers that go on while the server is killed and started again. write(key, value) and
// count(key), an increment, resolve once acknowledged; mget(keys) reads. A write that fails may
// have been done or not; one that was acknowledged has to be there.
async function survives(what, { write, count, mget }) {
    const acknowledged = [];
    const counts = [];
    let going = true;
    let errors = 0;
    async function writer(name) {
        for (let i = 0; going; i++) {
            const key = `survive:${name}:${i}`;
            try {
                await write(key, key);
                acknowledged.push(key);
                counts.push(await count('survive:count'));
            } catch {
                errors++;
                await pause(10);
            }
        }
    }
    const writers = [...Array(8).keys()].map(writer);
    await pause(200);
    const before = acknowledged.length;
    await restart();
    const down = acknowledged.length;
    await until(`${what}: writes go on after the restart`, () => acknowledged.length > down + 50);
    going = false;
    await Promise.all(writers);
    check(`${what}: there were writes before the kill`, before > 0, before);
    let lost = 0;
    for (let i = 0; i < acknowledged.length; i += 500) {
        const keys = acknowledged.slice(i, i + 500);
        const values = await mget(keys);
        lost += keys.filter((key, at) => values[at] !== key).length;
    }
    same(
        `${what}: acknowledged writes lost, of ${acknowledged.length} (${errors} errors)`,
        lost,
        0,
    );
    same(`${what}: counts given twice`, counts.length - new Set(counts).size, 0);
}

// Every byte value, and sequences that mean something to the protocol.
const binary = Buffer.concat([
    Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
    Buffer.from('\r\n$-1\r\n*0\r\n\0\u00e4\u{1f600}'),
]);

function large(bytes) {
    const buffer = Buffer.alloc(bytes);
    for (let i = 0; i < bytes; i += 4) buffer.writeUInt32LE((i * 2654435761) >>> 0, i);
    return buffer;
}

function run(main) {
    main().then(
        () => {
            console.log('end');
            process.exit(0);
        },
        (error) => {
            console.log(`FAILED it goes through to its end: ${error.stack}`);
            process.exit(1);
        },
    );
}

module.exports = {
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
};
