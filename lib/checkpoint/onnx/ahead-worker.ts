/**
 * The worker thread behind `Ahead`: it reads one file and evaluates its graph on the probe that was guessed for it.
 */

import { parentPort } from 'node:worker_threads';
import { SinterError } from '../../core/errors.js';
import { type Port, ThreadPort } from '../../core/thread.js';
import { evaluateGuess, type Guess, guessOf } from '../../formats/onnx/import/guess.js';
import type { OnnxModel } from '../../formats/onnx/import/model.js';
import { readOnnxModel } from '../../formats/onnx/import/read-model.js';
import type { AheadMessage } from './ahead.js';
import { nativeMultiply } from './native-multiply.js';
import { SHORT_PROBE } from './probe-length.js';

interface Begun {
  readonly model: OnnxModel;
  readonly guess: Guess;
}

async function begin({ file, settings }: AheadMessage): Promise<Begun> {
  const model = await readOnnxModel(file);
  return { model, guess: guessOf(model, settings, SHORT_PROBE) };
}

if (parentPort === null) throw new Error('ahead-worker: must run as a worker thread');
let begun: Promise<Begun> | null = null;
new ThreadPort(parentPort as Port, {
  guess: async (message: AheadMessage) => {
    begun = begin(message);
    return (await begun).guess;
  },
  values: async () => {
    if (begun === null) throw new SinterError('INTERNAL', 'no ONNX file is open');
    const { model, guess } = await begun;
    return evaluateGuess(model, guess, nativeMultiply);
  },
});
