/**
 * Writes a model as an ONNX file: one file with standard operators, unless the options say otherwise.
 *
 * The description is built first and holds no numbers. Weights are then streamed into temporary files, one at a time, which
 * get their names only when all are complete.
 */

import { stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { rangeMistake, SinterError } from '../../core/errors.js';
import { inTurns } from '../../core/turns.js';
import { type FileToWrite, writeFilesAtomic } from '../../files/index.js';
import type { EncoderGraph } from '../../graph/types.js';
import { validateGraph } from '../../graph/validate.js';
import { exportGraph } from './export-graph.js';
import { placeOutside } from './external-data.js';
import { checkOptions, type OnnxOptions } from './onnx-options.js';
import { IR_VERSIONS } from './opsets.js';
import { type GraphSpec, modelMessage } from './proto.js';
import type { WeightSource } from './weights.js';
import type { WireMessage } from './wire.js';

/** Limit of one protobuf message in most readers. */
const MAX_FILE_BYTES = 2 ** 31 - 1;

type Chunks = () => AsyncIterable<Uint8Array>;

function fileOf(name: string, bytes: number, chunks: Chunks): FileToWrite {
  const write: FileToWrite['write'] = async (file) => {
    for await (const chunk of chunks()) await file.writeFile(chunk);
  };
  return { name, bytes, write };
}

/**
 * Writes `graph` to `path`, replacing an existing file. Inputs: input_ids, attention_mask and (where the model has segments)
 * token_type_ids, i64 [batch, sequence], padding on the right. Outputs: last_hidden_state [batch, sequence, hidden]
 * (positions with mask 0 are undefined), logits [batch, labels] or of every token [batch, sequence, labels], start_logits and
 * end_logits [batch, sequence], sentence_embedding and pooler_output [batch, hidden], hidden_states.N as last_hidden_state. The files `beside` it are written
 * with it, all or none.
 *
 * Throws RangeError for an option that does not fit the graph or a folder that does not exist; UNSUPPORTED_MODEL above 2 GB
 * when external data is ruled out; CORRUPT_MODEL for a weight of the wrong length; INVALID_DATA for a weight that f16 cannot
 * hold; FILE_SYSTEM where the files cannot be written or the disk has no room for them. After an error no file is left.
 */
export async function writeOnnx(
  path: string,
  graph: EncoderGraph,
  weights: WeightSource,
  options: OnnxOptions,
  beside: readonly FileToWrite[] = [],
): Promise<void> {
  const files = await describe(path, graph, weights, options);
  await checkFolder(path);
  await writeFilesAtomic(dirname(resolve(path)), [...beside, ...files]);
}

/** Names and contents of the files to write, the model last. */
async function describe(
  path: string,
  graph: EncoderGraph,
  weights: WeightSource,
  options: OnnxOptions,
): Promise<readonly FileToWrite[]> {
  validateGraph(graph);
  await setImmediate();
  const name = basename(path);
  const { outputs, spans = false, externalData } = options;
  const checked = checkOptions(graph, options);
  const lowered = await inTurns(exportGraph(graph, weights, { ...checked, outputs, spans }));
  const message = (of: GraphSpec): Promise<WireMessage> =>
    inTurns(
      modelMessage({
        irVersion: IR_VERSIONS[checked.opset],
        opset: checked.opset,
        producerName: 'sinter',
        producerVersion: options.producerVersion,
        docString: `${graph.architecture} encoder, at most ${graph.maxTokens} tokens, padding on the right`,
        graph: of,
        metadata: options.metadata ?? {},
      }),
    );
  await setImmediate();
  const whole = await message(lowered);
  if (externalData ?? whole.size > MAX_FILE_BYTES) {
    const dataName = `${name}_data`;
    const placed = placeOutside(lowered, dataName);
    const model = await message(placed.graph);
    return [
      fileOf(dataName, placed.size, placed.data),
      fileOf(name, model.size, () => model.chunks()),
    ];
  }
  if (whole.size <= MAX_FILE_BYTES) return [fileOf(name, whole.size, () => whole.chunks())];
  throw new SinterError(
    'UNSUPPORTED_MODEL',
    `${path} would have ${whole.size} bytes; an ONNX file can hold ${MAX_FILE_BYTES} (leave externalData out)`,
    { details: { file: path, bytes: whole.size } },
  );
}

async function checkFolder(path: string): Promise<void> {
  const folder = dirname(resolve(path));
  const entry = await stat(folder).catch(() => null);
  if (!entry?.isDirectory()) throw rangeMistake('path', 'in a folder that exists', path);
}
