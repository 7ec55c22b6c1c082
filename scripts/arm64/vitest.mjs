// What the suites of kernels use of vitest, over its own `expect`: tests run one after the other, and the last line is a count.
import {
  ASYMMETRIC_MATCHERS_OBJECT,
  GLOBAL_EXPECT,
  getState,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
  setState,
} from '@vitest/expect';
import * as chai from 'chai';

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);
export const expect = (value, message) => chai.expect(value, message);
Object.assign(expect, chai.expect);
expect.getState = () => getState(expect);
expect.setState = (state) => setState(state, expect);
globalThis[GLOBAL_EXPECT] ??= expect;
globalThis[ASYMMETRIC_MATCHERS_OBJECT] ??= {};
setState(
  { assertionCalls: 0, isExpectingAssertions: false, expectedAssertionsNumber: null },
  expect,
);

const tests = [];
let prefix = '';
const titled = (title, values) => {
  let at = 0;
  return String(title).replace(/%[sdioj]/g, () => String(values[at++] ?? ''));
};
const each = (make) => (cases) => (title, body) => {
  for (const one of cases) {
    const values = Array.isArray(one) ? one : [one];
    make(titled(title, values), () => body(...values));
  }
};
const variants = (run, skip) => {
  run.skip = skip;
  run.each = each(run);
  skip.each = each(skip);
  run.skipIf = (isSkipped) => (isSkipped ? skip : run);
  run.runIf = (isRun) => (isRun ? run : skip);
  return run;
};
/** Options may come before or after the body; limits of time do not count under emulation. */
const bodyOf = (args) => args.find((one) => typeof one === 'function');
export const it = variants(
  (name, ...args) => tests.push([prefix + name, bodyOf(args)]),
  (name) => tests.push([prefix + name, null]),
);
export const test = it;
export const describe = variants(
  (name, ...args) => {
    const before = prefix;
    prefix += `${name} > `;
    bodyOf(args)();
    prefix = before;
  },
  () => {},
);
const first = [];
const last = [];
export const beforeAll = (work) => first.push(work);
export const afterAll = (work) => last.push(work);
export const vi = { setConfig() {} };

// All tests are known when the module that imports this one has run.
setTimeout(async () => {
  const count = { passed: 0, skipped: 0, failed: 0 };
  for (const work of first) await work();
  for (const [name, body] of tests) {
    if (body === null) count.skipped++;
    else {
      try {
        await body();
        count.passed++;
      } catch (error) {
        count.failed++;
        console.log('failed:', name, String(error?.stack ?? error).slice(0, 1500));
      }
    }
  }
  for (const work of last) await work();
  console.log(JSON.stringify(count));
  process.exit(count.failed > 0 || count.passed === 0 ? 1 : 0);
}, 10);
