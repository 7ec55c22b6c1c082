/**
 * The page of a running server: one HTML document, drawn on the server, that loads itself again.
 *
 * The rule: it is drawn in a worker thread (page-worker.ts), because a chart takes longer than a request may wait.
 */
import { formatBytes, formatDuration, formatNumber, formatPercent } from '../../core/units.js';
import { renderPage, type Section, type SummaryCard } from '../../report/index.js';
import type { MonitorData } from './monitor-data.js';
import { alertsSection, driftSection, shortTime } from './state-sections.js';
import {
  formatMs,
  formatRate,
  latencySection,
  loadSection,
  modelsSection,
  trafficSection,
} from './traffic-sections.js';

/** Seconds between two loads of the page by a browser. */
const REFRESH_SECONDS = 10;

/** Draws the data as a page. */
export function renderMonitor(data: MonitorData): string {
  const sections = [
    trafficSection(data),
    latencySection(data),
    loadSection(data),
    modelsSection(data),
    driftSection(data),
    alertsSection(data),
  ].filter((section): section is Section => section !== null);
  return renderPage({
    eyebrow: `Sinter ${data.version}`,
    title: 'Server monitor',
    subtitle: `${shortTime(new Date(data.now).toISOString())}, running for ${formatDuration(data.now - data.began)}`,
    cards: cardsOf(data),
    sections,
    refreshSeconds: REFRESH_SECONDS,
    footer: `This page loads itself again every ${REFRESH_SECONDS} seconds and nothing else. It holds no text of a request.`,
  });
}

function cardsOf(data: MonitorData): SummaryCard[] {
  const { lastMinute: last, queued, inFlight, alerts, drift } = data;
  const firing = alerts.filter(({ state }) => state === 'firing').length;
  const drifting = drift.filter(({ level }) => level === 'warning' || level === 'alert').length;
  const cards: SummaryCard[] = [
    {
      label: 'Requests',
      value: formatRate(last.requests / last.seconds),
      detail: `last minute; ${formatNumber(last.tokens / last.seconds)} tokens / s`,
    },
    { label: 'Median time', value: formatMs(last.p50), detail: `99 %: ${formatMs(last.p99)}` },
    {
      label: 'Errors',
      value: last.requests === 0 ? '–' : formatPercent(last.errors / last.requests, 1),
      detail: `${formatNumber(last.errors)} in the last minute`,
    },
    { label: 'Waiting', value: formatNumber(queued), detail: `${inFlight} requests in flight` },
    {
      label: 'Lanes',
      value: last.laneUse === null ? '–' : formatPercent(last.laneUse, 0),
      detail: `event loop late by ${formatMs(data.eventLoopLagMs)}`,
    },
    { label: 'Memory', value: formatBytes(data.rssBytes), detail: 'of the whole process' },
  ];
  if (alerts.length > 0) {
    cards.push({
      label: 'Alerts',
      value: String(firing),
      detail: `of ${alerts.length} rules fire`,
    });
  }
  if (drift.length > 0) {
    cards.push({
      ...{ label: 'Drift', value: String(drifting) },
      detail: `of ${drift.length} watched models differ`,
    });
  }
  return cards;
}
