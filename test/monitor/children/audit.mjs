// Writes requests to an audit log until it is killed, from dist/; prints a line when many were told. argv: the folder.
import { setImmediate } from 'node:timers/promises';
import { AuditLog, readAuditOptions } from '../../../dist/monitor/index.js';

const log = await AuditLog.open(readAuditOptions('child', { folder: process.argv[2] }));
const facts = { texts: 1, tokens: 9, truncated: 0, tokenizeMs: 1, queueMs: 1, inferenceMs: 2 };
for (let i = 0; ; i++) {
  log.onRequest({
    ...{
      requestId: `r${i}`,
      route: '/embed',
      status: 200,
      outcome: 'ok',
      model: 'm',
      version: 'v',
    },
    ...{ key: '', method: 'single', totalMs: 4, facts },
  });
  if (i % 50 === 0) await setImmediate();
  if (i === 2000) process.stdout.write('many\n');
}
