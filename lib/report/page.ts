/**
 * Renders sections as one HTML file that needs no network, no script and no font file.
 *
 * The rule: whatever the data contains, the page is valid HTML and runs no script; a content security policy forbids it too.
 */
import { html, type Markup, trusted } from './markup.js';
import { STYLE } from './style.js';
import { type Section, summaryCards } from './tables.js';
import type { SummaryCard } from './types.js';

export interface Page {
  /** A line above the title. Default: "Sinter report". */
  readonly eyebrow?: string;
  readonly title: string;
  readonly subtitle?: string;
  readonly cards: readonly SummaryCard[];
  readonly sections: readonly Section[];
  readonly date?: string;
  /** Seconds after which a browser loads the page again. Default: never. */
  readonly refreshSeconds?: number;
  /** What the end of the page says of it. Default: that the file is complete. */
  readonly footer?: string;
  /** CSS of our own for what only this page has. */
  readonly style?: string;
}

const COMPLETE = 'This file is complete: it loads nothing.';

const sectionMarkup = ({ id, title, body }: Section): Markup =>
  html`<section id="${id}" aria-labelledby="${id}-heading">
<h2 id="${id}-heading">${title}</h2>
${body}
</section>
`;

export function renderPage(page: Page): string {
  const { eyebrow = 'Sinter report', title, subtitle, cards, sections, date } = page;
  const { refreshSeconds, footer = COMPLETE, style = '' } = page;
  const links = sections.map((section) => html`<a href="#${section.id}">${section.title}</a>\n`);
  const markup = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="generator" content="Sinter">
${refreshSeconds === undefined ? null : html`<meta http-equiv="refresh" content="${refreshSeconds}">\n`}<title>${title}</title>
<style>${trusted(STYLE + style)}</style>
</head>
<body>
<header>
<p class="eyebrow">${eyebrow}</p>
<h1>${title}</h1>
${subtitle ? html`<p>${subtitle}</p>` : null}
${links.length > 1 ? html`<nav aria-label="Sections">${links}</nav>` : null}
</header>
<main>
${cards.length > 0 ? summaryCards(cards) : null}
${sections.map(sectionMarkup)}</main>
<footer>Made by Sinter${date ? `, ${date}` : null}. ${footer}</footer>
</body>
</html>
`;
  return markup.text;
}
