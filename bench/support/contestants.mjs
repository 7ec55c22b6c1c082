// Other engines on one batch of token ids, in one shape: each setting is { engine, name, size, time, vectors }.
//
// Every engine counts with its best setting: all settings are tried once, and the fastest of each engine go through the rounds.
import { join } from 'node:path';
import { readWorkload } from './arguments.mjs';
import { exportForms, tokenize } from './model.mjs';
import { openSession, ortRunner } from './onnx-runtime.mjs';
import { makePeerFiles, PythonPeers } from './python-peers.mjs';
import { interleave, summarize, timeOnce } from './timing.mjs';

/** Settings per engine that go on to the measured rounds, because a single pass says too little on a shared machine. */
const FINALISTS = 2;

/** Texts of the pass that warms up a setting. */
const WARMUP_TEXTS = 32;

/** The files of all engines, and the Python process in which some of them run. Call `end` when done. */
export class Contestants {
  #python = null;
  #batches = 0;

  /** Exports Sinter's own files, and makes those of other engines where `options.peersEnv` is given. */
  static async prepare({ encoders, folder, model, isa, options }) {
    const all = new Contestants();
    all.threads = options.threads;
    all.sizes = options.batches;
    all.files = [...options.peers];
    for (const precision of options.precisions) {
      const forms = await exportForms(encoders[precision], precision, folder, options.quick);
      for (const form of forms) all.files.push({ engine: 'onnxruntime', precision, ...form });
    }
    if (options.peersEnv !== undefined) {
      all.#python = new PythonPeers(options.peersEnv, isa);
      const onnx = join(folder, 'plain.onnx');
      await encoders.f32.exportOnnx(onnx, { opset: 17 });
      const made = makePeerFiles(options.peersEnv, model, onnx, await calibrationIds(encoders.f32));
      all.files.push(...made.flatMap((file) => waysOf(file, options.threads)));
    }
    return all;
  }

  /**
   * Times Sinter's setting `ours` and the finalists of the others, interleaved: { own, peers, close }. `peers` has the best
   * setting of each engine, fastest first and still open, with all settings tried; call `close` when done with them.
   */
  async compete(ours, batch, hidden, precision, rounds) {
    const files = this.files.filter((file) => file.precision === precision);
    const workload = await this.#announce(batch);
    const warmup = await this.#announce(firstTexts(batch, WARMUP_TEXTS));
    const tried = [];
    for (const file of files) tried.push(...(await this.#try(file, warmup, workload, hidden)));
    tried.sort((a, b) => a.ms - b.ms);
    const engines = [...new Set(tried.map(({ engine }) => engine))];
    const finalists = engines.flatMap((engine) =>
      tried.filter((one) => one.engine === engine).slice(0, FINALISTS),
    );
    const opened = [];
    for (const { file } of finalists) opened.push(await this.#open(file, hidden));
    const settings = finalists.map(({ size }, i) => opened[i].at(workload, size));
    const [own, ...theirs] = (await interleave([ours, ...settings], rounds)).map(summarize);
    const peers = engines.map((engine) => bestOf(engine, settings, theirs, tried));
    peers.sort((a, b) => a.medianMs - b.medianMs);
    const close = async () => {
      for (const one of opened) await one.close();
    };
    return { own, peers, close };
  }

  end() {
    this.#python?.end();
  }

  /** One timed pass of a file with every batch size, after a short warm-up. */
  async #try(file, warmup, workload, hidden) {
    const opened = await this.#open(file, hidden);
    const tried = [];
    for (const size of this.sizes) {
      await timeOnce(opened.at(warmup, size));
      const { ms } = await timeOnce(opened.at(workload, size));
      tried.push({ engine: file.engine, name: file.name, size, ms: Number(ms.toFixed(2)), file });
    }
    await opened.close();
    return tried;
  }

  /** Opens a file: { at, close }, where `at(workload, size)` is a setting of it. */
  async #open(file, hidden) {
    const { engine, name, path } = file;
    if (engine === 'onnxruntime') {
      const session = await openSession(path, this.threads);
      const at = ({ batch }, size) => {
        const run = ortRunner(session, batch, hidden, size);
        return { engine, name, size, path, session, time: () => timeOnce(run), vectors: run };
      };
      return { at, close: () => session.release() };
    }
    const { time, vectors, close } = await this.#python.open(file, this.threads);
    const at = ({ id }, size) => ({
      ...{ engine, name, size, path },
      time: () => time(id, size),
      vectors: () => vectors(id, size),
    });
    return { at, close };
  }

  /** Names the batch, and sends it to the Python process under this name. */
  async #announce(batch) {
    const id = `batch ${this.#batches++}`;
    await this.#python?.batch(id, batch);
    return { id, batch };
  }
}

/** An engine with several lanes can share a batch among its threads or give each thread a batch; both ways are tried. */
function waysOf(file, threads) {
  if (file.engine === 'onnxruntime' || threads === 1) return [file];
  return ['lanes', 'split'].map((way) => ({ ...file, name: `${file.name}, ${way}` }));
}

/** Token ids of about a hundred texts of all lengths, for tools that calibrate. */
async function calibrationIds(encoder) {
  const { texts, maxTokens } = readWorkload('mixed_open_en');
  const some = texts.filter((_, i) => i % Math.ceil(texts.length / 100) === 0);
  const { ids, offsets, lengths } = await tokenize(encoder, some, maxTokens);
  return lengths.map((_, i) => [...ids.subarray(offsets[i], offsets[i + 1])]);
}

function bestOf(engine, settings, summaries, tried) {
  const own = [...settings.keys()].filter((i) => settings[i].engine === engine);
  const best = own.reduce((a, b) => (summaries[b].medianMs < summaries[a].medianMs ? b : a));
  const { name, size } = settings[best];
  const all = tried.filter((one) => one.engine === engine);
  return {
    engine,
    name,
    batch: size,
    ...summaries[best],
    tried: all.map(({ name, size, ms }) => ({ name, batch: size, ms })),
    setting: settings[best],
  };
}

function firstTexts({ ids, offsets, segments, lengths }, count) {
  const end = offsets[Math.min(count, lengths.length)];
  return {
    ids: ids.subarray(0, end),
    segments: segments.subarray(0, end),
    offsets: offsets.subarray(0, count + 1),
    lengths: lengths.slice(0, count),
  };
}
