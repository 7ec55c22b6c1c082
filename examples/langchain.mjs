// Embeddings for LangChain.js from a model in this process: `SinterEmbeddings` is an EmbeddingsInterface of @langchain/core,
// which every vector store takes. `node examples/langchain.mjs` embeds three texts and asks for the nearest one.
//
//   const store = await MemoryVectorStore.fromTexts(texts, {}, await SinterEmbeddings.load());

import { argv } from 'node:process';
import { pathToFileURL } from 'node:url';
import { Encoder } from 'sinter';

export class SinterEmbeddings {
  #encoder;
  #names;

  /** `names`: of the model's prompts for documents and queries, where it was trained with such. */
  constructor(encoder, names = {}) {
    this.#encoder = encoder;
    this.#names = names;
  }

  /** The model in the package, a folder, an ONNX file, or an id of the hub. */
  static async load(path, { documents, query, ...options } = {}) {
    return new SinterEmbeddings(await Encoder.load(path, options), { documents, query });
  }

  /** number[][] */
  async embedDocuments(documents) {
    const options = promptOf(this.#names.documents);
    return (await this.#encoder.embed(documents, options)).toArray();
  }

  /** number[] */
  async embedQuery(query) {
    return [...(await this.#encoder.embed(query, promptOf(this.#names.query)))];
  }

  async dispose() {
    await this.#encoder.dispose();
  }
}

const promptOf = (promptName) => (promptName === undefined ? {} : { promptName });

if (import.meta.url === pathToFileURL(argv[1] ?? '').href) {
  const embeddings = await SinterEmbeddings.load();
  const texts = ['a red car', 'the weather in Rome', 'invoices of last year'];
  const vectors = await embeddings.embedDocuments(texts);
  const query = await embeddings.embedQuery('how warm is it in Italy?');
  const scores = vectors.map((vector) => vector.reduce((sum, x, i) => sum + x * query[i], 0));
  console.log(texts[scores.indexOf(Math.max(...scores))]);
  await embeddings.dispose();
}
