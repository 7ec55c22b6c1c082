/**
 * Prometheus' text format, version 0.0.4: how names, labels and numbers are written.
 *
 * The rule: help and label values are escaped here and nowhere else; names are checked when a metric is made.
 */

/** The content type of the text. */
export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL_NAME = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/;

/** Whether a metric may have this name. */
export function isMetricName(name: string): boolean {
  return METRIC_NAME.test(name);
}

/** Whether a label may have this name: `le` belongs to histograms, and two underscores to Prometheus itself. */
export function isLabelName(name: string): boolean {
  return LABEL_NAME.test(name) && name !== 'le';
}

/** A number as Go parses it. */
export function sampleValue(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  return String(value);
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '"': '\\"' };

function labelValue(value: string): string {
  return value.replace(/[\\\n"]/g, (char) => ESCAPES[char] ?? char);
}

/** One line: `name{label="value"} 1`. */
export function sampleLine(
  name: string,
  labels: readonly (readonly [name: string, value: string])[],
  value: number,
): string {
  const inside = labels.map(([label, text]) => `${label}="${labelValue(text)}"`).join(',');
  return `${name}${inside === '' ? '' : `{${inside}}`} ${sampleValue(value)}\n`;
}

/** The two lines above the samples of a metric. */
export function headLines(name: string, help: string, type: string): string {
  const text = help.replace(/[\\\n]/g, (char) => ESCAPES[char] ?? char);
  return `# HELP ${name} ${text}\n# TYPE ${name} ${type}\n`;
}
