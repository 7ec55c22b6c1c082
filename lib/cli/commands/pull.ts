/**
 * `sinter pull`: a model of the Hugging Face hub into the cache that Python uses too.
 */
import type { Command } from 'commander';
import { formatBytes } from '../../core/units.js';
import { type DownloadProgress, downloadModel } from '../../hub/index.js';
import { given, withCommon } from '../arguments.js';
import { type CommonOptions, Console, type Surroundings } from '../context.js';
import type { Progress } from '../progress.js';

interface PullOptions extends CommonOptions {
  readonly revision?: string;
  readonly include?: readonly string[];
}

export function addPull(program: Command, surroundings: Surroundings): void {
  const command = program
    .command('pull')
    .summary('download a model of the Hugging Face hub')
    .description(
      'Downloads what the cache lacks of a model (resumed and checked) and prints its folder. ' +
        'Reads HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE.',
    )
    .argument('<id>', 'the model: org/name')
    .option('--revision <name>', 'a branch, a tag or a commit', 'main')
    .option('--include <patterns...>', "further files, for example 'onnx/*'")
    .addHelpText(
      'after',
      `
Examples:
  $ sinter pull BAAI/bge-small-en-v1.5
  $ sinter embed --model BAAI/bge-small-en-v1.5 --input texts.txt
`,
    )
    .action((id: string, options: PullOptions) => pull(id, options, surroundings));
  withCommon(command);
}

async function pull(id: string, options: PullOptions, surroundings: Surroundings): Promise<void> {
  const out = new Console(surroundings, options);
  const { revision, include } = options;
  let bar: { readonly file: string; readonly progress: Progress } | null = null;
  let counted = 0;
  const show = ({ file, loaded, total, filesDone, files }: DownloadProgress) => {
    const isWhole = filesDone > counted;
    counted = filesDone;
    // A file that was there already reports no bytes.
    if (isWhole && bar?.file !== file) return;
    if (bar?.file !== file) bar = { file, progress: out.progress(file, total, 'bytes') };
    bar.progress.update(loaded);
    if (isWhole) bar.progress.finish(`${formatBytes(total)}, ${filesDone} of ${files} files`);
  };
  const settings = { signal: out.signal, onProgress: show };
  const folder = await downloadModel(id, { ...given({ revision, include }), ...settings });
  out.print(`${folder}\n`);
  out.json({ id, revision, folder });
}
