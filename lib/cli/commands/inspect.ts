/**
 * `sinter inspect`: what a model folder holds, as a graph and in figures.
 */
import type { Command } from 'commander';
import { withCommon, withFirstPosition } from '../arguments.js';
import type { Surroundings } from '../context.js';
import type { InspectOptions } from '../inspect-model.js';

export function addInspect(program: Command, surroundings: Surroundings): void {
  const command = program
    .command('inspect')
    .summary('show what a model folder holds')
    .description(
      'Shows the operations, weights, labels, pooling and tokenizer of a model folder; of an ONNX file also what was ' +
        'recovered, what was folded, and how it was verified.',
    )
    .argument('[path]', 'model folder or ONNX file (default: the embedded all-MiniLM-L6-v2)')
    .option('--no-graph', 'leave out the table of operations')
    .addHelpText(
      'after',
      '\nExamples:\n  $ sinter inspect my-model\n  $ sinter inspect model.onnx\n',
    )
    .action(async (dir: string | undefined, options: InspectOptions) => {
      const { inspect } = await import('../inspect-model.js');
      await inspect(dir, options, surroundings);
    });
  withCommon(withFirstPosition(command));
}
