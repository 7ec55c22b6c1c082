// A server in this process, asked in three forms: `node examples/serve.mjs` prints an answer of each. Any client of OpenAI or of
// text-embeddings-inference does the same with its base URL set to the address.

import { createServer } from 'sinter';

const server = await createServer({ minilm: {} }, { port: 0 });
const address = await server.listen();

async function ask(path, body) {
  const response = await fetch(address + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

const input = ['a red car', 'a fast car', 'rain'];
const { data, usage } = await ask('/v1/embeddings', { model: 'minilm', input });
console.log(`${data.length} vectors of ${usage.total_tokens} tokens`);

const [source_sentence, ...sentences] = input;
console.log(await ask('/similarity', { inputs: { source_sentence, sentences } }));

const { results, version } = await ask('/models/minilm/embed', { inputs: input, dimensions: 3 });
console.log(version, results);

await server.close();
