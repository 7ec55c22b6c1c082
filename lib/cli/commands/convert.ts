/**
 * `sinter convert`: a model as an ONNX file, as a folder of ONNX files, or as a model folder with another number format.
 */
import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { CALIBRATION_METHODS, type CalibrationMethod } from '../../checkpoint/calibrate.js';
import { ONNX_VARIANTS, type OnnxVariant } from '../../checkpoint/export-folder.js';
import { findOnnxFile } from '../../checkpoint/find-onnx.js';
import { rangeMistake, typeMistake } from '../../core/errors.js';
import { fileExists } from '../../core/json.js';
import { formatBytes } from '../../core/units.js';
import { checkFile } from '../../files/index.js';
import { ONNX_PRECISIONS, type OnnxPrecision } from '../../formats/onnx/onnx-options.js';
import { OPSETS, type Opset } from '../../formats/onnx/opsets.js';
import { OnnxModel } from '../../models/onnx-model.js';
import type { TextModel } from '../../models/text-model.js';
import type { TextInput } from '../../tokenize/text-tokenizer.js';
import {
  given,
  type ModelOptions,
  usageMistake,
  withCommon,
  withModel,
  withPooling,
} from '../arguments.js';
import { type CommonOptions, Console, type Surroundings } from '../context.js';
import {
  type AnyModel,
  modelOptions,
  modelPath,
  onnxOptions,
  openAnyModel,
} from '../open-model.js';
import { OutFolder } from '../out-folder.js';
import { textSource } from '../text-source.js';

interface ConvertOptions extends CommonOptions, ModelOptions {
  readonly model?: string;
  readonly out: string;
  readonly to?: 'onnx';
  readonly precisions?: readonly OnnxVariant[];
  readonly opset?: Opset;
  readonly precision?: OnnxPrecision;
  readonly calibration?: string;
  readonly calibrationMethod?: CalibrationMethod;
  readonly externalData?: boolean;
  readonly dtype?: 'f32' | 'f16';
  readonly weights?: 'uint8' | 'int8';
  readonly activations?: 'token' | 'tensor';
  readonly overwrite?: boolean;
  readonly adapter?: string;
}

export function addConvert(program: Command, surroundings: Surroundings): void {
  const command = program
    .command('convert')
    .summary('write a model as ONNX or as another model folder')
    .description(
      'Writes a model as one ONNX file (--out model.onnx), as a folder of ONNX files that transformers.js and optimum ' +
        'load (--to onnx --out dir), or as a Hugging Face folder (--out dir).',
    )
    .option(
      '-m, --model <path>',
      'model folder or ONNX file (default: the embedded all-MiniLM-L6-v2)',
    )
    .requiredOption('-o, --out <path>', 'an .onnx file or a folder to write')
    .addOption(new Option('--to <format>', 'of a folder: ONNX files').choices(['onnx']));
  addOnnxOptions(command)
    .addOption(
      new Option('--dtype <kind>', 'folder: how float weights are stored')
        .choices(['f32', 'f16'])
        .default('f32'),
    )
    .option(
      '--adapter <dir>',
      'merge this adapter (LoRA, DoRA, IA3) of the peft package into the model',
    )
    .option('--overwrite', 'replace a model folder or an .onnx file that is there')
    .addHelpText(
      'after',
      `
Examples:
  $ sinter convert --model my-model --out my-model.onnx
  $ sinter convert --model my-model --out my-model-int8.onnx --precision int8
  $ sinter convert --model my-model --to onnx --out my-model-onnx --precisions f32,f16,q8
  $ sinter convert --model my-model --out my-model-f16 --dtype f16
  $ sinter convert --model model.onnx --out my-model
  $ sinter convert --model my-base --adapter my-adapter --out my-model
`,
    )
    .action((options: ConvertOptions) => convert(options, surroundings));
  withCommon(withPooling(withModel(command)));
}

function addOnnxOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--precision <kind>', 'of the ONNX file (default: as the model)').choices(
        ONNX_PRECISIONS,
      ),
    )
    .option(
      '--precisions <list>',
      `ONNX folder: files to write, of ${ONNX_VARIANTS.join(', ')} (default: f32,f16,q8)`,
      (text) => text.split(',') as OnnxVariant[],
    )
    .option('--opset <n>', 'ONNX: 14 to 21 (default: 17; 21 for int4-weights)', parseOpset)
    .addOption(
      new Option(
        '--weights <kind>',
        'ONNX int8: uint8 is right on every CPU, int8 faster with VNNI',
      ).choices(['uint8', 'int8']),
    )
    .addOption(
      new Option(
        '--activations <kind>',
        'ONNX int8: one range per token is exact, per tensor fast',
      ).choices(['token', 'tensor']),
    )
    .option(
      '--calibration <file>',
      'ONNX int8-static, qdq: texts like those that it will see, one a line in a .txt, or rows',
    )
    .addOption(
      new Option(
        '--calibration-method <name>',
        'ONNX int8-static, qdq: how ranges follow from the texts (default: percentile)',
      ).choices(CALIBRATION_METHODS),
    )
    .option('--external-data', 'ONNX: weights in a second file (default: above 2 GB only)');
}

function parseOpset(text: string): Opset {
  const opset = OPSETS.find((known) => String(known) === text);
  if (opset !== undefined) return opset;
  throw new InvalidArgumentError(`It must be one of ${OPSETS.join(', ')}.`);
}

async function convert(options: ConvertOptions, surroundings: Surroundings): Promise<void> {
  const out = new Console(surroundings, options);
  checkCombination(options);
  await using place = await placeOf(options);
  const path = await modelPath(options.model);
  const onnx = path === undefined ? null : await findOnnxFile(path);
  const choice = await modelOptions(options);
  // An ONNX file does not state a pooling: with --pooling it is read as an encoder.
  if (onnx !== null && options.pooling === undefined && options.adapter === undefined)
    return await convertOnnx(onnx, options, place, out);
  await using model: AnyModel = await openAnyModel(path, { ...choice, signal: out.signal });
  if (options.adapter !== undefined) {
    await model.mergeAdapter(options.adapter, { signal: out.signal });
  }
  const isInt8 = model.quantization !== null;
  const { precision } = options;
  if (isInt8 && (precision === 'f32' || precision === 'f16')) {
    throw rangeMistake('--precision', 'int8 for a quantized model', precision);
  }
  if (place === null) await writeFile(model, options);
  else if (options.to === 'onnx') await writeOnnxFolder(model, options, place);
  else if (precision === 'int8' && !isInt8) {
    await using small = await model.quantize({ signal: out.signal });
    await writeFolder(small, options, place);
  } else await writeFolder(model, options, place);
  await tell(out, options, precision ?? (isInt8 ? 'int8' : 'f32'));
}

/** Converts an ONNX file with its own head and precision. */
async function convertOnnx(
  file: string,
  options: ConvertOptions,
  place: OutFolder | null,
  out: Console,
): Promise<void> {
  await using model = await OnnxModel.load(file, {
    ...(await onnxOptions(options)),
    signal: out.signal,
  });
  const { precision } = options;
  const own = model.quantization === null ? 'f32' : 'int8';
  if (place === null) await writeFile(model, options);
  else if (options.to === 'onnx') await writeOnnxFolder(model, options, place);
  else if ((precision ?? own) === own) await writeFolder(model, options, place);
  else throw rangeMistake('--precision', `${own}, which the file has`, precision);
  await tell(out, options, precision ?? own);
}

/** The folder to write, claimed; null for a single file, whose place is only checked. */
async function placeOf(options: ConvertOptions): Promise<OutFolder | null> {
  const { out, model, calibration, externalData, overwrite } = options;
  if (!isFile(options)) return OutFolder.take({ ...options, inputs: [model, calibration] });
  const inputs = [model, calibration].filter((input) => input !== undefined);
  for (const file of externalData === true ? [out, `${out}_data`] : [out]) {
    await checkFile(file, { inputs });
    if (overwrite !== true && (await fileExists(file))) {
      throw usageMistake(`${file} is there already: give --overwrite to replace it`);
    }
  }
  return null;
}

async function tell(out: Console, options: ConvertOptions, precision: string): Promise<void> {
  const { size, isFile: single } = await sizeOf(options.out);
  out.print(`${options.out}${single ? `: ${formatBytes(size)}` : ' written'}\n`);
  out.json({ out: options.out, precision, ...(single && { bytes: size }) });
}

/** Throws for options that do not belong to the kind of output. */
function checkCombination(options: ConvertOptions): void {
  const { precision, precisions, to } = options;
  const file = isFile(options);
  if (file && precision === 'int8-static' && options.calibration === undefined) {
    throw typeMistake('--calibration', 'given for int8-static', undefined);
  }
  if (options.calibrationMethod !== undefined && options.calibration === undefined) {
    throw usageMistake('--calibration-method needs --calibration');
  }
  if (precisions !== undefined && (file || to !== 'onnx')) {
    throw usageMistake('--precisions needs --to onnx and a folder as --out');
  }
  if (!file && to === 'onnx' && precision !== undefined) {
    throw usageMistake('a folder of ONNX files takes --precisions, not --precision');
  }
  if (!file && to === undefined && precision !== undefined && !/^(f32|int8)$/.test(precision)) {
    throw usageMistake(`--precision ${precision} is for ONNX: give an .onnx file as --out`);
  }
}

function isFile({ out }: ConvertOptions): boolean {
  return extname(out).toLowerCase() === '.onnx';
}

async function writeFile(model: TextModel, options: ConvertOptions): Promise<void> {
  const { out, opset, precision, weights, activations, externalData, overwrite } = options;
  const calibration = await calibrationOf(options);
  const chosen = {
    ...{ opset, precision, weights, activations, externalData, calibration, overwrite },
  };
  await model.exportOnnx(out, given(chosen));
}

async function writeOnnxFolder(
  model: TextModel,
  options: ConvertOptions,
  place: OutFolder,
): Promise<void> {
  const { opset, precisions, externalData } = options;
  const calibration = await calibrationOf(options);
  const chosen = given({ opset, precisions, externalData, calibration });
  await place.write((folder) => model.exportOnnxFolder(folder, chosen));
}

async function writeFolder(
  model: TextModel,
  { dtype }: ConvertOptions,
  place: OutFolder,
): Promise<void> {
  await place.write((folder) => model.save(folder, given({ dtype })));
}

async function calibrationOf({ calibration, calibrationMethod }: ConvertOptions) {
  if (calibration === undefined) return undefined;
  const source = textSource({ texts: [], input: calibration, read: {}, onColumns: () => {} });
  const texts: TextInput[] = [];
  for await (const text of source.open()) texts.push(text);
  return { texts, ...(calibrationMethod !== undefined && { method: calibrationMethod }) };
}

async function sizeOf(path: string): Promise<{ size: number; isFile: boolean }> {
  const stats = await stat(path);
  return { size: stats.size, isFile: stats.isFile() };
}
