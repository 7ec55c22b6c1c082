// One optimizer step for the suites that run in plain node, as lib/train/step.ts makes it.
// Rule: the calls are queued together, and all of them have ended when the step has.

/** accumulate, clip and apply (`update: false`: clear): the loss of the first, the norm of the second. */
export async function trainStep(border, trainer, batch, terms, options) {
  const {
    jobId,
    dropoutSeed,
    sliceTokens,
    learningRate,
    maxGradNorm,
    update = true,
  } = Object(options);
  const start = async (call) => call(border.nextJobId());
  const calls = [
    start(() => trainer.accumulate(batch, terms, { jobId, dropoutSeed, sliceTokens })),
    start((id) => trainer.clip(maxGradNorm, id)),
    start((id) => (update ? trainer.apply(learningRate, id) : trainer.clear(id))),
  ];
  await Promise.allSettled(calls);
  const [{ loss }, gradNorm] = await Promise.all(calls);
  return { loss, gradNorm };
}

/** A term of weight 1. */
export const termOf = (kind, targets, output = 'logits') => ({ kind, output, weight: 1, targets });
