# node: threads, Atomics, WebAssembly, zlib, children, a Unix socket, files and their changes, timers, streams.
set -e
cat >all.mjs <<'END'
import { Worker } from 'node:worker_threads';
import { spawn, spawnSync, execFileSync, fork } from 'node:child_process';
import { createHash, pbkdf2Sync, randomBytes, createCipheriv } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import zlib from 'node:zlib';
import { performance } from 'node:perf_hooks';
import readline from 'node:readline';

const say = (name, ...what) => console.log(name + ':', ...what);
say('version', process.version.split('.')[0], os.platform(), os.availableParallelism?.() ?? os.cpus().length);

// Threads that count together, and one that waits to be woken.
const shared = new Int32Array(new SharedArrayBuffer(64));
const code = `
const { workerData: shared, parentPort } = require('worker_threads');
for (let i = 0; i < 20000; i++) Atomics.add(shared, 0, 1);
parentPort.postMessage(Atomics.wait(shared, 1, 0, 60000));
`;
const workers = Array.from({ length: 4 }, () => new Worker(code, { eval: true, workerData: shared }));
while (Atomics.load(shared, 0) < 80000) await sleep(10);
const messages = workers.map((worker) => once(worker, 'message'));
let woken = 0;
while (woken < 4) { woken += Atomics.notify(shared, 1); await sleep(10); }
say('workers', shared[0], (await Promise.all(messages)).flat().join(' '));
for (const worker of workers) await worker.terminate();
const thrower = new Worker('throw new Error("of a worker")', { eval: true });
say('worker that throws', (await once(thrower, 'error'))[0].message);
say('timed out', Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50));

// WebAssembly: fac(n) by recursion.
const wasm = Uint8Array.from([0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 126, 1, 126, 3, 2, 1, 0, 7, 7, 1, 3, 102, 97, 99, 0, 0,
    10, 23, 1, 21, 0, 32, 0, 80, 4, 126, 66, 1, 5, 32, 0, 32, 0, 66, 1, 125, 16, 0, 126, 11, 11]);
const { instance } = await WebAssembly.instantiate(wasm);
say('wasm', instance.exports.fac(20n));

// Work that gets compiled, and garbage.
let sum = 0;
for (let i = 0; i < 5e6; i++) sum = (sum * 31 + i) | 0;
say('loop', sum);
let kept = [];
for (let round = 0; round < 20; round++) kept = Array.from({ length: 50000 }, (_, i) => ({ i, text: 'x' + i }));
say('garbage', kept.length, kept[49999].text);
try { (function deep() { deep(); })(); } catch (error) { say('deep', error.name); }
say('sorted', Array.from({ length: 100000 }, (_, i) => (i * 7919) % 100003).sort((a, b) => a - b)[50000]);
say('pattern', 'aXbXc'.replace(/(?<=a)X|X(?=c)/g, '-'), /\p{Lu}/u.test('É'), [...'a1b22'.matchAll(/\d+/g)].map(String).join());
say('text', new Intl.NumberFormat('de').format(1234567.891), new Date(1.7e12).toISOString(), 'é'.normalize('NFD').length);
say('big', 2n ** 200n % 1000007n);

// Compression and digests, which use node's own threads.
const data = Buffer.from(Array.from({ length: 400000 }, (_, i) => (i * i) >> 7));
for (const kind of ['gzip', 'deflate', 'brotliCompress']) {
    const packed = await new Promise((done, fail) => zlib[kind](data, (error, out) => error ? fail(error) : done(out)));
    const back = { gzip: 'gunzipSync', deflate: 'inflateSync', brotliCompress: 'brotliDecompressSync' }[kind];
    say(kind, packed.length, zlib[back](packed).equals(data));
}
say('sha512', createHash('sha512').update(data).digest('hex').slice(0, 32));
say('pbkdf2', pbkdf2Sync('secret', 'salt', 5000, 16, 'sha256').toString('hex'), randomBytes(8).length);
say('aes', createCipheriv('aes-128-cbc', Buffer.alloc(16, 1), Buffer.alloc(16)).update('text of sixteen.').toString('hex'));

// Files.
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'node-'));
process.chdir(folder);
await Promise.all(Array.from({ length: 100 }, (_, i) => fs.promises.writeFile('f' + i, 'x'.repeat(i * 100))));
say('files', (await fs.promises.readdir('.')).length, (await fs.promises.stat('f99')).size);
await pipeline(fs.createReadStream('f99'), zlib.createGzip(), fs.createWriteStream('f99.gz'));
say('gzipped', zlib.gunzipSync(fs.readFileSync('f99.gz')).length);
for (const work of [() => fs.readFileSync('missing'), () => fs.mkdirSync('f1'), () => fs.rmdirSync('f2'), () => fs.openSync('f1', 'wx')])
    try { work(); } catch (error) { say('error', error.code, error.syscall); }
const watcher = fs.watch('.');
const change = once(watcher, 'change');
fs.writeFileSync('new', '');
say('watched', ...(await change));
watcher.close();
fs.symlinkSync('f1', 'link'); fs.copyFileSync('f3', 'copy'); fs.renameSync('copy', 'moved'); fs.truncateSync('moved', 10);
say('links', fs.readlinkSync('link'), fs.realpathSync('link') === path.join(fs.realpathSync('.'), 'f1'), fs.statSync('moved').size);
fs.cpSync('.', '../copied', { recursive: true }); say('copied', fs.readdirSync('../copied').length);
fs.rmSync('../copied', { recursive: true });

// Children.
say('spawn', execFileSync('tr', ['a-z', 'A-Z'], { input: 'text' }).toString(), spawnSync('sh', ['-c', 'exit 3']).status, spawnSync('sh', ['-c', 'kill -9 $$']).signal);
const missing = spawn('/missing/program');
say('missing', (await once(missing, 'error'))[0].code);
const cat = spawn('cat', { stdio: ['pipe', 'pipe', 'inherit'] });
cat.stdin.end('x'.repeat(1 << 20));
let got = 0;
for await (const chunk of cat.stdout) got += chunk.length;
say('cat', got, ...(await once(cat, 'close')));
const sleeper = spawn('sleep', ['100']);
sleeper.kill('SIGTERM');
say('killed', (await once(sleeper, 'exit'))[1]);
say('timeout', spawnSync('sleep', ['100'], { timeout: 200 }).error.code);
fs.writeFileSync('child.js', 'process.on("message", (m) => { process.send(m * 2); process.disconnect(); })');
const child = fork('child.js');
child.send(21);
say('fork', (await once(child, 'message'))[0], (await once(child, 'exit'))[0]);
const lines = readline.createInterface({ input: spawn('seq', ['10000']).stdout });
let count = 0;
for await (const line of lines) count += Number(line);
say('lines', count);

// Signals, timers, sockets.
const signal = once(process, 'SIGUSR2');
process.kill(process.pid, 'SIGUSR2');
say('signal', (await signal)[0]);
const start = performance.now();
await sleep(100);
say('slept', performance.now() - start >= 99);
const order = [];
setTimeout(() => order.push('timeout'), 0); setImmediate(() => order.push('immediate')); process.nextTick(() => order.push('tick'));
await Promise.resolve().then(() => order.push('promise')); await sleep(50);
say('order', order.filter((what) => what === 'tick' || what === 'promise').join(' '), order.length);
const server = net.createServer((socket) => socket.on('data', (data) => socket.write(data.toString().toUpperCase())).on('end', () => socket.end()));
server.listen('socket');
await once(server, 'listening');
const answers = await Promise.all(Array.from({ length: 20 }, async (_, i) => {
    const client = net.connect('socket');
    client.end('client ' + i);
    let answer = '';
    for await (const part of client) answer += part;
    return answer;
}));
say('socket', answers.length, answers[19]);
server.close();
const nobody = net.connect('nowhere');
say('nobody', (await once(nobody, 'error'))[0].code);
say('memory', process.memoryUsage().rss > 1e6, os.totalmem() > os.freemem(), process.resourceUsage().maxRSS > 1000);
process.chdir('/');
fs.rmSync(folder, { recursive: true });
process.on('exit', (status) => say('exit', status));
process.exitCode = 5;
END
node all.mjs 2>&1 || echo "status $?"
echo 'console.log(6 * 7)' | node -; node -e 'process.abort()' 2>/dev/null || echo "abort: $?"
node -e 'Promise.reject(new Error("unheard"))' 2>&1 | grep -c unheard; node --jitless -p '[1, 2, 3].map((x) => x * x).join()'
node --max-old-space-size=60 -e 'const a = []; for (;;) a.push(new Array(1e5).fill(1.5))' >/dev/null 2>&1 || [ $? -ge 128 ]
echo out of memory
