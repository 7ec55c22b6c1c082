// The options that all benches share, as parseArgs reads them and as the benches use them.
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { choices, count, counts } from './arguments.mjs';
import { LEVELS } from './levels.mjs';

const COMMON = {
  threads: { type: 'string', default: availableParallelism() > 1 ? '1,2' : '1' },
  precision: { type: 'string', default: 'f32,int8' },
  isa: { type: 'string' },
  peer: { type: 'string', multiple: true, default: [] },
  'peers-env': { type: 'string' },
  json: { type: 'boolean', default: false },
  out: { type: 'string' },
};

/** { values, common }: all given options, and the shared ones checked. */
export function readOptions(own) {
  const { values } = parseArgs({ options: { ...COMMON, ...own } });
  const { isa, json, out } = values;
  const common = {
    threads: counts('--threads', values.threads),
    precisions: choices('--precision', values.precision, ['f32', 'int8']),
    ...(isa !== undefined && { isa: choices('--isa', isa, LEVELS)[0] }),
    peers: values.peer.map(readPeer),
    ...(values['peers-env'] !== undefined && { peersEnv: values['peers-env'] }),
    json,
    out,
  };
  return { values, common };
}

/** Parses f32:NAME=FILE or int8:NAME=FILE, a further file for ONNX Runtime that another tool has made. */
function readPeer(text) {
  const [, precision, name, path] = /^(f32|int8):([^=]+)=(.+)$/.exec(text) ?? [];
  if (path === undefined) {
    throw new RangeError(`--peer must be f32:NAME=FILE.onnx or int8:NAME=FILE.onnx, got ${text}`);
  }
  return { engine: 'onnxruntime', precision, name, path };
}

/** The value of an option, or `fallback`; a whole number above 0. */
export function countOf(values, name, fallback) {
  return count(`--${name}`, values[name] ?? String(fallback));
}
