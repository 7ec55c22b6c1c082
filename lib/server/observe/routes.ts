/**
 * `GET /metrics` for Prometheus and `GET /monitor` for people.
 *
 * The rule: they tell names of models and numbers; with API keys a key is needed, unless the server's options open them.
 */
import type { FastifyInstance } from 'fastify';
import { packageVersion } from '../../core/package-files.js';
import { METRICS_CONTENT_TYPE, type Monitor, MonitorPage } from '../../monitor/index.js';
import type { ObserveSettings } from './options.js';

export function addObserveRoutes(
  app: FastifyInstance,
  monitor: Monitor,
  { metrics, gatherMetrics, monitor: hasPage, access }: ObserveSettings,
): void {
  const config = { access, dialect: 'sinter' } as const;
  if (metrics) {
    const schema = { tags: ['Server'], summary: "Metrics in Prometheus' text format" };
    app.get('/metrics', { config, schema }, async (_, reply) => {
      const own = monitor.text();
      const text = gatherMetrics === undefined ? own : await gatherMetrics(own);
      return reply.type(METRICS_CONTENT_TYPE).header('cache-control', 'no-store').send(text);
    });
  }
  if (!hasPage) return;
  const page = new MonitorPage(monitor, packageVersion());
  app.addHook('onClose', () => page.close());
  app.get('/monitor', { config, schema: { hide: true } }, async (_, reply) => {
    const html = await page.html();
    return reply
      .type('text/html; charset=utf-8')
      .header('cache-control', 'no-store')
      .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'")
      .header('x-content-type-options', 'nosniff')
      .send(html);
  });
}
