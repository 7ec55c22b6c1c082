// `sinter serve` for ARM64 under qemu beside one for this machine: the same requests get the same bytes.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';

const TEXTS = [
  'How do I reset my card PIN?',
  'Transfers take two working days.',
  '我想查询一下银行卡的余额',
  'naïve café — 🙂 déjà vu',
  'word '.repeat(40),
];
/** Paths, bodies, and the status that is due. */
const REQUESTS = [
  ['/v1/embeddings', { model: 'int8', input: TEXTS, encoding_format: 'base64' }, 200],
  ['/v1/embeddings', { model: 'minilm', input: TEXTS, dimensions: 128 }, 200],
  ['/embed?model=minilm', { inputs: TEXTS, normalize: false }, 200],
  ['/tokenize?model=int8', { inputs: TEXTS[3] }, 200],
  [
    '/similarity?model=int8',
    { inputs: { source_sentence: TEXTS[0], sentences: [TEXTS[1], TEXTS[2]] } },
    200,
  ],
  ['/v1/embeddings', { model: 'another', input: 'a' }, 404],
  ['/embed?model=int8', { inputs: [1e9] }, 422],
];

/** The address that a server prints; the streams stay open, for what it writes later. */
function addressOf(child) {
  let out = '';
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (some) => {
    errors += some;
  });
  return new Promise((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (some) => {
      out += some;
      const [url] = /http:\/\/[^\s"]+/.exec(out) ?? [];
      if (url !== undefined) resolve(url);
    });
    child.once('error', reject);
    child.once('close', (code) => {
      reject(new Error(`the server ended with ${code} before it listened: ${errors.slice(-2000)}`));
    });
  });
}

async function answersOf(url) {
  const answers = [];
  for (const [path, body] of REQUESTS) {
    const headers = { 'content-type': 'application/json' };
    const request = { method: 'POST', headers, body: JSON.stringify(body) };
    const answer = await fetch(url + path, request);
    answers.push({ status: answer.status, text: await answer.text() });
  }
  return answers;
}

/** What differs between the answers of both servers, of requests or of ends; none is due. */
async function compare(children) {
  const [here, there] = await Promise.all(
    children.map(async (child) => answersOf(await addressOf(child))),
  );
  const wrong = REQUESTS.flatMap(([path, , status], i) => {
    if (there[i].status !== status)
      return [
        `${path}: must answer ${status}, got ${there[i].status}: ${there[i].text.slice(0, 300)}`,
      ];
    // Errors carry the id of their request.
    return status !== 200 || there[i].text === here[i].text
      ? []
      : [`${path}: not the answer of x86`];
  });
  for (const child of children) {
    const ended = once(child, 'close');
    child.kill('SIGTERM');
    const [code] = await ended;
    if (code !== 0) wrong.push(`after SIGTERM the server ended with ${code}`);
  }
  return wrong;
}

const cliOf = (root) => join(root, 'dist/cli/main.js');

/** The embedded model in int8, made by this machine. */
function quantizedModel(root, work) {
  const folder = join(work, 'minilm-int8');
  rmSync(folder, { recursive: true, force: true });
  const args = [cliOf(root), 'quantize', '--out', folder, '--quiet'];
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`sinter quantize ended with ${status}: ${stderr}`);
  return folder;
}

/** The embedded model in f32 and in int8, served by both machines: { ok, text }. */
export async function runServe(emulation, root, work) {
  const minilm = join(root, 'models/all-MiniLM-L6-v2');
  const models = [`minilm=${minilm}`, `int8=${quantizedModel(root, work)}`];
  const args = [cliOf(root), 'serve', '--port', '0', '--quiet', '--no-warm-up', ...models];
  const children = [
    spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] }),
    emulation.start(args),
  ];
  try {
    const wrong = await compare(children);
    return { ok: wrong.length === 0, text: wrong.join('\n') || `${REQUESTS.length} requests` };
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
}
