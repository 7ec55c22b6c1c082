/**
 * Renders a report as one HTML file that needs no network, no script and no font file.
 *
 * The rule: whatever the data contains, the page is valid HTML and runs no script; a content security policy forbids it too.
 */
import { html, type Markup, trusted } from './markup.js';
import { calibrationSection, reliabilitySection } from './reliability-section.js';
import { labelIssuesSection, worstSection } from './row-sections.js';
import { runsSections } from './run-sections.js';
import {
  classificationSection,
  confusionSection,
  environmentSection,
  mistakesSection,
  neighboursSection,
  notesSection,
  summaryCards,
  variantsSection,
} from './sections.js';
import { STYLE } from './style.js';
import { summaryOf } from './summary.js';
import type { Section } from './tables.js';
import { lossSection } from './training-section.js';
import type { ReportData } from './types.js';

function sectionsOf(data: ReportData): Section[] {
  const { variants, loss, confusion, classification, reliability, mistakes } = data;
  const { neighbours, environment, notes, calibration, worst, labelIssues, runs } = data;
  return [
    ...(runs?.length ? runsSections(runs) : []),
    variants?.length ? variantsSection(variants) : null,
    loss?.steps.length ? lossSection(loss) : null,
    confusion ? confusionSection(confusion) : null,
    classification ? classificationSection(classification) : null,
    calibration
      ? calibrationSection(calibration)
      : reliability?.length
        ? reliabilitySection(reliability)
        : null,
    worst?.length ? worstSection(worst) : null,
    labelIssues ? labelIssuesSection(labelIssues) : null,
    mistakes?.length ? mistakesSection(mistakes) : null,
    neighbours?.length ? neighboursSection(neighbours) : null,
    notes?.length ? notesSection(notes) : null,
    environment ? environmentSection(environment) : null,
  ].filter((section) => section !== null);
}

const sectionMarkup = ({ id, title, body }: Section): Markup =>
  html`<section id="${id}" aria-labelledby="${id}-heading">
<h2 id="${id}-heading">${title}</h2>
${body}
</section>
`;

/** The page. Sections without data are left out; all text of the data is escaped. */
export function renderReport(data: ReportData): string {
  const cards = data.summary ?? summaryOf(data.variants ?? []);
  const sections = sectionsOf(data);
  const links = sections.map(({ id, title }) => html`<a href="#${id}">${title}</a>\n`);
  const date = data.environment?.date;
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="generator" content="Sinter">
<title>${data.title}</title>
<style>${trusted(STYLE)}</style>
</head>
<body>
<header>
<p class="eyebrow">Sinter report</p>
<h1>${data.title}</h1>
${data.subtitle ? html`<p>${data.subtitle}</p>` : null}
${links.length > 1 ? html`<nav aria-label="Sections">${links}</nav>` : null}
</header>
<main>
${cards.length > 0 ? summaryCards(cards) : null}
${sections.map(sectionMarkup)}</main>
<footer>Made by Sinter${date ? `, ${date}` : null}. This file is complete: it loads nothing.</footer>
</body>
</html>
`;
  return page.text;
}
