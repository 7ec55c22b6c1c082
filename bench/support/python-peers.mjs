// CTranslate2 and OpenVINO, which run in a Python environment of the caller's choice (bench/peers). A child process answers
// each line with one line, so that its engines can take turns with those of this process.
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const script = (name) => fileURLToPath(new URL(`../peers/${name}`, import.meta.url));

/** The path of the interpreter of a virtual environment. */
export function pythonOf(environment) {
  const path = resolve(environment, 'bin', 'python');
  if (!existsSync(path)) {
    throw new RangeError(`--peers-env must be a Python virtual environment, got ${environment}`);
  }
  return path;
}

/**
 * The files of other engines, [{ engine, precision, name, path }]. They are made once, in about a minute, and kept inside the
 * environment under a name that is a hash of the model and of the script. `texts` are token ids for calibration.
 */
export function makePeerFiles(environment, model, onnx, texts) {
  const hash = createHash('sha256');
  for (const file of [onnx, script('make_models.py')]) hash.update(readFileSync(file));
  const folder = join(resolve(environment), `sinter-peers-${hash.digest('hex').slice(0, 16)}`);
  const list = join(folder, 'peers.json');
  if (!existsSync(list)) {
    console.error('making the files of other engines (about a minute)');
    mkdirSync(folder, { recursive: true });
    const kept = join(folder, 'plain.onnx');
    const ids = join(folder, 'calibration.json');
    cpSync(onnx, kept);
    writeFileSync(ids, JSON.stringify(texts));
    const inputs = ['--model', model, '--onnx', kept, '--calibration', ids];
    const args = [script('make_models.py'), ...inputs, '--out', folder];
    try {
      execFileSync(pythonOf(environment), args, { stdio: ['ignore', 'ignore', 'pipe'] });
    } catch (error) {
      throw new Error(`bench/peers/make_models.py failed: ${error.stderr}`);
    }
  }
  return JSON.parse(readFileSync(list, 'utf8'));
}

/** The versions of the engines in an environment; null for a missing engine. */
export function pythonVersions(environment) {
  const program =
    'import json, importlib.metadata as m\n' +
    'have = {d.metadata["Name"]: d.version for d in m.distributions()}\n' +
    'print(json.dumps({n: have.get(n) for n in ("ctranslate2", "openvino", "onnxruntime", "nncf")}))';
  return JSON.parse(
    execFileSync(pythonOf(environment), ['-c', program], { encoding: 'utf8' }).trim(),
  );
}

/** The child process. It handles one request at a time, in order. */
export class PythonPeers {
  #child;
  #waiting = [];
  #settings = 0;

  /**
   * `isa` is Sinter's kernel level. By itself CTranslate2 leaves AVX-512 unused on AMD; forced to use it, it is a few percent
   * faster.
   */
  constructor(environment, isa) {
    const wide = isa === 'avx512' || isa === 'vnni';
    this.#child = spawn(pythonOf(environment), [script('worker.py')], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...(wide && { CT2_FORCE_CPU_ISA: 'AVX512' }), ...process.env },
    });
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const { error, ...answer } = JSON.parse(line);
      const { resolve: fulfil, reject } = this.#waiting.shift();
      if (error === undefined) fulfil(answer);
      else reject(new Error(`bench/peers/worker.py: ${error}`));
    });
    this.#child.on('exit', (code) => {
      for (const { reject } of this.#waiting.splice(0)) {
        reject(new Error(`bench/peers/worker.py ended with code ${code}`));
      }
    });
  }

  /** Sends the token ids of a workload to the child under a name. */
  async batch(name, { ids, offsets, lengths }) {
    const lists = lengths.map((_, i) => [...ids.subarray(offsets[i], offsets[i + 1])]);
    await this.#ask({ do: 'batch', batch: name, ids: lists });
  }

  /** Opens a file of an engine. Returns { time(batch, size), vectors(batch, size), close() }. */
  async open({ engine, path, precision, name }, threads) {
    const setting = this.#settings++;
    await this.#ask({ do: 'open', setting, engine, path, precision, name, threads });
    return {
      time: (batch, size) => this.#ask({ do: 'run', setting, batch, size }),
      vectors: async (batch, size) => {
        const { vectors } = await this.#ask({ do: 'vectors', setting, batch, size });
        const bytes = Uint8Array.from(Buffer.from(vectors, 'base64'));
        return new Float32Array(bytes.buffer);
      },
      close: () => this.#ask({ do: 'close', setting }),
    };
  }

  end() {
    this.#child.stdin.end();
  }

  #ask(request) {
    return new Promise((fulfil, reject) => {
      this.#waiting.push({ resolve: fulfil, reject });
      this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    });
  }
}
