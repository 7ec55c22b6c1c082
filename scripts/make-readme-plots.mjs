// Draws the plots of the README from the figures that a quickstart run has written.
//
//   npm start && node scripts/make-readme-plots.mjs sinter-quickstart/quickstart.json
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { lossCurveSvg, variantsSvg } from '../dist/report/index.js';

const root = resolve(fileURLToPath(import.meta.url), '..', '..');
const findings = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const { steps, epochs } = findings.training;

const loss = {
  steps: steps.map(({ step, loss }) => ({ step, loss })),
  evaluations: epochs.map(({ epoch, eval: scores }) => ({
    step: steps.findLast((step) => step.epoch === epoch).step,
    epoch,
    loss: scores.loss,
    accuracy: scores.accuracy,
  })),
};
const variants = findings.comparison.speeds.map(({ engine, precision, tokensPerSecond }) => {
  const isPeer = engine !== 'sinter';
  const name = `${isPeer ? 'ONNX Runtime' : 'Sinter'} ${precision}`;
  return { name, precision, isPeer, tokensPerSecond };
});

const folder = join(root, 'docs', 'images');

/** As an image of its own a plot needs its title inside. */
function save(name, title, svg) {
  writeFileSync(
    join(folder, `${name}.svg`),
    svg.replace(/(<svg[^>]*>)/, `$1<title>${title}</title>`),
  );
}

mkdirSync(folder, { recursive: true });
for (const theme of ['light', 'dark']) {
  const options = { theme, width: 820 };
  save(`quickstart-loss-${theme}`, 'Training loss and test accuracy', lossCurveSvg(loss, options));
  save(
    `quickstart-speed-${theme}`,
    'Tokens a second of each engine',
    variantsSvg(variants, options),
  );
}
console.log(`plots: ${folder}`);
