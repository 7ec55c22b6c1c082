/**
 * Evaluates the rules and keeps the state of each: quiet, pending, firing.
 *
 * The rule: an alert is told once when it begins and once when it ends. A number that there is not (no traffic, no verdict) holds no
 * condition.
 */
import type { AlertRule } from './rules.js';
import { type AlertNotice, newNoticeId, Webhook, type WebhookOptions } from './webhook.js';

/** The value of a metric of `ALERT_METRICS`, of a model or of the server; null where there is none. */
export type ReadMetric = (metric: string, model: string | null) => number | null;

/** The state of a rule. */
export interface AlertState {
  readonly rule: string;
  readonly when: string;
  readonly model: string | null;
  readonly state: 'quiet' | 'pending' | 'firing';
  readonly value: number | null;
  /** ISO date from which the condition holds; null while it does not. */
  readonly since: string | null;
}

export interface AlertSettings {
  readonly rules: readonly AlertRule[];
  readonly read: ReadMetric;
  readonly webhook: WebhookOptions;
  /** Told of every notice. */
  readonly onNotice: (notice: AlertNotice) => void;
  /** Told of a notice that no receiver took; `what` says why. */
  readonly onFailure: (notice: AlertNotice, what: string) => void;
}

/** Notices that are kept for the page. */
const KEPT = 50;

class RuleState {
  state: AlertState['state'] = 'quiet';
  value: number | null = null;
  since = 0;
  readonly webhook: Webhook | null;

  constructor(
    readonly rule: AlertRule,
    { webhook, onFailure }: AlertSettings,
  ) {
    this.webhook = rule.webhook === null ? null : new Webhook(rule.webhook, webhook, onFailure);
  }

  /** The state after a look; what is to be told, if anything. */
  step(value: number | null, now: number): AlertNotice['state'] | null {
    const { rule, state } = this;
    this.value = value;
    if (value === null || !rule.holds(value)) {
      this.state = 'quiet';
      return state === 'firing' ? 'resolved' : null;
    }
    if (state === 'quiet') {
      this.since = now;
      this.state = 'pending';
    }
    if (state === 'firing' || now - this.since < rule.forMs) return null;
    this.state = 'firing';
    return 'firing';
  }
}

export class Alerts {
  private readonly states: readonly RuleState[];
  private readonly told: AlertNotice[] = [];

  constructor(private readonly settings: AlertSettings) {
    this.states = settings.rules.map((rule) => new RuleState(rule, settings));
  }

  /** Looks at every rule. `now` is in milliseconds since 1970. */
  evaluate(now: number): void {
    for (const one of this.states) {
      const { metric, model } = one.rule;
      const state = one.step(this.settings.read(metric, model), now);
      if (state !== null) this.tell(one, state, now);
    }
  }

  /** The state of every rule, in their order. */
  get current(): readonly AlertState[] {
    return this.states.map(({ rule, state, value, since }) => ({
      ...{ rule: rule.name, when: rule.when, model: rule.model, state, value },
      since: state === 'quiet' ? null : new Date(since).toISOString(),
    }));
  }

  /** The latest notices, the newest first; at most 50. */
  get recent(): readonly AlertNotice[] {
    return this.told;
  }

  /** Lets notices that wait go out, for at most `ms`. */
  async close(ms: number): Promise<void> {
    await Promise.all(this.states.map(({ webhook }) => webhook?.close(ms)));
  }

  private tell(one: RuleState, state: AlertNotice['state'], now: number): void {
    const { name, when, model } = one.rule;
    const notice: AlertNotice = {
      ...{ id: newNoticeId(), rule: name, state, when, model, value: one.value },
      since: new Date(one.since).toISOString(),
      time: new Date(now).toISOString(),
    };
    this.told.unshift(notice);
    this.told.length = Math.min(this.told.length, KEPT);
    this.settings.onNotice(notice);
    one.webhook?.send(notice);
  }
}
