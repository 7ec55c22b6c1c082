/** The report as a file: complete, escaped, free of references, and right with any part missing. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ReportData, renderReport } from '../../lib/report/index.js';
import { escapeHtml } from '../../lib/report/markup.js';
import { checkPage, structureProblem } from './check-page.js';
import { HOSTILE, sample } from './sample.js';

describe('a full report', () => {
  const page = renderReport(sample);

  it('is a complete page without references', () => {
    expect(page.startsWith('<!doctype html>\n<html lang="en">')).toBe(true);
    checkPage(page);
  });

  it('escapes every text', () => {
    expect(page).not.toContain('<script');
    expect(page.split(escapeHtml(HOSTILE)).length).toBeGreaterThanOrEqual(5);
  });

  it('shows the figures of the summary', () => {
    const text = page.replace(/<[^>]*>/g, ' ');
    for (const figure of [
      '89.87 %',
      '−0.13 points against f32',
      '23.1 MB',
      '3.91x smaller than f32',
    ]) {
      expect(text).toContain(figure);
    }
    // 51,200 / 29,700, of the same precision.
    expect(text).toMatch(/Speed against ONNX Runtime int8\s+1\.72x/);
  });

  it('has a chart with title and description and a table beside it', () => {
    for (const id of ['loss', 'variants', 'confusion', 'reliability']) {
      expect(page).toContain(`aria-labelledby="${id}-title ${id}-desc"`);
    }
    expect(page.match(/<caption>/g)).toHaveLength(6);
    expect(page).toContain('Shown are the 14 labels confused most, of 77.');
  });

  it('is the same text every time', () => {
    expect(renderReport(sample)).toBe(page);
  });
});

describe('parts', () => {
  it('each section may be missing, or stand alone', () => {
    const { title, ...rest } = sample;
    checkPage(renderReport({ title }));
    for (const key of Object.keys(rest) as (keyof typeof rest)[]) {
      checkPage(renderReport({ title, [key]: rest[key] }));
      const { [key]: _, ...others } = rest;
      checkPage(renderReport({ title, ...others }));
    }
  });

  it('measurements may be missing or not finite', () => {
    const data: ReportData = {
      title: 'gaps',
      variants: [
        { name: 'a', precision: 'f32' },
        { name: 'b', precision: 'int8', accuracy: Number.NaN, bytes: 0, tokensPerSecond: 0 },
      ],
      loss: {
        steps: [
          { step: 1, loss: Number.NaN },
          { step: 2, loss: 1 },
        ],
        evaluations: [{ step: 2, epoch: 1 }],
      },
      confusion: { labels: ['a'], values: [[3]] },
      neighbours: [{ query: '', neighbours: [{ text: '', similarity: Number.NaN }] }],
      environment: {},
    };
    checkPage(renderReport(data));
    checkPage(
      renderReport({ title: 'none', variants: [{ name: 'a', precision: 'f32' }], notes: [] }),
    );
    checkPage(renderReport({ title: 'none', loss: { steps: [{ step: 1, loss: Number.NaN }] } }));
    checkPage(renderReport({ title: 'none', confusion: { labels: [], values: [] } }));
  });

  it('any text anywhere leaves the page whole', () => {
    const nasty = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        '</style>',
        '</title><b>',
        '"><i>',
        ']]>',
        '-->',
        '{a|b}',
        '{value}',
        '\ud800',
      ),
    );
    fc.assert(
      fc.property(nasty, (text) => {
        const page = renderReport({
          title: text,
          subtitle: text,
          summary: [{ label: text, value: text, detail: text }],
          variants: [{ name: text, precision: text, bytes: 5, accuracy: 0.5 }],
          confusion: {
            labels: [text, 'x'],
            values: [
              [1, 2],
              [0, 1],
            ],
          },
          neighbours: [{ query: text, neighbours: [{ text, similarity: 0.5 }] }],
          environment: { cpu: text, command: text, versions: { [text]: text } },
          notes: [text],
        });
        expect(structureProblem(page)).toBeNull();
        // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there
        expect(page).not.toMatch(/[\u0000-\u0008\u000B\u000C\u000E-\u001F]/);
      }),
      { numRuns: 30 },
    );
  });
});

describe('a report of a training', () => {
  const steps = Array.from({ length: 900 }, (_, i) => ({
    ...{ step: i + 1, loss: 2 / (1 + i / 50), learningRate: 1e-4, gradNorm: 1 + (i % 7) / 7 },
  }));
  const scores = { macroF1: 0.7, spearman: -0.2 };
  const evaluations = [{ step: 900, epoch: 1, loss: 0.4, accuracy: 0.8, scores }];
  const row = { text: `${HOSTILE}${'x'.repeat(400)}`, truth: HOSTILE, probability: 1e-5 };
  const worst = [{ ...row, predicted: 'b', score: 0.9, place: 'rows.csv:7' }];
  const bins = [{ from: 0.8, to: 0.9, count: 4, probability: 0.85, share: 0.5 }];
  const after = [{ from: 0.5, to: 0.6, count: 4, probability: 0.55, share: 0.5 }];

  it('has the gradient norm, all scores, the worst rows and the calibration', () => {
    const page = renderReport({
      ...{ title: 'x', loss: { steps, evaluations }, worst },
      calibration: { temperature: 1.5, before: bins, after },
      labelIssues: { rows: worst, found: 30, checked: 400, folds: 5 },
    });
    checkPage(page);
    expect(page).not.toContain('<script');
    for (const part of [
      'Gradient norm</h3>',
      'The norm of the gradients before clipping is largest in step 7, 1.86.',
      'The last ones: macro F1 0.7, spearman -0.2.',
      'temperature of 1.500',
      '(ECE, 15 bins) from 35.00 % to 5.00 %',
      '30 of 400 rows (7.5 %) look as if they had another label. The 1 clearest are shown.',
      'rows.csv:7',
      '1.0e-5',
    ])
      expect(page).toContain(part);
    // The text is cut.
    expect(page).not.toContain('x'.repeat(300));
  });

  it('has runs side by side, with what differs', () => {
    const run = (name: string, settings: object, loss: number) => ({
      ...{ name, steps, settings: { epochs: 3, ...settings }, seconds: 2 },
      evaluations: [
        { step: 400, epoch: 1, loss: loss / 2, accuracy: 0.9 },
        { step: 900, epoch: 2, loss, accuracy: 0.8 },
      ],
    });
    const runs = [
      { ...run('one', { learningRate: 1e-4, freeze: [] }, 0.4), best: 400 },
      run(HOSTILE, { learningRate: 2e-4, freeze: [] }, 0.6),
      ...Array.from({ length: 7 }, (_, i) => run(`run ${i}`, { learningRate: i, freeze: [] }, i)),
    ];
    const page = renderReport({ title: 'x', runs });
    checkPage(page);
    const text = page.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ');
    expect(text).toContain('setting one');
    expect(text).toMatch(/learningRate 0\.0001 0\.0002 0 1 2/);
    expect(text).toContain('2 settings that are the same');
    // The best evaluation of the first run, the last one of the second.
    expect(text).toContain('0.2000 90.00 %');
    expect(text).toContain('0.6000 80.00 %');
  });
});
