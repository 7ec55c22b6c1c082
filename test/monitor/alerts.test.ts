// Alerts: rules are checked, a condition must hold for its time, webhooks of a real HTTP server get every notice once and in order.
import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Alerts } from '../../lib/monitor/alerts/alerts.js';
import { readAlertRules } from '../../lib/monitor/alerts/rules.js';
import type { AlertNotice, WebhookOptions } from '../../lib/monitor/alerts/webhook.js';

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly notice: AlertNotice;
}

/** A receiver that answers with these statuses in turn, then 204. `null`: never. */
async function receiver(statuses: (number | null)[]) {
  const received: Received[] = [];
  let [open, mostOpen] = [0, 0];
  const server = createServer((request, response) => {
    mostOpen = Math.max(mostOpen, ++open);
    response.once('close', () => open--);
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (part: string) => {
      body += part;
    });
    request.on('end', () => {
      received.push({ headers: request.headers, body, notice: JSON.parse(body) as AlertNotice });
      const status = statuses.length > 0 ? statuses.shift() : 204;
      if (status === null || status === undefined) return;
      setTimeout(() => response.writeHead(status, { location: '/elsewhere' }).end('text'), 5);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/hook`, received, mostOpen: () => mostOpen };
}

function make(rules: readonly object[], webhook: WebhookOptions = {}) {
  const values = new Map<string, number | null>();
  const failures: string[] = [];
  const alerts = new Alerts({
    rules: readAlertRules('test', rules),
    read: (metric, model) => values.get(model === null ? metric : `${model} ${metric}`) ?? null,
    webhook: { retryMs: 10, timeoutMs: 200, ...webhook },
    onNotice: () => undefined,
    onFailure: (notice, what) => void failures.push(`${notice.state}: ${what}`),
  });
  return { alerts, values, failures };
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !condition(); i++) await sleep(10);
  expect(condition()).toBe(true);
}

describe('a rule', () => {
  it.each([
    ['a list', 'must be a list of rules', 'x'],
    ['a name', /alerts\[0\]: name must be a text/, [{ when: 'queue > 1' }]],
    ['a condition', /name, one of > >= < <= and a number/, [{ name: 'a', when: 'queue' }]],
    ['a known number', /about one of error_rate.*got "qeue"/, [{ name: 'a', when: 'qeue > 1' }]],
    ['a duration', /a duration such as 60s/, [{ name: 'a', when: 'queue > 1', for: '60' }]],
    ['a URL', /a URL of http or https/, [{ name: 'a', when: 'queue > 1', webhook: 'file:///x' }]],
    ['no unknown key', /unknown option "form"/, [{ name: 'a', when: 'queue > 1', form: '1s' }]],
    [
      'a name of its own',
      /another than those before/,
      [
        { name: 'a', when: 'queue > 1' },
        { name: 'a', when: 'queue > 2' },
      ],
    ],
  ])('has %s', (_, message, rules) => {
    expect(() => readAlertRules('createServer', rules)).toThrow(message);
  });

  it('does not show the secret of a webhook', () => {
    const webhook = 'ftp://user:hunter2@host/hook';
    const rules = [{ name: 'a', when: 'queue > 1', webhook }];
    expect(() => readAlertRules('x', rules)).toThrow(/^(?!.*hunter2)/);
  });

  it('fires when its condition has held for its time, and is resolved when it does not', () => {
    const { alerts, values } = make([{ name: 'slow', when: 'p99_ms > 200', for: '60s' }]);
    const at = (second: number, value: number | null) => {
      values.set('p99_ms', value);
      alerts.evaluate(second * 1000);
      return alerts.current[0]?.state;
    };
    expect(at(0, 100)).toBe('quiet');
    expect(at(10, 300)).toBe('pending');
    expect(at(69, 300)).toBe('pending');
    expect(at(70, 300)).toBe('firing');
    expect(at(80, 301)).toBe('firing');
    expect(at(90, null)).toBe('quiet');
    expect(at(100, 300)).toBe('pending');
    expect(alerts.recent.map(({ state }) => state)).toEqual(['resolved', 'firing']);
    expect(alerts.recent[1]).toMatchObject({
      rule: 'slow',
      value: 300,
      since: new Date(10_000).toISOString(),
    });
  });
});

describe('a webhook', () => {
  it('gets every notice once and in order, from a receiver that fails first', async () => {
    const { url, received, mostOpen } = await receiver([500, null, 503, 429, 204, 500, 204]);
    const rules = [{ name: 'full', when: 'queue > 10', webhook: url }];
    const { alerts, values, failures } = make(rules, { secret: 'key' });
    values.set('queue', 11);
    alerts.evaluate(1000);
    values.set('queue', 0);
    alerts.evaluate(2000);
    await until(() => received.length === 7);
    await alerts.close(1000);
    expect(failures).toEqual([]);
    const taken = [received[4], received[6]].map((one) => one?.notice);
    expect(taken.map((one) => one?.state)).toEqual(['firing', 'resolved']);
    const ids = received.map(({ notice }) => notice.id);
    expect(new Set(ids.slice(0, 5)).size).toBe(1);
    expect(new Set(ids).size).toBe(2);
    expect(mostOpen()).toBe(1);
    for (const { headers, body, notice } of received) {
      expect(headers['x-sinter-delivery']).toBe(notice.id);
      const [, seconds, hex] =
        /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['x-sinter-signature'])) ?? [];
      expect(hex).toBe(createHmac('sha256', 'key').update(`${seconds}.${body}`).digest('hex'));
    }
  });

  it('gives up where the receiver says no, and follows no redirect', async () => {
    const { url, received } = await receiver([404, 302]);
    const { alerts, values, failures } = make([{ name: 'full', when: 'queue > 10', webhook: url }]);
    values.set('queue', 11);
    alerts.evaluate(1000);
    values.set('queue', 0);
    alerts.evaluate(2000);
    await until(() => failures.length === 2);
    expect(failures).toEqual([
      'firing: the receiver answered 404',
      'resolved: the receiver answered 302',
    ]);
    expect(received).toHaveLength(2);
    expect(received[0]?.headers['x-sinter-signature']).toBeUndefined();
  });

  it('gives up after its attempts, and ends with the server', async () => {
    const { url, received } = await receiver([500, 500, 500]);
    const rules = [{ name: 'full', when: 'queue > 10', webhook: url }];
    const first = make(rules, { attempts: 3 });
    first.values.set('queue', 11);
    first.alerts.evaluate(1000);
    await until(() => first.failures.length === 1);
    expect(received).toHaveLength(3);
    const gone = make([{ name: 'x', when: 'queue > 10', webhook: 'http://127.0.0.1:9/' }]);
    gone.values.set('queue', 11);
    const begin = performance.now();
    gone.alerts.evaluate(1000);
    await gone.alerts.close(100);
    expect(performance.now() - begin).toBeLessThan(3000);
    expect(gone.failures).toHaveLength(1);
  });
});
