// The page of a server: what it shows, that it holds no text, and that a browser shows it in light and dark without a script.
import { spawnSync } from 'node:child_process';
import { mkdtemp, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { MonitorData } from '../../lib/monitor/page/monitor-data.js';
import { renderMonitor } from '../../lib/monitor/page/render-monitor.js';
import type { TrafficSums } from '../../lib/monitor/traffic/traffic.js';
import { CLASSIFIER, serve } from '../server/support.js';
import { stateOf } from './records.js';

const NOW = Date.UTC(2026, 0, 31, 12, 0, 30);

/** An hour with a busy half and a gap. */
function minute(i: number): TrafficSums {
  const isGap = i > 12 && i < 18;
  const requests = isGap ? 0 : Math.round(600 + 500 * Math.sin(i / 7));
  const scale = 1 + Math.abs(Math.sin(i / 9));
  return {
    ...{ begin: NOW - 30_000 - (59 - i) * 60_000, seconds: 60, requests },
    answered: Math.max(0, requests - 20),
    ...{ errors: isGap ? 0 : 8, overloaded: isGap ? 0 : 5, refused: isGap ? 0 : 10, cancelled: 2 },
    ...{ texts: requests * 2, tokens: requests * 60, truncated: 3 },
    meanMs: isGap ? null : { total: 20, tokenize: 1, queue: 5 * scale, inference: 11 },
    ...(isGap
      ? { p50: null, p95: null, p99: null }
      : { p50: 14 * scale, p95: 33 * scale, p99: 61 * scale }),
    ...{ queuedMost: isGap ? 0 : Math.round(40 * scale), laneUse: isGap ? 0.01 : 0.4 * scale },
  };
}

function example(): MonitorData {
  const minutes = Array.from({ length: 60 }, (_, i) => minute(i));
  const lastMinute = minute(58);
  const [model] = stateOf().models();
  const [queue] = stateOf().queues();
  if (model === undefined || queue === undefined) throw new Error('no model');
  const named = { ...model, name: 'intents <b>&"' };
  const notice = { id: '1', rule: 'slow', when: 'p99_ms > 50', model: null, value: 61.2 };
  const at = {
    since: new Date(NOW - 90_000).toISOString(),
    time: new Date(NOW - 30_000).toISOString(),
  };
  return {
    ...{ now: NOW, began: NOW - 7_500_000, version: '0.1.0', lastMinute, minutes },
    models: [{ model: named, queue, lastMinute, minutes }],
    ...{ inFlight: 12, queued: 7, lanes: 2, eventLoopLagMs: 1.4, rssBytes: 312e6 },
    drift: [
      {
        ...{ model: 'intents', level: 'warning', rows: 1820, baselineRows: 3000 },
        since: new Date(NOW - 4_000_000).toISOString(),
        quantities: [
          {
            quantity: 'length',
            level: 'warning',
            value: 0.14,
            byChance: 0.025,
            rows: 1820,
            neededRows: 308,
          },
          {
            quantity: 'class',
            level: 'ok',
            value: 0.01,
            byChance: 0.03,
            rows: 1820,
            neededRows: 400,
          },
          {
            quantity: 'tokens',
            level: 'unknown',
            value: 0.3,
            byChance: 0.4,
            rows: 90,
            neededRows: 308,
          },
          {
            quantity: 'centroid',
            level: 'alert',
            value: 0.21,
            byChance: 0.01,
            rows: 1820,
            neededRows: 400,
          },
        ],
      },
    ],
    alerts: [
      {
        rule: 'slow',
        when: 'p99_ms > 50',
        model: null,
        state: 'firing',
        value: 61.2,
        since: at.since,
      },
      { rule: 'full', when: 'queue > 100', model: null, state: 'quiet', value: 7, since: null },
    ],
    notices: [{ ...notice, ...at, state: 'firing' }],
  };
}

describe('GET /monitor', () => {
  it('shows a running server', async () => {
    const server = await serve({ intents: { path: CLASSIFIER } });
    await server.post('/predict', { inputs: 'xyzzy plugh' });
    const response = await fetch(`${server.url}/monitor`);
    const page = await response.text();
    expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none'/);
    expect(page).toContain('<meta http-equiv="refresh" content="10">');
    expect(page).toContain('intents');
    expect(page).not.toMatch(/xyzzy|<script/);
    for (const id of ['traffic', 'latency', 'load', 'models'])
      expect(page).toContain(`<section id="${id}"`);
    // Without rules and baselines there is nothing to say of them.
    expect(page).not.toContain('id="drift"');
    expect(await (await fetch(`${server.url}/monitor`)).text()).toBe(page);
  });

  it('escapes names, and has in tables what charts show', async () => {
    const page = renderMonitor(example());
    expect(page).toContain('intents &lt;b&gt;&amp;&quot;');
    expect(page).toContain('61.200');
    expect(page.match(/<svg/g)).toHaveLength(4);
    expect(page).toMatch(/place of the vectors[\s\S]*alert/);
  });
});

const BROWSER = 'chromium';
const hasBrowser = spawnSync(BROWSER, ['--version']).error === undefined;

describe.skipIf(!hasBrowser)('a browser (package chromium)', () => {
  it.each(['light', 'dark'])(
    'shows the page in %s',
    async (theme) => {
      const folder =
        process.env.SINTER_SCREENSHOTS ?? (await mkdtemp(join(tmpdir(), 'sinter-monitor-')));
      const file = join(folder, `monitor-${theme}.html`);
      await writeFile(file, renderMonitor(example()));
      const picture = join(folder, `monitor-${theme}.png`);
      const profile = await mkdtemp(join(tmpdir(), 'sinter-monitor-'));
      const flags = ['headless', 'no-sandbox', 'disable-gpu', 'disable-quic', 'no-first-run'];
      const quiet = ['disable-background-networking', 'disable-component-update', 'disable-sync'];
      const args = [
        ...[...flags, ...quiet].map((flag) => `--${flag}`),
        `--user-data-dir=${profile}`,
        `--blink-settings=preferredColorScheme=${theme === 'dark' ? 0 : 1}`,
        ...['--window-size=1100,3200', '--hide-scrollbars'],
      ];
      const shot = spawnSync(BROWSER, [...args, `--screenshot=${picture}`, `file://${file}`], {
        timeout: 60_000,
      });
      expect(shot.status).toBe(0);
      expect((await stat(picture)).size).toBeGreaterThan(20_000);
      const dump = spawnSync(BROWSER, [...args, '--dump-dom', `file://${file}`], {
        encoding: 'utf8',
        timeout: 60_000,
      });
      expect(dump.stdout).toContain('Server monitor');
      expect(dump.stdout.match(/<svg/g)).toHaveLength(4);
    },
    120_000,
  );
});
