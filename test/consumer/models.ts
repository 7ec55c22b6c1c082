/**
 * A program of a user, that is compiled against the packed declarations and never run: encoders, files, disposal, errors.
 */

import {
  type Batcher,
  downloadModel,
  Encoder,
  type Matrix,
  SinterError,
  type TextModel,
} from 'sinter';

export async function vectors(): Promise<Matrix> {
  await using encoder = await Encoder.load('model', { pooling: ['mean', 'cls'] });
  // @ts-expect-error: no such pooling
  await Encoder.load('model', { pooling: 'average' });
  // @ts-expect-error: a misspelt option
  await Encoder.load('model', { normalise: true });
  const one: Float32Array = await encoder.embed('a red car');
  // @ts-expect-error: one text has one vector, not a matrix
  one.rows;
  // @ts-expect-error: labels are strings
  await encoder.classifier({ labels: [1, 2] });
  // @ts-expect-error: a head without labels
  await encoder.classifier({});
  const batcher: Batcher<Float32Array> = encoder.batch({ maxWaitMs: 2 });
  await batcher.run('a red car', { priority: 'interactive', signal: AbortSignal.timeout(100) });
  // @ts-expect-error: no such precision
  await encoder.exportOnnx('model.onnx', { precision: 'int2' });
  return encoder.embed(['a red car', ['a', 'pair']], { promptName: 'query' });
}

export async function anyModel(model: TextModel): Promise<string> {
  try {
    const { task } = await model.info();
    return task;
  } catch (error) {
    if (error instanceof SinterError && error.code === 'DISPOSED') return downloadModel('org/name');
    // @ts-expect-error: no such code
    if (error instanceof SinterError && error.code === 'GONE') return '';
    throw error;
  }
}
