/**
 * A strict reader of Prometheus' text format 0.0.4, written from its description. It throws on whatever a scraper would refuse or
 * take for something else: samples before their TYPE, a metric in two places, buckets that fall, a sum without a count.
 */

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly help: string;
  readonly type: string;
  readonly samples: Sample[];
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/s;
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/;
const NUMBER = /^(?:[+-]?Inf|NaN|[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)$/;

export function parseExposition(text: string): ReadonlyMap<string, Family> {
  if (text !== '' && !text.endsWith('\n')) throw new Error('the last line has no line feed');
  const families = new Map<string, Family>();
  let current: [name: string, family: Family] | null = null;
  let help: { readonly name: string; readonly text: string } | null = null;
  for (const line of text.split('\n').slice(0, -1)) {
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (keyword === 'HELP') {
      if (!/^(?:[^\\]|\\[\\n])*$/.test(rest)) throw new Error(`${line}: a wrong escape`);
      help = { name, text: rest };
    } else if (keyword === 'TYPE') {
      if (families.has(name)) throw new Error(`${name} is there twice`);
      if (help?.name !== name) throw new Error(`${name} has no HELP before its TYPE`);
      if (!/^(counter|gauge|histogram)$/.test(rest)) throw new Error(`${line}: no such type`);
      current = [name, { help: help.text, type: rest, samples: [] }];
      families.set(...current);
    } else {
      if (line.startsWith('#') || current === null) throw new Error(`${line}: out of place`);
      const sample = parseSample(line);
      if (!belongs(sample.name, current)) throw new Error(`${line}: not of ${current[0]}`);
      const isTwice = current[1].samples.some((one) => keyOf(one) === keyOf(sample));
      if (isTwice) throw new Error(`${line}: is there twice`);
      current[1].samples.push(sample);
    }
  }
  for (const [name, family] of families) {
    if (family.type === 'histogram') checkHistogram(name, family);
    if (family.type === 'counter') {
      for (const { value } of family.samples)
        if (!(value >= 0)) throw new Error(`${name} is below 0`);
    }
  }
  return families;
}

function belongs(name: string, [family, { type }]: [string, Family]): boolean {
  if (type !== 'histogram') return name === family;
  return ['_bucket', '_sum', '_count'].some((ending) => name === family + ending);
}

function parseSample(line: string): Sample {
  const [, name, inside, number] = SAMPLE.exec(line) ?? [];
  if (name === undefined || !NUMBER.test(number ?? '')) throw new Error(`${line}: no sample`);
  const labels: Record<string, string> = {};
  for (let rest = inside ?? ''; rest !== ''; ) {
    const [all = '', label = '', value = ''] = LABEL.exec(rest) ?? [];
    if (all === '' || label in labels) throw new Error(`${line}: wrong labels`);
    labels[label] = value.replace(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char));
    rest = rest.slice(all.length);
  }
  const value = number === '+Inf' ? Infinity : number === '-Inf' ? -Infinity : Number(number);
  return { name, labels, value };
}

const keyOf = ({ name, labels }: Sample) => JSON.stringify([name, Object.entries(labels).sort()]);

/** Of each series: buckets ascend in bound and count, the last one is +Inf and is the count, and there is a sum. */
function checkHistogram(name: string, { samples }: Family): void {
  const series = new Map<string, Sample[]>();
  for (const sample of samples) {
    const { le: _, ...labels } = sample.labels;
    const key = JSON.stringify(labels);
    series.set(key, [...(series.get(key) ?? []), sample]);
  }
  for (const [key, own] of series) {
    const buckets = own.filter((one) => one.name === `${name}_bucket`);
    const [sum, count] = ['_sum', '_count'].map((end) =>
      own.find((one) => one.name === name + end),
    );
    if (sum === undefined || count === undefined)
      throw new Error(`${name}${key}: sum or count missing`);
    const bounds = buckets.map(({ labels }) =>
      labels.le === '+Inf' ? Infinity : Number(labels.le),
    );
    buckets.forEach(({ value }, i) => {
      const isFirst = i === 0;
      const rises =
        isFirst ||
        ((bounds[i] ?? 0) > (bounds[i - 1] ?? 0) && value >= (buckets[i - 1]?.value ?? 0));
      if (!rises || Number.isNaN(bounds[i])) throw new Error(`${name}${key}: buckets do not rise`);
    });
    if (bounds.at(-1) !== Infinity || buckets.at(-1)?.value !== count.value) {
      throw new Error(`${name}${key}: the last bucket is not the count`);
    }
  }
}
