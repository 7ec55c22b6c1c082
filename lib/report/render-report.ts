/**
 * The report of a model or a training: which sections it has, in which order.
 *
 * The rule: a section without data is left out.
 */
import { renderPage } from './page.js';
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
  variantsSection,
} from './sections.js';
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

/** The page. Sections without data are left out; all text of the data is escaped. */
export function renderReport(data: ReportData): string {
  const { title, subtitle, environment } = data;
  const cards = data.summary ?? summaryOf(data.variants ?? []);
  return renderPage({
    ...{ title, cards, sections: sectionsOf(data) },
    ...(subtitle !== undefined && { subtitle }),
    ...(environment?.date !== undefined && { date: environment.date }),
  });
}
