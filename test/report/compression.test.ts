/**
 * The report of a compression: whole with any part missing, escaped, the verdict in words, and its JSON form.
 *
 * The rule: what a chart shows is looked for in the text and the tables too.
 */
import { describe, expect, it } from 'vitest';
import {
  type CompressionReportData,
  compressionReportJson,
  histogramSvg,
  paretoSvg,
  renderCompressionReport,
  sensitivitySvg,
  widthsSvg,
} from '../../lib/report/index.js';
import { escapeHtml } from '../../lib/report/markup.js';
import { checkPage } from './check-page.js';
import { compressionSample as sample } from './compression-sample.js';
import { HOSTILE } from './sample.js';

const textOf = (page: string): string => page.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ');

describe('the page', () => {
  const page = renderCompressionReport(sample);

  it('is whole, escaped, and the same every time', () => {
    checkPage(page);
    expect(page).not.toContain('<script');
    expect(page.split(escapeHtml(HOSTILE)).length).toBeGreaterThan(10);
    expect(renderCompressionReport(sample)).toBe(page);
  });

  it('has the verdict, the figures and what changed', () => {
    const text = textOf(page);
    const { verdict } = sample;
    expect(text).toContain(`${verdict.passes ? 'Passed' : 'Failed'} ${verdict.reason}.`);
    for (const warning of verdict.warnings) expect(page).toContain(escapeHtml(warning));
    for (const part of [
      'Smaller 4.71x 19.3 MB, was 90.9 MB',
      'Faster 3.88x 71,300 tokens per second',
      '71 held-out rows have another answer than before. The first 50 are shown.',
      'The 24 that cost most are drawn.',
      'layer 3 12 6 1,536 864',
      'together 53.4 s',
      `${verdict.flips?.rightToWrong} right to wrong, ${verdict.flips?.wrongToRight} wrong to right`,
      'abababababababab',
    ])
      expect(text).toContain(part);
    expect(page.split('✗').length - 1).toBe(50);
  });

  it('has a chart with title and description for each figure', () => {
    for (const id of ['pareto', 'sensitivity', 'kept-heads', 'kept-neurons', 'histogram-2']) {
      expect(page).toContain(`aria-labelledby="${id}-title ${id}-desc"`);
    }
  });

  it('may lack every section but the verdict, and have any single one', () => {
    const { format, title, variants: _, verdict, ...rest } = sample;
    checkPage(renderCompressionReport({ format, title, variants: [], verdict }));
    for (const key of Object.keys(rest) as (keyof typeof rest)[]) {
      checkPage(
        renderCompressionReport({ format, title, variants: [], verdict, [key]: rest[key] }),
      );
    }
  });

  it('is whole where numbers are missing or not finite', () => {
    const data: CompressionReportData = {
      ...{ format: 1, title: 'gaps', verdict: { ...sample.verdict, resolvable: null } },
      variants: [
        { name: 'a', role: 'original' },
        { name: 'b', role: 'chosen', score: Number.NaN, bytes: 0, tokensPerSecond: 0 },
        { name: 'c', role: 'peer', score: 0.5, latencyMs: { p50: 3 } },
        { name: 'd', role: 'candidate', score: 0.5, tokensPerSecond: 10 },
        { name: 'e', role: 'candidate', score: 0.5, tokensPerSecond: 10 },
      ],
      sensitivity: [{ name: 'x', drop: 0 }],
      widths: [{ name: 'x', heads: { original: 1, kept: 0 } }, { name: 'y' }],
      histograms: [{ name: 'x', kind: 'weight', low: 0, high: 0, before: [0], after: [] }],
      changed: { rows: [], total: 0 },
      reliability: { original: [], candidate: [] },
      stages: [{ name: 'x', seconds: 0 }],
    };
    checkPage(renderCompressionReport(data));
  });

  it('a failed gate without classes or McNemar says so', () => {
    const verdict = {
      ...sample.verdict,
      ...{
        passes: false,
        metric: 'spearman',
        reason: 'spearman drops',
        mcnemar: null,
        flips: null,
        agreement: null,
      },
      ...{ perClass: [], calibration: null, warnings: [] },
    };
    const text = textOf(renderCompressionReport({ ...sample, verdict }));
    expect(text).toContain('Failed spearman drops.');
    // Correlations are numbers, not percentages.
    expect(text).toContain(`original ${verdict.original.score.toFixed(4)}`);
    expect(text).not.toContain('McNemar');
    expect(text).not.toContain('Classes before and after');
  });
});

describe('charts', () => {
  it.each(['light', 'dark'] as const)('stand alone in %s', (theme) => {
    const [pair] = sample.histograms ?? [];
    for (const svg of [
      paretoSvg(sample.variants, 'accuracy', { theme }),
      sensitivitySvg(sample.sensitivity ?? [], 'accuracy', { theme }),
      widthsSvg(sample.widths ?? [], 'heads', { theme }),
      ...(pair ? [histogramSvg(pair, 'h', { theme })] : []),
    ]) {
      expect(svg).toMatch(/^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"[^>]* role="img"/);
      expect(svg).not.toMatch(/var\(|class=|ecmeta|<style|<script|NaN|undefined/);
      expect(svg).toContain(`fill="${theme === 'light' ? '#ffffff' : '#171c24'}"`);
    }
  });

  it('names the original, the chosen and other engines, and draws all others', () => {
    const svg = paretoSvg(sample.variants, 'accuracy');
    expect(svg).toContain('>MiniLM f32<');
    expect(svg).toContain('>ONNX Runtime int8<');
    expect(svg).not.toContain('>3 of 6 layers<');
    expect(svg).toContain('ONNX Runtime int8: 29,700 at accuracy');
  });
});

describe('report.json', () => {
  it('is the data, and gives the same page', () => {
    const json = compressionReportJson(sample);
    const read: CompressionReportData = JSON.parse(json);
    expect(read).toEqual(sample);
    expect(read.format).toBe(1);
    expect(renderCompressionReport(read)).toBe(renderCompressionReport(sample));
  });
});
