/** The worker thread that draws the page: a chart takes tens of milliseconds, in which a server would answer nobody. */
import { parentPort } from 'node:worker_threads';
import { type Port, ThreadPort } from '../../core/thread.js';
import { renderMonitor } from './render-monitor.js';

if (parentPort === null) throw new Error('page-worker: must run as a worker thread');
new ThreadPort(parentPort as Port, { draw: renderMonitor });
