/**
 * `sinter convert`: a model as an ONNX file, or as a model folder with another number format.
 */
import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { rangeMistake } from '../../core/errors.js';
import { formatBytes } from '../../core/units.js';
import { DEFAULT_OPSET, OPSETS, type Opset } from '../../formats/onnx/opsets.js';
import { given, withCommon } from '../arguments.js';
import { type CommonOptions, Console, type Surroundings } from '../context.js';
import { type OpenModel, openModel } from '../open-model.js';

interface ConvertOptions extends CommonOptions {
  readonly model?: string;
  readonly out: string;
  readonly opset?: Opset;
  readonly precision?: 'f32' | 'int8';
  readonly dtype?: 'f32' | 'f16';
  readonly weights?: 'uint8' | 'int8';
  readonly activations?: 'token' | 'tensor';
  readonly overwrite?: boolean;
}

export function addConvert(program: Command, surroundings: Surroundings): void {
  const command = program
    .command('convert')
    .summary('write a model as ONNX or as another model folder')
    .description(
      'Writes a model as one ONNX file (--out model.onnx), or as a Hugging Face folder (--out dir).',
    )
    .option('-m, --model <dir>', 'model folder (default: the embedded all-MiniLM-L6-v2)')
    .requiredOption('-o, --out <path>', 'an .onnx file or a folder to write')
    .addOption(
      new Option('--precision <kind>', 'of the arithmetic (default: as the model)').choices([
        'f32',
        'int8',
      ]),
    )
    .option('--opset <n>', 'ONNX: 14 to 21', parseOpset, DEFAULT_OPSET)
    .addOption(
      new Option(
        '--weights <kind>',
        'ONNX int8: uint8 is right on every CPU, int8 faster with VNNI',
      )
        .choices(['uint8', 'int8'])
        .default('uint8'),
    )
    .addOption(
      new Option('--activations <kind>', 'ONNX int8: one range per token is exact, per tensor fast')
        .choices(['token', 'tensor'])
        .default('token'),
    )
    .addOption(
      new Option('--dtype <kind>', 'folder: how float weights are stored')
        .choices(['f32', 'f16'])
        .default('f32'),
    )
    .option('--overwrite', 'replace a model folder that is there')
    .addHelpText(
      'after',
      `
Examples:
  $ sinter convert --model my-model --out my-model.onnx
  $ sinter convert --model my-model --out my-model-int8.onnx --precision int8
  $ sinter convert --model my-model --out my-model-f16 --dtype f16
`,
    )
    .action((options: ConvertOptions) => convert(options, surroundings));
  withCommon(command);
}

function parseOpset(text: string): Opset {
  const opset = OPSETS.find((known) => String(known) === text);
  if (opset !== undefined) return opset;
  throw new InvalidArgumentError(`It must be one of ${OPSETS.join(', ')}.`);
}

async function convert(options: ConvertOptions, surroundings: Surroundings): Promise<void> {
  const out = new Console(surroundings, options);
  const { model: _path, ...wanted } = options;
  const opened = await openModel(options.model, { signal: out.signal });
  await using original = opened.model;
  const isInt8 = original.quantization !== null;
  if (isInt8 && wanted.precision === 'f32') {
    throw rangeMistake('--precision', 'int8 for a quantized model', wanted.precision);
  }
  if (wanted.precision === 'int8' && !isInt8) {
    await using small = await original.quantize({ signal: out.signal });
    await write(small, wanted);
  } else {
    await write(original, wanted);
  }
  const { size, isFile } = await sizeOf(options.out);
  out.print(`${options.out}${isFile ? `: ${formatBytes(size)}` : ' written'}\n`);
  const precision = isInt8 || wanted.precision === 'int8' ? 'int8' : 'f32';
  out.json({ out: options.out, precision, ...(isFile && { bytes: size }) });
}

async function write(model: OpenModel['model'], options: ConvertOptions): Promise<void> {
  const { out, opset, weights, activations, dtype, overwrite } = options;
  if (extname(out).toLowerCase() === '.onnx') {
    await model.exportOnnx(out, given({ opset, weights, activations }));
  } else {
    await model.save(out, given({ dtype, overwrite }));
  }
}

async function sizeOf(path: string): Promise<{ size: number; isFile: boolean }> {
  const stats = await stat(path);
  return { size: stats.size, isFile: stats.isFile() };
}
