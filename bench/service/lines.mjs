// The lines of the service bench: how each is measured, and its target.
//
// `measure` asks worker processes (the files beside this one) and returns details for the JSON file. `judge` turns them into
// rows of the table: { figure, target, measured, holds }, without `holds` where there is no target.
import { median } from '../support/timing.mjs';

const MB = 1e6;

export const LINES = {
  pipelines: {
    measure: (ask, precision) => ask('pipelines.mjs', { precision }),
    judge({ embed, batched, single }, precision) {
      const factor = precision === 'f32' ? 10 : 15;
      const times = batched.medianMs / embed.medianMs;
      return [
        {
          figure: 'embed against transformers.js, unsorted batches of 32',
          target: `${factor} x`,
          measured: `${times.toFixed(1)} x`,
          holds: times >= factor,
        },
        {
          figure: 'embed against transformers.js, one text a call',
          measured: `${(single.medianMs / embed.medianMs).toFixed(1)} x`,
        },
      ];
    },
  },
  load: {
    async measure(ask, precision, { rounds, quick }) {
      const runs = [];
      // The first run warms the disk cache and does not count.
      for (let run = -1; run < (quick ? 1 : 3 * rounds); run++) {
        const answer = await ask('load.mjs', { precision });
        if (run >= 0) runs.push(answer);
      }
      return { runs, medianMs: median(runs.map(({ loadMs }) => loadMs)) };
    },
    judge({ runs, medianMs }, precision) {
      const limit = precision === 'f32' ? 250 : 150;
      const whole = median(runs.map(({ processMs }) => processMs));
      return [
        {
          figure: `load to first vector, median of ${runs.length}`,
          target: `${limit} ms`,
          measured: `${medianMs.toFixed(0)} ms`,
          holds: medianMs <= limit,
        },
        { figure: 'the same from the start of node', measured: `${whole.toFixed(0)} ms` },
      ];
    },
  },
  memory: {
    measure: async (ask, precision) => ({
      sinter: await ask('memory.mjs', { precision, engine: 'sinter' }),
      onnxruntime: await ask('memory.mjs', { precision, engine: 'onnxruntime' }),
    }),
    judge({ sinter, onnxruntime }, precision) {
      const limit = 1.5 * sinter.weightBytes + 64 * MB;
      return [
        {
          figure: `resident while encoding, ${megabytes(sinter.weightBytes)} of weights in ${precision}`,
          target: megabytes(limit),
          measured: megabytes(sinter.encodingBytes),
          holds: sinter.encodingBytes <= limit,
        },
        { figure: 'weights held', measured: megabytes(sinter.residentBytes) },
        { figure: 'resident, highest since the start', measured: megabytes(sinter.peakBytes) },
        {
          figure: 'onnxruntime-node resident while encoding',
          measured: megabytes(onnxruntime.encodingBytes),
        },
      ];
    },
  },
  growth: {
    measure: (ask, precision) => ask('growth.mjs', { precision, threads: 1 }),
    judge({ lengths, counts }) {
      const us = ({ usPerToken }) => `${usPerToken.toFixed(1)} us`;
      const overIdeal = lengths.map((one) => one.overIdeal);
      const spread = Math.max(...overIdeal) / Math.min(...overIdeal);
      const many = counts.filter(({ texts }) => texts >= 10).map((one) => one.usPerToken);
      const last = many.at(-1) / Math.min(...many);
      return [
        ...lengths.map((one) => ({
          figure: `a token of texts of ${one.length} tokens, one lane`,
          measured: one.overIdeal === null ? us(one) : `${us(one)} (${ofPeak(one.overIdeal)})`,
        })),
        {
          figure: 'cost over arithmetic, worst length over best',
          target: '1.25 x',
          measured: overIdeal.includes(null) ? '-' : `${spread.toFixed(2)} x`,
          holds: overIdeal.includes(null) ? undefined : spread <= 1.25,
        },
        ...counts.map((one) => ({
          figure: `a token of ${one.texts} short texts, from text to vector, one lane`,
          measured: us(one),
        })),
        {
          figure: 'most texts over the best number of texts',
          target: '1.05 x',
          measured: `${last.toFixed(2)} x`,
          holds: last <= 1.05,
        },
      ];
    },
  },
  lanes: {
    measure: (ask, precision) => ask('lanes.mjs', { precision }),
    judge({ lanes, efficiency }) {
      return [
        {
          figure: `efficiency from 1 to ${lanes} lanes`,
          target: '95 %',
          measured: `${(100 * efficiency).toFixed(1)} %`,
          holds: efficiency >= 0.95,
        },
      ];
    },
  },
  'event-loop': {
    measure: (ask, precision) => ask('event-loop.mjs', { precision }),
    judge({ idle, embedding }) {
      const text = ({ p50, p99, max }) => [p50, p99, max].map((ms) => ms.toFixed(1)).join(' / ');
      return [
        {
          figure: 'lateness of a 10 ms timer during embed, ms p50 / p99 / max',
          target: 'p99 5 ms',
          measured: text(embedding),
          holds: embedding.p99 <= 5,
        },
        { figure: 'the same in an idle process', measured: text(idle) },
      ];
    },
  },
  batcher: {
    measure: (ask, precision) => ask('batcher.mjs', { precision }),
    judge({ texts, embed, callers, grouped, alike }) {
      const text = ({ p50, p99 }) => `${p50.toFixed(1)} / ${p99.toFixed(1)}`;
      return [
        {
          figure: '64 callers of a batcher, requests a second',
          measured: ((1000 * texts) / callers.medianMs).toFixed(0),
        },
        {
          figure: 'their time over that of one embed of all texts',
          measured: `${(callers.medianMs / embed.medianMs).toFixed(2)} x`,
        },
        {
          figure: 'a request behind 1,000 of another group, ms p50 / p99',
          measured: text(grouped),
        },
        { figure: 'the same behind 1,000 of its own group', measured: text(alike) },
      ];
    },
  },
  interactive: {
    measure: (ask, precision) => ask('interactive.mjs', { precision }),
    judge({ alone, behindBulk }) {
      const text = ({ p50, p99 }) => `${p50.toFixed(1)} / ${p99.toFixed(1)}`;
      return [
        { figure: 'one short text alone, ms p50 / p99', measured: text(alone) },
        { figure: 'the same while 10,000 texts are embedded', measured: text(behindBulk) },
      ];
    },
  },
};

function ofPeak(overIdeal) {
  return `${(100 / overIdeal).toFixed(0)} % of the peak`;
}

function megabytes(bytes) {
  return `${(bytes / MB).toFixed(0)} MB`;
}
