/**
 * Renders sections as one HTML file that needs no network, no script and no font file.
 *
 * The rule: whatever the data contains, the page is valid HTML and runs no script; a content security policy forbids it too.
 */
import { html, type Markup, trusted } from './markup.js';
import { summaryCards } from './sections.js';
import { STYLE } from './style.js';
import type { Section } from './tables.js';
import type { SummaryCard } from './types.js';

export interface Page {
  /** A line above the title. Default: "Sinter report". */
  readonly eyebrow?: string;
  readonly title: string;
  readonly subtitle?: string;
  readonly cards: readonly SummaryCard[];
  readonly sections: readonly Section[];
  readonly date?: string;
}

const sectionMarkup = ({ id, title, body }: Section): Markup =>
  html`<section id="${id}" aria-labelledby="${id}-heading">
<h2 id="${id}-heading">${title}</h2>
${body}
</section>
`;

export function renderPage(page: Page): string {
  const { eyebrow = 'Sinter report', title, subtitle, cards, sections, date } = page;
  const links = sections.map((section) => html`<a href="#${section.id}">${section.title}</a>\n`);
  const markup = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="generator" content="Sinter">
<title>${title}</title>
<style>${trusted(STYLE)}</style>
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
<footer>Made by Sinter${date ? `, ${date}` : null}. This file is complete: it loads nothing.</footer>
</body>
</html>
`;
  return markup.text;
}
