/**
 * The report of a compression: the verdict first, then what was tried, where it hurts, and how to do it again.
 *
 * The rule: everything on the page is in the data; `report.json` is the data itself.
 */
import { formatBytes, formatNumber } from '../core/units.js';
import {
  choicesSection,
  histogramsSection,
  paretoSection,
  ranksSection,
  reliabilityChangeSection,
  sensitivitySection,
  stagesSection,
  widthsSection,
} from './compression-sections.js';
import type { CompressionReportData, CompressionVariant } from './compression-types.js';
import {
  changedRowsSection,
  classChangesSection,
  gateSection,
  signedPoints,
} from './gate-section.js';
import { renderPage } from './page.js';
import { environmentSection } from './sections.js';
import { formatRatio, scoreFormat } from './summary.js';
import type { Section } from './tables.js';
import type { SummaryCard } from './types.js';

function sectionsOf(data: CompressionReportData): Section[] {
  const { variants, verdict, choices, changed, reliability, sensitivity } = data;
  const { widths, ranks, histograms, stages = [], data: used = [], environment } = data;
  return [
    gateSection(verdict),
    variants.length > 0 ? paretoSection(variants, verdict.metric) : null,
    choices?.length ? choicesSection(choices) : null,
    verdict.perClass.length > 0 ? classChangesSection(verdict.perClass) : null,
    reliability ? reliabilityChangeSection(reliability) : null,
    changed ? changedRowsSection(changed.rows, changed.total) : null,
    sensitivity?.length ? sensitivitySection(sensitivity, verdict.metric) : null,
    widths?.length ? widthsSection(widths) : null,
    ranks?.length ? ranksSection(ranks) : null,
    histograms?.length ? histogramsSection(histograms) : null,
    stages.length + used.length > 0 ? stagesSection(stages, used) : null,
    environment ? environmentSection(environment) : null,
  ].filter((section) => section !== null);
}

/** What the chosen model is against the original, at a glance. */
function cardsOf({ verdict, variants }: CompressionReportData): SummaryCard[] {
  const find = (role: CompressionVariant['role']) => variants.find((one) => one.role === role);
  const format = scoreFormat(verdict.metric);
  const [was, is] = [find('original'), find('chosen')];
  const ratio = (a: number | undefined, b: number | undefined): string | null =>
    a !== undefined && b !== undefined && a > 0 && b > 0 ? formatRatio(a / b) : null;
  const cards: SummaryCard[] = [
    {
      label: 'Gate',
      value: verdict.passes ? 'passed' : 'failed',
      detail: `at most ${(verdict.maxDrop * 100).toFixed(2)} points may be lost`,
    },
    {
      label: verdict.metric,
      value: format(verdict.candidate.score),
      detail: `${signedPoints(-verdict.drop)} points against ${format(verdict.original.score)}`,
    },
  ];
  const smaller = ratio(was?.bytes, is?.bytes);
  if (is?.bytes !== undefined && was?.bytes !== undefined && smaller !== null) {
    const detail = `${formatBytes(is.bytes)}, was ${formatBytes(was.bytes)}`;
    cards.push({ label: 'Smaller', value: smaller, detail });
  }
  const faster = ratio(is?.tokensPerSecond, was?.tokensPerSecond);
  const sooner = ratio(was?.latencyMs?.p50, is?.latencyMs?.p50);
  if (faster !== null) {
    const detail = `${formatNumber(is?.tokensPerSecond ?? 0)} tokens per second`;
    cards.push({ label: 'Faster', value: faster, detail });
  } else if (sooner !== null) {
    cards.push({ label: 'Faster', value: sooner, detail: 'median time of one text' });
  }
  return cards;
}

/** The page. Sections without data are left out; all text of the data is escaped. */
export function renderCompressionReport(data: CompressionReportData): string {
  const { title, subtitle, environment } = data;
  return renderPage({
    ...{ eyebrow: 'Sinter compression report', title, cards: cardsOf(data) },
    sections: sectionsOf(data),
    ...(subtitle !== undefined && { subtitle }),
    ...(environment?.date !== undefined && { date: environment.date }),
  });
}

/** The JSON form, `report.json`. */
export function compressionReportJson(data: CompressionReportData): string {
  return `${JSON.stringify(data, null, 2)}\n`;
}
