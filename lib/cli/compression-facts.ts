/** The record of a compression as lines of `sinter inspect`. */

import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import { formatNumber } from '../core/units.js';
import type { Fact } from './page.js';

/** What was removed, and the verdict. A record of another version shows what is known of it. */
export function compressionFacts(record: JsonObject | null): Fact[] {
  if (record === null) return [];
  const { base, layers, widths, vocabulary, verdict } = record;
  const removed = [
    ...(Array.isArray(layers) ? [`layers ${layers.join(', ')}`] : []),
    ...widthsOf(widths),
    ...tokensOf(vocabulary),
  ].join('; ');
  const from = typeof base === 'string' ? `from ${base}` : 'yes';
  return [['compressed', removed === '' ? from : `${from}: ${removed}`], ...verdictOf(verdict)];
}

function widthsOf(widths: JsonValue | undefined): string[] {
  if (!isJsonObject(widths)) return [];
  const sum = (counts: JsonValue | undefined) =>
    Array.isArray(counts) ? counts.reduce<number>((all, one) => all + Number(one), 0) : 0;
  return [`${formatNumber(sum(widths.heads))} heads, ${formatNumber(sum(widths.neurons))} neurons`];
}

function tokensOf(vocabulary: JsonValue | undefined): string[] {
  if (!isJsonObject(vocabulary)) return [];
  const { tokensBefore, tokensAfter } = vocabulary;
  return [`${formatNumber(Number(tokensAfter))} of ${formatNumber(Number(tokensBefore))} tokens`];
}

function verdictOf(verdict: JsonValue | undefined): Fact[] {
  if (!isJsonObject(verdict)) return [];
  const { metric, rows, passes, original, candidate } = verdict;
  const score = (one: JsonValue | undefined) =>
    isJsonObject(one) ? Number(one.score).toFixed(4) : '?';
  const how = passes === true ? 'passed' : 'not passed';
  return [
    [
      'gate',
      `${how}: ${metric} ${score(original)} -> ${score(candidate)} on ${formatNumber(Number(rows))} rows`,
    ],
  ];
}
