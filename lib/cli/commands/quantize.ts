/**
 * `sinter quantize`: a model folder with int8 weights from one with float weights.
 */
import { type Command, Option } from 'commander';
import type { QuantizeTarget } from '../../compress/quantize-model.js';
import { rangeMistake } from '../../core/errors.js';
import { formatBytes } from '../../core/units.js';
import type { ActivationBits } from '../../graph/types.js';
import { type ModelOptions, withCommon, withModel, withPooling } from '../arguments.js';
import { type CommonOptions, Console, type Surroundings } from '../context.js';
import { namesOf } from '../method-options.js';
import { type AnyModel, modelOptions, openAnyModel } from '../open-model.js';
import { OutFolder } from '../out-folder.js';

interface QuantizeOptions extends CommonOptions, ModelOptions {
  readonly model?: string;
  readonly out: string;
  readonly embeddings?: boolean;
  readonly exclude?: readonly string[];
  readonly activationBits?: '8' | '7';
  readonly target?: QuantizeTarget;
  /** commander: false for --no-equalize. */
  readonly equalize?: boolean;
  readonly overwrite?: boolean;
}

export function addQuantize(program: Command, surroundings: Surroundings): void {
  const command = program
    .command('quantize')
    .summary('make an int8 model of a float model')
    .description(
      'Makes an int8 model: a quarter of the size and faster, with a small loss of accuracy. ' +
        'Weights are quantized per output channel, activations per token while the model runs.',
    )
    .option('-m, --model <dir>', 'model folder (default: the embedded all-MiniLM-L6-v2)')
    .requiredOption('-o, --out <dir>', 'folder to write')
    .option('--no-embeddings', 'keep the token table in float')
    .option(
      '--exclude <names>',
      'products that stay float, with commas: layer.2,*.intermediate.dense',
      namesOf,
    )
    .addOption(
      new Option(
        '--activation-bits <n>',
        'width of the activation codes; 7 is faster on CPUs without VNNI, and loses a little more (default: 8)',
      ).choices(['8', '7']),
    )
    .addOption(
      new Option(
        '--target <cpu>',
        'the width for a CPU: vnni is 8, avx2 (or AVX-512 without VNNI) 7, auto what is fast here',
      )
        .choices(['vnni', 'avx2', 'auto'])
        .conflicts('activationBits'),
    )
    .option('--no-equalize', 'leave channels of different range as they are')
    .option('--overwrite', 'replace a model folder that is there')
    .addHelpText('after', '\nExample:\n  $ sinter quantize --model my-model --out my-model-int8\n')
    .action((options: QuantizeOptions) => quantize(options, surroundings));
  withCommon(withPooling(withModel(command)));
}

async function quantize(options: QuantizeOptions, surroundings: Surroundings): Promise<void> {
  const out = new Console(surroundings, options);
  await using place = await OutFolder.take({ ...options, inputs: [options.model] });
  await using model: AnyModel = await openAnyModel(options.model, {
    ...(await modelOptions(options)),
    signal: out.signal,
  });
  if (model.quantization !== null) throw rangeMistake('--model', 'a float model', options.model);
  await using small = await model.quantize({
    embeddings: options.embeddings !== false,
    ...(options.exclude && { exclude: options.exclude }),
    ...(options.activationBits && {
      activationBits: Number(options.activationBits) as ActivationBits,
    }),
    ...(options.target && { target: options.target }),
    equalize: options.equalize !== false,
    signal: out.signal,
  });
  await place.write((folder) => small.save(folder));
  const report = small.quantization;
  const { bytesBefore = 0, bytesAfter = 0, quantized = 0 } = report ?? {};
  const { activationBits = null, equalized = 0, excluded = [] } = report ?? {};
  out.say(
    `${options.out}: ${quantized} weights in int8, activations of ${activationBits} bits, ` +
      `${formatBytes(bytesBefore)} -> ${formatBytes(bytesAfter)}`,
    { keepsWords: true },
  );
  if (excluded.length > 0) out.say(`float: ${excluded.join(', ')}`, { keepsWords: true });
  const bytes = { bytesBefore, bytesAfter };
  out.json({ out: options.out, quantized, activationBits, equalized, excluded, ...bytes });
}
