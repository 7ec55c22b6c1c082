// The loop of all fuzzers: gives damaged files to a second process one after the other. Each file must be accepted or refused
// with a typed error, in time and in little memory.
// The rule: nothing that a file does to the second process ends the first. A crash or a hang is an answer like any other, and a
// new process takes the next file.
import { fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/** Codes of the errors that refuse a file. */
export const REFUSALS = ['CORRUPT_MODEL', 'UNSUPPORTED_MODEL'];
/** The run ends after this many broken cases. */
const MAX_BROKEN = 5;
/** A process is given up after this many times the allowed processor time, because others may be at work on the machine. */
const HANG_FACTOR = 10;
/** Characters of a dead process's last output that are shown. */
const NOISE_CHARACTERS = 600;

/** Whether this process is the second one. */
export const isChild = process.send !== undefined;

/** In the second process: answers each message with the result of `outcomeOf`, its processor time and the peak memory. */
export function answerCases(outcomeOf) {
  process.on('message', async (message) => {
    const start = process.cpuUsage();
    const outcome = await outcomeOf(message);
    const { user, system } = process.cpuUsage(start);
    const maxRssMb = Math.round(process.resourceUsage().maxRSS / 1024);
    process.send({ outcome, ms: (user + system) / 1000, maxRssMb });
  });
}

/** The options of every fuzzer, plus `others`, which one fuzzer adds. */
export function readArguments(others = {}) {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '10' },
      cases: { type: 'string', default: 'Infinity' },
      seed: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
      ...others,
    },
  });
  const [seconds, cases, seed] = [values.seconds, values.cases, values.seed].map(Number);
  return { ...values, seconds, cases, seed };
}

/**
 * Runs cases until the time or their number is reached, prints the report and sets the exit code.
 *
 * `makeCase(n)` writes the n-th file and returns its `content`, the `message` for the second process, the fields that the
 * report gives `about` it, the kind that it is `countedAs`, and `whole`: true when the file is not damaged. `accepted` is the
 * outcome of a valid file, `maxMs` and `maxRssMb` are the limits of a case, `keepAs(n)` names the kept file of a broken case.
 */
export async function fuzz(script, options, { accepted, maxMs, maxRssMb, makeCase, keepAs }) {
  const report = {
    cases: 0,
    [accepted]: 0,
    ...Object.fromEntries(REFUSALS.map((code) => [code, 0])),
    slowestMs: 0,
    maxRssMb: 0,
    kinds: {},
    broken: [],
  };
  const limits = { accepted, maxMs, maxRssMb };
  const end = performance.now() + 1000 * options.seconds;
  let child = start(script);
  while (
    performance.now() < end &&
    report.cases < options.cases &&
    report.broken.length < MAX_BROKEN
  ) {
    const made = makeCase(report.cases);
    const answer = await ask(child, made.message, HANG_FACTOR * maxMs);
    const what = complaint(answer, limits, made.whole);
    if (what !== null) {
      const kept = join(tmpdir(), keepAs(report.cases));
      writeFileSync(kept, made.content);
      report.broken.push({ ...made.about, what, kept });
      child.kill('SIGKILL');
      child = start(script);
    }
    count(report, answer, made.countedAs);
  }
  child.kill();
  console.log(options.json ? JSON.stringify(report) : report);
  if (report.broken.length > 0) process.exitCode = 1;
}

function count(report, { outcome, ms, maxRssMb = 0 }, kind) {
  report.cases++;
  report.kinds[kind] = (report.kinds[kind] ?? 0) + 1;
  // Every outcome without a counter is reported as a broken case.
  if (typeof report[outcome] === 'number') report[outcome]++;
  report.slowestMs = Math.max(report.slowestMs, Math.round(ms));
  report.maxRssMb = Math.max(report.maxRssMb, maxRssMb);
}

/** The rule that an answer breaks, in words; null when it breaks none. */
function complaint({ outcome, ms, maxRssMb }, limits, whole = false) {
  if (outcome !== limits.accepted && !REFUSALS.includes(outcome)) return outcome;
  if (ms > limits.maxMs) return `${Math.round(ms)} ms of processor time`;
  if (maxRssMb > limits.maxRssMb) return `${maxRssMb} MB of memory`;
  return whole && outcome !== limits.accepted ? `refused undamaged: ${outcome}` : null;
}

function start(script) {
  return fork(fileURLToPath(script), { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
}

/** Asks the child and returns its answer; a crash or a hang is an answer too. */
function ask(child, message, hangMs) {
  return new Promise((resolve) => {
    let noise = '';
    const listen = (bytes) => {
      noise = `${noise}${bytes}`.slice(-NOISE_CHARACTERS);
    };
    const finish = (answer) => {
      clearTimeout(timer);
      child.off('exit', died);
      child.off('message', finish);
      child.stderr.off('data', listen);
      resolve(answer);
    };
    // The last output of the process may arrive after its exit.
    const died = (code, signal) =>
      setTimeout(
        () => finish({ outcome: `process ended: ${code ?? signal}: ${noise}`, ms: 0 }),
        50,
      );
    const timer = setTimeout(() => finish({ outcome: 'hangs', ms: hangMs }), hangMs);
    child.once('exit', died);
    child.once('message', finish);
    child.stderr.on('data', listen);
    child.send(message);
  });
}
