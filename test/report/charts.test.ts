/**
 * The charts as files of their own, and the numbers behind them.
 *
 * The rule: a file for the README has literal colours and a background; nothing in it refers to a page.
 */
import { describe, expect, it } from 'vitest';
import { clippedTo, textWidth } from '../../lib/report/chart.js';
import { shownLabels } from '../../lib/report/confusion-chart.js';
import { confusionSvg, lossCurveSvg, reliabilitySvg, variantsSvg } from '../../lib/report/index.js';
import { smoothed, thinned } from '../../lib/report/loss-chart.js';
import { HOSTILE, sample } from './sample.js';

const draw = {
  loss: (theme: 'light' | 'dark') => lossCurveSvg(sample.loss ?? { steps: [] }, { theme }),
  variants: (theme: 'light' | 'dark') => variantsSvg(sample.variants ?? [], { theme }),
  confusion: (theme: 'light' | 'dark') =>
    confusionSvg(sample.confusion ?? { labels: [], values: [] }, { theme }),
  reliability: (theme: 'light' | 'dark') => reliabilitySvg(sample.reliability ?? [], { theme }),
};

describe.each(Object.entries(draw))('%s', (_name, chart) => {
  it.each(['light', 'dark'] as const)('stands alone in %s', (theme) => {
    const svg = chart(theme);
    expect(svg).toMatch(/^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"[^>]* role="img"/);
    expect(svg).not.toMatch(/var\(|class=|ecmeta|<style|<script|NaN|undefined/);
    expect(svg).toContain(`fill="${theme === 'light' ? '#ffffff' : '#171c24'}"`);
  });
});

describe('loss', () => {
  const steps = Array.from({ length: 1000 }, (_, i) => ({ step: i + 1, loss: i % 2 }));

  it('thins long runs by means, and leaves short ones alone', () => {
    const points = thinned(steps, 400);
    expect(points).toHaveLength(334);
    expect(points[0]).toEqual([2, 1 / 3]);
    expect(thinned(steps.slice(0, 3))).toEqual([
      [1, 0],
      [2, 1],
      [3, 0],
    ]);
  });

  it('smooths by a centred mean that keeps both ends', () => {
    const line = Array.from({ length: 200 }, (_, i): [number, number] => [i, 3 * i]);
    smoothed(line).forEach(([x, y]) => {
      expect(y).toBeCloseTo(3 * x, 9);
    });
  });

  it('says in words what it shows', () => {
    expect(draw.loss('light')).toMatch(
      /Training loss falls from 4\.\d\d to 0\.\d\d in 48\d steps\./,
    );
    expect(draw.loss('light')).toContain('The last evaluation has 89.9 % accuracy.');
  });
});

describe('reliability', () => {
  const bins = (share: number) => [{ from: 0.8, to: 0.9, count: 4, probability: 0.85, share }];

  it('says in words what it shows', () => {
    expect(reliabilitySvg(bins(0.5))).toContain(
      'are 35.00 % apart on average (calibration error); the model is too sure of itself.',
    );
    expect(reliabilitySvg(bins(1))).toContain('the model is not sure enough of itself.');
    expect(reliabilitySvg(bins(0.85))).toContain(
      'are 0.00 % apart on average (calibration error).',
    );
  });
});

describe('confusion', () => {
  it('shows partners of the most frequent confusions', () => {
    const values = [
      [5, 0, 0, 1],
      [0, 6, 0, 0],
      [0, 0, 2, 4],
      [0, 0, 0, 6],
    ];
    const confusion = { labels: ['a', 'b', 'c', 'd'], values };
    expect(shownLabels(confusion, 4)).toEqual(['a', 'b', 'c', 'd']);
    expect(shownLabels(confusion, 3)).toEqual(['c', 'd', 'a']);
    expect(shownLabels(confusion, 2)).toEqual(['c', 'd']);
    expect(confusionSvg(confusion)).toContain('c taken for d: 4 times, 67 % of its rows.');
  });
});

describe('labels of a confusion matrix', () => {
  const chinese = '物流配送速度太慢而且包装破损的客户投诉问题分类标签名称特别长';
  const labels = [chinese, 'line\r\nfeed', `bidi\u202egnp\u001b[31m`, 'short'];
  const values = labels.map((_, i) => labels.map((_, j) => (i === j ? 3 : 1)));
  const svg = confusionSvg({ labels, values }, { theme: 'page' });

  it('are one line each, cut where they would leave no room for the cells', () => {
    const names = [...svg.matchAll(/text-anchor="end"[^>]*>([^<]*)</g)].map(([, name]) => name);
    expect(names.map((name) => name?.replace(/\s+\d$/, ''))).toEqual([
      expect.stringMatching(/^物流配送速度太慢.*…$/),
      'line feed',
      'bidi\uFFFDgnp\uFFFD[31m',
      'short',
    ]);
    expect(textWidth(names[0] ?? '')).toBeLessThan(300);
  });

  it('a page scrolls a chart rather than making it illegible, and never enlarges it', () => {
    const [, most, least] = /max-width:(\d+)px;min-width:(\d+)px/.exec(svg) ?? [];
    expect(Number(most)).toBeLessThan(880);
    expect(Number(least)).toBe(Math.min(620, Number(most)));
    expect(confusionSvg({ labels, values }, { theme: 'light' })).not.toContain('min-width');
  });

  it('clippedTo keeps what fits', () => {
    expect(clippedTo('short', 100)).toBe('short');
    expect(clippedTo(chinese, 100)).toMatch(/^物流.*…$/);
    for (const width of [20, 50, 100, 210]) {
      expect(textWidth(clippedTo(chinese, width))).toBeLessThanOrEqual(width);
    }
  });
});

describe('variants', () => {
  it('escapes names and leaves out what nobody measured', () => {
    const svg = variantsSvg([{ name: HOSTILE, precision: 'f32', bytes: 1500 }]);
    expect(svg).not.toContain('<script');
    expect(svg).toContain('1.5 kB');
    expect(svg).not.toContain('accuracy</text>');
  });
});
