/**
 * What other layers use of the monitor.
 *
 * The rule: charts are loaded by the worker thread that draws the page, nowhere else.
 */

export type { AlertState } from './alerts/alerts.js';
export {
  ALERT_METRICS,
  type AlertRule,
  type AlertRuleOptions,
  readAlertRules,
} from './alerts/rules.js';
export type { AlertNotice, WebhookOptions } from './alerts/webhook.js';
export { type AuditHead, AuditLog } from './audit/audit-log.js';
export { type AuditOptions, readAuditOptions } from './audit/options.js';
export { type AuditVerification, type VerifyOptions, verifyFiles } from './audit/verify.js';
export {
  type Baseline,
  BaselineBuilder,
  type EmbeddingBaseline,
  type Observation,
} from './drift/baseline.js';
export { readBaselineFile, writeBaseline } from './drift/baseline-file.js';
export type { DriftLevel, DriftStatus, QuantityDrift } from './drift/drift.js';
export { observationOf } from './drift/observe.js';
export type { Bins, NameBins, NumberBins, Quantity } from './drift/quantities.js';
export type { CountTokens, TokenCount } from './drift/token-sampler.js';
export { joinMetricTexts, type ProcessText } from './metrics/join-texts.js';
export { METRICS_CONTENT_TYPE } from './metrics/text-format.js';
export { Monitor, type MonitorSettings } from './monitor.js';
export { MonitorPage } from './page/monitor-page.js';
export type {
  FinishedRequest,
  ModelResult,
  MonitoredModel,
  QueueState,
  ServerState,
  Sizes,
} from './records.js';
