// Ten thousand mutated requests over a real socket: every one is answered, none with 500, and the process does not grow.
//
// SINTER_FUZZ_SEED and SINTER_FUZZ_REQUESTS choose the run; a failure names the request.
import { Agent, request as httpRequest } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { SinterServer } from '../../lib/server/index.js';
import type { OpenApi } from '../../lib/server/openapi/document.js';
import { SMALL_MODELS, type SmallModel, send, smallServer } from './small-server.js';

const SEED = Number(process.env.SINTER_FUZZ_SEED ?? 20261201);
const REQUESTS = Number(process.env.SINTER_FUZZ_REQUESTS ?? 10_000);
const AT_A_TIME = 8;
/** What may grow in the second half: compiled code, and what the engine keeps for the next garbage. A kilobyte kept a request is more. */
const HEAP_GROWTH_BYTES = 4 * 2 ** 20;
const RESIDENT_GROWTH_BYTES = 32 * 2 ** 20;

let server: SinterServer;
let address: URL;
const agent = new Agent({ keepAlive: true, maxSockets: AT_A_TIME });

beforeAll(async () => {
  server = await smallServer(Object.keys(SMALL_MODELS) as SmallModel[]);
  address = new URL(await server.listen());
}, 300_000);

afterAll(async () => {
  agent.destroy();
  await server.close();
});

/** Numbers of a linear congruential generator: the same for the same seed. */
class Chance {
  constructor(private state: number) {}

  below(count: number): number {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.state / 2 ** 32) * count);
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }
}

const MODELS = [...Object.keys(SMALL_MODELS), 'nothing', '', '__proto__', 'a/b', '..', '\u0000'];
const STRINGS = [
  ...['', 'a', 'a red car', '[MASK]', 'the [MASK] car', 'é'.repeat(300), '\u0000', '😀', '\ud800'],
  ...['\udc00a', '\u202e', 'ﷺ'.repeat(50), 'x'.repeat(5000), ' \n\t ', '[CLS] [SEP]', '__proto__'],
];
const VALUES: readonly unknown[] = [
  ...[null, true, false, 0, -1, 1.5, 1e308, -0, 2 ** 31, 2 ** 53, '5', 'base64', 'none', 'both'],
  ...[[], {}, [[]], [null], [1, 'a'], ['a', 1], [[1], 'a'], [[[1]]], { a: 1 }],
  ...[
    [2, 5, 3],
    [[2, 5], [999_999]],
    ['a', 'b'],
    [['a'], ['a', 'b']],
    { question: 'a', context: 'b' },
  ],
];
const RAW = [
  ...['', '{', 'null', '[]', '"a"', '{"inputs":NaN}', '{"inputs":Infinity}', '{"inputs":1e999}'],
  ...[
    '{"inputs":"a","inputs":"b"}',
    '{"__proto__":{"inputs":"a"}}',
    '{"constructor":{"prototype":1}}',
  ],
  ...[
    `${'['.repeat(5000)}`,
    `{"inputs":${'['.repeat(60)}${']'.repeat(60)}}`,
    '\ufeff{"inputs":"a"}',
  ],
  ...['{"inputs":"\\ud800"}', '{"inputs":"\\u0000"}', '{"inputs":01}', "{'inputs':'a'}", '{}x'],
  `{"model":"encoder","input":[${Array(3000).fill('"a"').join()}]}`,
  `{"model":"encoder","input":[${Array(200_000).fill('1').join()}]}`,
];

interface Attempt {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** A value with one place changed, added or taken away. */
function mutated(value: unknown, chance: Chance): unknown {
  if (chance.below(6) === 0) return chance.of([...VALUES, ...STRINGS]);
  if (Array.isArray(value)) {
    const copy = [...value];
    const at = chance.below(copy.length + 1);
    copy[at] = at < copy.length ? mutated(copy[at], chance) : chance.of([...VALUES, ...STRINGS]);
    return copy;
  }
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value);
    const at = chance.below(entries.length + 1);
    if (at === entries.length) return { ...value, [chance.of(FIELDS)]: chance.of(VALUES) };
    const [name = '', inner] = entries[at] ?? [];
    if (chance.below(5) === 0) return Object.fromEntries(entries.filter(([one]) => one !== name));
    return { ...value, [name]: mutated(inner, chance) };
  }
  return typeof value === 'string' ? chance.of(STRINGS) : chance.of(VALUES);
}

const FIELDS = [
  ...['truncate', 'truncation_direction', 'truncationDirection', 'normalize', 'dimensions', 'topK'],
  ...[
    'prompt_name',
    'promptName',
    'encoding',
    'encoding_format',
    'offsets',
    'aggregation',
    'top_n',
  ],
  ...['threshold', 'logits', 'raw_scores', 'return_text', 'maxAnswerTokens', 'docStride', 'model'],
  ...['allowNoAnswer', 'parameters', 'skip_special_tokens', 'add_special_tokens', '__proto__', 'x'],
];

/** Bytes with one of them changed, cut off or doubled. */
function mangled(body: Buffer, chance: Chance): Buffer {
  const at = chance.below(body.length + 1);
  const byte = Buffer.of(chance.below(256));
  const rest = chance.of([body.subarray(at), body.subarray(at + 1), Buffer.alloc(0)]);
  return Buffer.concat([body.subarray(0, at), byte, rest]);
}

function attemptOf(document: OpenApi, chance: Chance): Attempt {
  const [pattern, methods] = chance.of(Object.entries(document.paths));
  const method = chance.below(30) === 0 ? chance.of(['GET', 'PUT', 'DELETE']) : 'POST';
  const name = chance.below(5) === 0 ? chance.of(MODELS) : fittingModel(pattern);
  const model = encodeURIComponent(name);
  const key = chance.below(20) === 0 ? 'x' : 'model';
  const isInBody = pattern.includes('/v1/') || pattern === '/embeddings';
  const isInQuery = !isInBody && !pattern.includes('{');
  const path = pattern.replace(/\{\w+\}/, model) + (isInQuery ? `?${key}=${model}` : '');
  const { example } = methods.post?.requestBody?.content['application/json'] ?? {};
  let value: unknown = isInBody ? { ...(example as object), model: name } : example;
  for (let i = chance.below(4); i > 0; i--) value = mutated(value, chance);
  let body: Buffer = Buffer.from(
    chance.below(12) === 0 ? chance.of(RAW) : (JSON.stringify(value) ?? ''),
  );
  if (chance.below(10) === 0) body = mangled(body, chance);
  const type =
    chance.below(40) === 0 ? chance.of(['text/plain', '', 'application/xml']) : 'application/json';
  const header = chance.below(8) === 0 ? { 'x-model': chance.of(Object.keys(SMALL_MODELS)) } : {};
  const timeout =
    chance.below(40) === 0 ? { 'x-request-timeout-ms': chance.of(['1', '0', 'x', '-5']) } : {};
  return { method, path, headers: { 'content-type': type, ...header, ...timeout }, body };
}

/** The model for the task of a route. */
function fittingModel(pattern: string): SmallModel {
  const models: Readonly<Record<string, SmallModel>> = {
    ...{ classify: 'topics', predict: 'sentiment', tag: 'names', answer: 'answers' },
    ...{ rerank: 'reranker', 'fill-mask': 'masks', invocations: 'stars' },
  };
  return models[pattern.split('/').at(-1) ?? ''] ?? 'encoder';
}

/** The status and the body of the answer. */
function run({ method, path, headers, body }: Attempt): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const url = new URL(address);
    const { hostname, port } = url;
    const length = { 'content-length': String(body.length) };
    const options = { hostname, port, path, method, agent, headers: { ...headers, ...length } };
    const request = httpRequest(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() });
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** Statuses that a client can cause. 424 is TEI's for a model of another task, 503 that of probes. */
const EXPECTED = new Set([200, 400, 404, 405, 413, 415, 422, 424, 429, 504]);

it(`answers ${REQUESTS} mutated requests (seed ${SEED})`, { timeout: 1_200_000 }, async () => {
  const document: OpenApi = (await send(server, 'GET', '/openapi.json')).body;
  const posts = Object.entries(document.paths).filter(([path, one]) => {
    return one.post && !path.startsWith('/admin');
  });
  const tried = { ...document, paths: Object.fromEntries(posts) };
  const chance = new Chance(SEED);
  const counts = new Map<number, number>();
  const half = async () => {
    let left = REQUESTS / 2;
    const worker = async () => {
      while (left-- > 0) {
        const status = await tryOne(attemptOf(tried, chance));
        counts.set(status, (counts.get(status) ?? 0) + 1);
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, worker));
    return heldBytes();
  };
  const before = await half();
  const after = await half();
  const statuses = [...counts].sort(([a], [b]) => a - b);
  console.log(statuses.map(([status, count]) => `${status}: ${count}`).join(', '));
  console.log(`heap ${after.heap - before.heap}, resident ${after.resident - before.resident}`);
  expect(counts.get(200) ?? 0).toBeGreaterThan(REQUESTS / 20);
  expect(counts.get(422) ?? 0).toBeGreaterThan(REQUESTS / 20);
  expect(after.heap - before.heap).toBeLessThan(HEAP_GROWTH_BYTES);
  expect(after.resident - before.resident).toBeLessThan(RESIDENT_GROWTH_BYTES);
  expect((await send(server, 'GET', '/livez')).status).toBe(200);
});

async function tryOne(attempt: Attempt): Promise<number> {
  const { status, text } = await run(attempt);
  const { method, path, body } = attempt;
  const shown = `${method} ${path} ${body.toString('latin1').slice(0, 300)}: ${text.slice(0, 300)}`;
  expect(EXPECTED, shown).toContain(status);
  expect(() => JSON.parse(text), shown).not.toThrow();
  return status;
}

/** What the process holds once the garbage is gone, in JavaScript and in all. */
async function heldBytes(): Promise<{ heap: number; resident: number }> {
  await new Promise((resolve) => setTimeout(resolve, 500));
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  // What the first collection finalizes, the second one frees.
  for (let pass = 0; pass < 3; pass++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heap: heapUsed + external, resident: rss };
}
