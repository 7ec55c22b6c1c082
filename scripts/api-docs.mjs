// Writes docs/api from the declarations and docstrings of what lib/index.ts exports; with --check compares instead.
// Rule: an export goes to the page of the module that it comes from (PAGES); a module without a page is an error.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Application } from 'typedoc';
import ts from 'typescript';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const target = join(root, 'docs', 'api');

/** Name of the page, what it begins with, and the modules of lib/ that it shows. */
const PAGES = [
  [
    'encoder',
    'Vectors of texts: `Encoder`, the `Matrix` it gives, similarity, and what all models have in common.',
    /^(models\/(encoder|text-model|adapted-model|model-info)|core\/(matrix|priority)|metrics\/similarity|tokenize\/|runtime\/predict)/,
  ],
  [
    'classifier',
    'One label, several labels or numbers for a text: `Classifier`, its rows, predictions and scores.',
    /^(models\/(classifier|class-scores|fit-classifier|cross-validate)|tasks\/text-classification\/|runtime\/windowed)/,
  ],
  [
    'embedding-training',
    'Rows, losses and scores of an encoder that is trained: what `Encoder.train` and `Encoder.evaluate` take and give.',
    /^(tasks\/embedding\/|models\/(evaluate-retrieval|mine-hard))/,
  ],
  [
    'cross-encoder',
    'How well two texts fit: `CrossEncoder`, and the rows, losses and scores of a reranker that is trained.',
    /^(models\/cross-encoder|tasks\/reranking\/)/,
  ],
  [
    'token-classifier',
    'Entities in texts: `TokenClassifier`.',
    /^(models\/token-|tasks\/token-classification\/)/,
  ],
  [
    'question-answerer',
    'Answers that stand in a text: `QuestionAnswerer`.',
    /^(models\/(question-answerer|answer-distillation|answer-options)|tasks\/question-answering\/)/,
  ],
  [
    'compression',
    'Smaller models with proof: `compress`, `pruneVocabulary`, sensitivities, the gate, and the data of the report.',
    /^(models\/(compression\/|precision)|report\/|compress\/(gate|mixed-precision|output-divergence|prune-vocabulary|sensitivity|vocabulary-corpus)|core\/json)/,
  ],
  ['masked-lm', 'Words for a mask: `MaskedLM`.', /^models\/masked-lm/],
  [
    'training',
    'Options, progress and report of a training, the same for every model.',
    /^(train\/|config\/|models\/train|graph\/adapter-options)/,
  ],
  [
    'files',
    'Loading, saving, quantizing and exporting models, and models of the Hugging Face hub.',
    /^(checkpoint\/|compress\/|formats\/|graph\/|hub\/)/,
  ],
  [
    'onnx-model',
    'An ONNX file with token ids in and numbers out: `OnnxModel`.',
    /^models\/onnx-model/,
  ],
  [
    'batcher',
    'Many callers, few batches: what `batch()` of a model gives.',
    /^(batching|models\/batches)\//,
  ],
  [
    'server',
    'Models behind HTTP: `createServer`, `sinterPlugin`, their options, and what an observer hears.',
    /^server\/(?!observe)/,
  ],
  [
    'monitoring',
    'What a server watches: `observe` of `createServer`, baselines for drift, alerts, the audit log.',
    /^(monitor\/|server\/observe\/)/,
  ],
  [
    'queue',
    'Files and texts through a queue of BullMQ in Redis: `createQueueWorker`, `enqueueFile`, `collect`.',
    /^(worker\/|models\/kind-predictions)/,
  ],
  ['data', 'Rows of data files: readers, splits and checks of labels.', /^data\//],
  [
    'metrics',
    'Scores of predictions, with the numbers of scikit-learn, seqeval and SQuAD.',
    /^metrics\/index/,
  ],
  [
    'errors',
    '`SinterError`, its codes, and the names of instruction sets.',
    /^(core\/errors|native\/)/,
  ],
];

/** The export declarations of lib/index.ts by page, as text with paths from `folder`, which is two levels below the root. */
function exportsByPage() {
  const file = join(root, 'lib', 'index.ts');
  const source = ts.createSourceFile(
    file,
    readFileSync(file, 'utf8'),
    ts.ScriptTarget.Latest,
    true,
  );
  const pages = new Map(PAGES.map(([name]) => [name, []]));
  for (const statement of source.statements) {
    const from = statement.moduleSpecifier.text;
    const page = PAGES.find(([, , pattern]) => pattern.test(from.slice(2)));
    if (page === undefined)
      throw new Error(`lib/index.ts: no page of scripts/api-docs.mjs has ${from}`);
    const text = statement.getText().replace(`'./`, `'../../lib/`);
    // The pages keep this order: models before the types that they name.
    if (from.startsWith('./models/')) pages.get(page[0]).unshift(text);
    else pages.get(page[0]).push(text);
  }
  return pages;
}

/** Generates the pages into `out`, from modules made for them below build/, which git ignores. */
async function generate(out) {
  mkdirSync(join(root, 'build'), { recursive: true });
  const folder = mkdtempSync(join(root, 'build', 'api-'));
  try {
    const pages = exportsByPage();
    for (const [name, says] of PAGES) {
      const opening = `/**\n * ${says}\n *\n * @module ${name}\n */\n`;
      writeFileSync(join(folder, `${name}.ts`), `${opening}${pages.get(name).join('\n')}\n`);
    }
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ extends: '../../tsconfig.json', include: ['*.ts'] }),
    );
    const app = await Application.bootstrapWithPlugins(optionsFor(folder, out));
    const project = await app.convert();
    if (project === undefined) throw new Error('the sources of lib/ do not compile');
    await app.generateOutputs(project);
    writeFileSync(join(out, 'README.md'), contents());
    if (app.logger.hasErrors() || app.logger.hasWarnings())
      throw new Error('see the messages above');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function optionsFor(folder, out) {
  return {
    entryPoints: PAGES.map(([name]) => join(folder, `${name}.ts`)),
    tsconfig: join(folder, 'tsconfig.json'),
    name: 'API reference',
    plugin: ['typedoc-plugin-markdown'],
    router: 'module',
    outputs: [{ name: 'markdown', path: out }],
    readme: 'none',
    sort: [],
    kindSortOrder: ['Class', 'Function', 'Variable', 'Interface', 'TypeAlias'],
    groupOrder: ['Classes', 'Functions', 'Variables', 'Interfaces', 'Type Aliases'],
    disableSources: true,
    excludeInternal: true,
    excludeExternals: true,
    excludePrivate: true,
    excludeProtected: true,
    skipErrorChecking: true,
    hideBreadcrumbs: true,
    hidePageHeader: true,
    useCodeBlocks: true,
    expandObjects: false,
    parametersFormat: 'table',
    interfacePropertiesFormat: 'table',
    typeDeclarationFormat: 'table',
    // Lists that only the types are made of.
    intentionallyNotExported: ['ACTIVATION_KINDS', 'OPTIMIZER_KINDS', 'POOL_KINDS', 'TASKS'],
    logLevel: 'Warn',
  };
}

/** The list of pages, in place of the one without words that TypeDoc writes. */
function contents() {
  const lines = PAGES.map(([name, says]) => `- [${name}](${name}.md): ${says}`);
  const opening =
    "Everything that `import ... from 'sinter'` gives. Generated from the sources by `npm run docs:api`.";
  return `# API reference\n\n${opening}\n\n${lines.join('\n')}\n`;
}

function filesOf(folder) {
  if (!existsSync(folder)) return new Map();
  const names = readdirSync(folder).sort();
  return new Map(names.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}

const check = process.argv.includes('--check');
mkdirSync(join(root, 'build'), { recursive: true });
const out = mkdtempSync(join(root, 'build', 'api-pages-'));
try {
  await generate(out);
  const [made, there] = [filesOf(out), filesOf(target)];
  const names = [...new Set([...made.keys(), ...there.keys()])];
  const different = names.filter((name) => made.get(name) !== there.get(name));
  if (check) {
    for (const name of different)
      console.error(`error: docs/api/${name} is not what lib/ generates`);
    if (different.length > 0) {
      console.error('run: npm run docs:api');
      process.exitCode = 1;
    } else console.log('api reference: ok');
  } else {
    rmSync(target, { recursive: true, force: true });
    mkdirSync(target, { recursive: true });
    for (const [name, text] of made) writeFileSync(join(target, name), text);
    console.log(`${made.size} pages in docs/api`);
  }
} finally {
  rmSync(out, { recursive: true, force: true });
}
