/**
 * The page `/docs`: every route with its fields, an example to copy and its answer's fields, made from the OpenAPI document.
 *
 * The rule: it reads without a script, in light and dark, and loads nothing, as the reports do, whose style it has.
 */
import { html, type Insertable, type Markup } from '../../report/markup.js';
import { renderPage } from '../../report/page.js';
import { type Section, table } from '../../report/tables.js';
import type { JsonSchema } from '../schemas/schema.js';
import type { ApiOperation, OpenApi } from './document.js';
import { fieldRows } from './fields.js';

const STYLE = `
pre{margin:10px 0 0;padding:12px 14px;background:var(--soft);border-radius:8px;overflow-x:auto}
.route{padding-top:22px;margin-top:22px;border-top:1px solid var(--edge)}
.route h3{margin-top:0;font-size:15px}.route p{margin:4px 0 0;max-width:72ch}
.method{display:inline-block;min-width:3.4em;color:var(--accent)}
`;

interface Route extends ApiOperation {
  readonly method: string;
  readonly path: string;
}

export function renderApiPage(document: OpenApi, version: string): string {
  const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, one]): Route => ({ ...one, path, method })),
  );
  // Routes without a chapter, those of probes and administrators, come last.
  const named = new Set(routes.map(tagOf).filter((tag) => tag !== OTHERS));
  const tags = [...named, ...(routes.some((route) => tagOf(route) === OTHERS) ? [OTHERS] : [])];
  const sections = tags.map((title, i): Section => {
    const own = routes.filter((route) => tagOf(route) === title);
    return { id: `part-${i + 1}`, title, body: html`${index(own)}${own.map(routeMarkup)}` };
  });
  return renderPage({
    eyebrow: `Sinter ${version}`,
    title: 'Routes',
    subtitle: `${document.info.description ?? ''} The same as OpenAPI ${document.openapi} is openapi.json beside this page.`,
    cards: [],
    sections,
    style: STYLE,
  });
}

const OTHERS = 'Server';

const tagOf = ({ tags = [] }: Route): string => tags[0] ?? OTHERS;

const idOf = ({ method, path }: Route): string =>
  `${method}${path}`.replace(/[^a-z0-9]+/gi, '-').replace(/-$/, '');

const nameOf = ({ method, path }: Route): Markup =>
  html`<code><span class="method">${method.toUpperCase()}</span> ${path}</code>`;

const index = (routes: readonly Route[]): Markup => {
  const rows = routes.map((route) => [
    html`<a href="#${idOf(route)}">${nameOf(route)}</a>`,
    route.summary ?? '',
  ]);
  return table('Routes', [{ title: 'Route' }, { title: 'What it does' }], rows);
};

function routeMarkup(route: Route): Markup {
  const body = contentOf(route.requestBody?.content);
  const answer = contentOf(route.responses['200']?.content);
  const { summary, description, parameters = [] } = route;
  const where = parameters.map(
    ({ in: place, name, required = false, description: what = '', schema }) => ({
      name: `${name} (${place})`,
      isRequired: required,
      description: what,
      fallback: '',
      kind: schema?.type ?? 'string',
    }),
  );
  const fields = [...where, ...fieldRows(body?.schema ?? {})];
  const answers = fieldRows(answer?.schema ?? {});
  return html`<div class="route" id="${idOf(route)}">
<h3>${nameOf(route)}</h3>
${summary === undefined ? null : html`<p>${summary}.</p>`}
${description === undefined ? null : html`<p>${description}</p>`}
${fields.length === 0 ? null : fieldTable('Fields of the request', fields)}
${body?.example === undefined ? null : example(route, body.example)}
${answerMarkup(answer?.schema, answers)}
</div>
`;
}

function answerMarkup(
  schema: JsonSchema | undefined,
  rows: ReturnType<typeof fieldRows>,
): Insertable {
  const description = schema?.description === 'The answer.' ? undefined : schema?.description;
  const text = description === undefined ? null : html`<p>Answer: ${description}</p>`;
  if (rows.length === 0) return text;
  return html`<details><summary>Fields of the answer</summary>${text}${fieldTable('Fields of the answer', rows)}</details>`;
}

function fieldTable(caption: string, rows: ReturnType<typeof fieldRows>): Markup {
  const columns = [
    { title: 'Field', isShort: true },
    { title: 'Kind' },
    { title: 'Default', isShort: true },
    { title: 'What it is' },
  ];
  return table(
    caption,
    columns,
    rows.map(({ name, kind, isRequired, fallback, description }) => [
      html`<code>${name}</code>`,
      kind,
      fallback === '' ? (isRequired ? 'needed' : '') : html`<code>${fallback}</code>`,
      marked(description),
    ]),
  );
}

const example = ({ method, path }: Route, body: unknown): Markup =>
  html`<pre><code>curl -X ${method.toUpperCase()} localhost:3000${path.replace(/\{(\w+)\}/g, '$1')} \\
  -H 'content-type: application/json' \\
  -d '${JSON.stringify(body).replaceAll("'", "'\\''")}'</code></pre>`;

const contentOf = (
  content: Readonly<Record<string, { schema: JsonSchema; example?: unknown }>> = {},
) => content['application/json'];

/** `words` in backquotes become code. */
function marked(description: string): Markup {
  const parts = description.split('`');
  return html`${parts.map((part, i) => (i % 2 === 1 ? html`<code>${part}</code>` : html`${part}`))}`;
}
