/**
 * Routes of probes: whether the process lives, and whether it wants requests.
 *
 * The rule: they are open to everybody and say nothing that a stranger must not know.
 */
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Life } from './life.js';

export function addHealthRoutes(app: FastifyInstance, life: Life): void {
  const config = { access: 'open', dialect: 'sinter' } as const;
  const ready = async (_: unknown, reply: FastifyReply) => {
    const { state } = life;
    if (state === 'ready') return { status: state };
    return reply.code(503).header('retry-after', '1').send({ status: state });
  };
  // An answer proves that the event loop turns.
  const about = (summary: string) => ({ config, schema: { summary } });
  app.get('/livez', about('Whether the process lives'), async () => ({ status: 'alive' }));
  app.get('/readyz', about('Whether the server wants requests: 200 or 503'), ready);
  app.get('/health', about('The same'), ready);
  app.get('/ping', about('The same'), ready);
}
