// A client in a process of its own: sends requests over many connections, either each after the answer to the one before (closed), or
// at a fixed rate whatever the server does (open). Sockets are read by hand, because a client that takes as long as the server would
// be what is measured.
//
// Options (JSON): { port, path, bodies, connections, seconds, rate?, headers? }. Sends back { seconds, sent, answered, statuses,
// latencies: { p50, p99, max } of the answers with status 200, refusals: { p50, p99 } of those with 429, broken }.
import { connect } from 'node:net';
import { performance } from 'node:perf_hooks';

const options = JSON.parse(process.argv[2]);
const { port, path, connections, seconds, rate = null, headers = {} } = options;

/** The bytes of a request, made once. */
function requestOf(body) {
  const lines = [
    `POST ${path} HTTP/1.1`,
    'host: localhost',
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`);
}

const requests = options.bodies.map((body) => requestOf(JSON.stringify(body)));
const statuses = {};
const good = [];
const refused = [];
let sent = 0;
let broken = 0;
let isOver = false;
const END = Buffer.from('\r\n\r\n');

/** One connection: `send` writes the next request; `onIdle` is called when its answer is read. */
class Connection {
  constructor(onIdle) {
    this.onIdle = onIdle;
    this.head = Buffer.alloc(0);
    this.left = 0;
    this.open();
  }

  open() {
    this.socket = connect(port, '127.0.0.1');
    this.socket.setNoDelay(true);
    this.opened ??= new Promise((resolve) => this.socket.once('connect', resolve));
    this.socket.on('data', (piece) => this.read(piece));
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      if (isOver) return;
      if (this.since !== undefined) {
        broken++;
        this.since = undefined;
      }
      this.open();
      this.onIdle(this);
    });
  }

  send(arrived = performance.now()) {
    this.since = arrived;
    this.socket.write(requests[sent++ % requests.length]);
  }

  read(piece) {
    if (this.left > 0) {
      this.left -= piece.length;
      if (this.left <= 0) this.done();
      return;
    }
    this.head = this.head.length === 0 ? piece : Buffer.concat([this.head, piece]);
    const end = this.head.indexOf(END);
    if (end < 0) return;
    const text = this.head.latin1Slice(0, end);
    this.status = Number(text.slice(9, 12));
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? 0);
    this.left = length - (this.head.length - end - END.length);
    this.head = Buffer.alloc(0);
    if (this.left <= 0) this.done();
  }

  done() {
    // A server may end a connection on which nothing was asked for long with 408.
    if (this.since === undefined) return;
    const ms = performance.now() - this.since;
    this.since = undefined;
    this.left = 0;
    statuses[this.status] = (statuses[this.status] ?? 0) + 1;
    if (this.status === 200) good.push(ms);
    else if (this.status === 429) refused.push(ms);
    this.onIdle(this);
  }
}

function closedLoop() {
  onIdle = (one) => {
    if (!isOver) one.send();
  };
  for (const one of all) onIdle(one);
}

/** Requests arrive at `rate` a second; those that find no free connection wait for one, and the wait counts. */
function openLoop() {
  const waiting = [];
  const free = [...all];
  onIdle = (one) => {
    const arrived = waiting.shift();
    if (arrived === undefined) free.push(one);
    else one.send(arrived);
  };
  let due = 0;
  const timer = setInterval(() => {
    const now = performance.now();
    for (; due < ((now - began) / 1000) * rate; due++) {
      const arrived = began + (1000 * due) / rate;
      const one = free.shift();
      if (one === undefined) waiting.push(arrived);
      else one.send(arrived);
    }
  }, 1);
  return () => clearInterval(timer);
}

function percentiles(times) {
  const sorted = Float64Array.from(times).sort();
  const at = (share) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

// The clock starts when all connections stand.
const all = Array.from({ length: connections }, () => new Connection((one) => onIdle(one)));
let onIdle = () => {};
await Promise.all(all.map(({ opened }) => opened));
const began = performance.now();
const stop = rate === null ? closedLoop() : openLoop();
setTimeout(() => {
  isOver = true;
  stop?.();
  const passed = (performance.now() - began) / 1000;
  const answered = Object.values(statuses).reduce((sum, n) => sum + n, 0);
  const figures = { seconds: passed, sent, answered, statuses, broken };
  process.send({ ...figures, latencies: percentiles(good), refusals: percentiles(refused) }, () =>
    process.exit(0),
  );
}, 1000 * seconds);
