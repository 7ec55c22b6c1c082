/**
 * Where results of commands go: what can be known is refused before the work, in one line and with a code of the table, and
 * what was made is not lost at the end.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, openSync, writeFileSync } from 'node:fs';
import {
  copyFile,
  cp,
  mkdir,
  readdir,
  readFile,
  readlink,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { Classifier } from '../../lib/index.js';
import { mounted, whyNoMount } from '../files/mounts.js';
import { labelledCsv, type Outcome, Scratch, sinter, TINY } from './support.js';

const run = promisify(execFile);
const MAIN = fileURLToPath(new URL('../../dist/bundle/main.js', import.meta.url));
const noMount = whyNoMount();
const because = noMount === null ? '' : ` (skipped: ${noMount})`;
const noFull = process.platform === 'linux' ? '' : ' (skipped: no /dev/full)';

// These tests start the command many times, also on busy machines.
vi.setConfig({ testTimeout: 180_000 });

const scratch = new Scratch();
let data = '';
let train: string[] = [];

beforeAll(async () => {
  data = await scratch.file('train.csv', labelledCsv(16));
  train = ['train', '--train', data, '--model', TINY, '--epochs', '1'];
});

/** Expects one line on stderr, no defect, and no work begun. */
function expectRefused({ code, stdout, stderr }: Outcome, expected: number, says: RegExp | string) {
  expect(stderr).toMatch(says);
  expect(code).toBe(expected);
  expect(stdout).not.toContain('training');
  expect(stderr).not.toContain('defect');
  expect(
    stderr
      .trimEnd()
      .split('\n')
      .filter((line) => line.startsWith('error:')),
  ).toHaveLength(1);
}

describe('refused before the work', () => {
  it.each([
    ['train', () => train],
    ['train --task', () => [...train, '--task', 'multi-label']],
    ['quantize', () => ['quantize', '--model', TINY]],
    ['convert', () => ['convert', '--model', TINY]],
    ['convert --to onnx', () => ['convert', '--model', TINY, '--to', 'onnx']],
    ['quickstart', () => ['quickstart']],
  ])('%s: a name that is too long, a file, a circle of links', async (_name, args) => {
    const long = scratch.path('x'.repeat(300));
    expectRefused(await sinter([...args(), '--out', long]), 2, /xxx: the name is too long/);
    expectRefused(await sinter([...args(), '--out', join(data, 'model')]), 2, /not a folder/);
    await symlink('circle', scratch.path('circle')).catch(() => {});
    expectRefused(
      await sinter([...args(), '--out', scratch.path('circle')]),
      2,
      /links in a circle/,
    );
  });

  it.each([
    ['embed', () => ['embed', '--input', data, '--out']],
    ['convert', () => ['convert', '--model', TINY, '--out']],
    ['evaluate', () => ['evaluate', '--model', TINY, '--data', data, '--predictions']],
  ])('%s: a file that cannot be written', async (name, args) => {
    const ending = name === 'convert' ? '.onnx' : '.csv';
    const out = (...path: string[]) => sinter([...args(), `${scratch.path(...path)}${ending}`]);
    expectRefused(await out('x'.repeat(300)), 2, /the name is too long/);
    expectRefused(await out('no', 'such'), 2, /no such file or folder/);
    mkdirSync(`${scratch.path('folder')}${ending}`, { recursive: true });
    expectRefused(await out('folder'), 2, /is a folder, not a file/);
  });

  it('an input is never replaced', async () => {
    const model = scratch.path('input');
    await using tiny = await Classifier.load(TINY);
    await tiny.save(model);
    const inner = join(model, 'rows.csv');
    await copyFile(data, inner);
    const before = await readFile(join(model, 'config.json'), 'utf8');
    const over = ['--out', model, '--overwrite'];
    for (const args of [
      [...train, '--model', model, ...over],
      ['train', '--train', inner, '--data-format', 'csv', '--model', TINY, ...over],
      ['quantize', '--model', model, ...over],
      ['convert', '--model', model, ...over],
    ]) {
      expectRefused(await sinter(args), 2, /must be a.* folder (than|that does not hold)/);
    }
    expect(await readFile(join(model, 'config.json'), 'utf8')).toBe(before);
    expectRefused(await sinter(['embed', '--input', data, '--out', data]), 2, /another than/);
    expectRefused(
      await sinter(['embed', 'a', '--out', '/dev/null', '--format', 'npy']),
      2,
      /plain file/,
    );
    const onnx = scratch.path('input.onnx');
    await tiny.exportOnnx(onnx);
    expectRefused(await sinter(['convert', '--model', onnx, '--out', onnx]), 2, /another than/);
    const old = await readFile(onnx);
    const again = ['convert', '--model', TINY, '--out', onnx];
    expectRefused(await sinter(again), 2, /input\.onnx is there already: give --overwrite/);
    expect(await readFile(onnx)).toEqual(old);
    expect((await sinter([...again, '--precision', 'f16', '--overwrite'])).code).toBe(0);
    expect((await readFile(onnx)).length).toBeLessThan(old.length);
    const predictions = ['--predictions', data];
    const scored = await sinter(['evaluate', '--model', model, '--data', data, ...predictions]);
    expectRefused(scored, 2, /another than/);
    expect(await readFile(data, 'utf8')).toBe(labelledCsv(16));
  });

  it('a project is never replaced, nor the current folder', async () => {
    const project = scratch.path('project');
    await cp(TINY, project, { recursive: true });
    await writeFile(join(project, 'package.json'), '{}');
    const names = await readdir(project);
    for (const out of [project, '.', './']) {
      for (const args of [train, ['quantize', '--model', TINY], ['convert', '--model', TINY]]) {
        const outcome = await sinter([...args, '--out', out, '--overwrite'], { cwd: project });
        expectRefused(outcome, 2, /folder must be/);
      }
    }
    expect(await readdir(project)).toEqual(names);
  });

  it.skipIf(noMount !== null)(`a disk that is too small, before training${because}`, async () => {
    const disk = scratch.path('small');
    using _disk = mounted(disk, '64k');
    const outcome = await sinter([...train, '--out', join(disk, 'model')]);
    expectRefused(outcome, 5, /no space left on the device \(ENOSPC\); \d+.* are needed/);
    expect(await readdir(disk)).toEqual([]);
  });
});

describe('arrives', () => {
  it('behind a link, which stays one', async () => {
    const link = scratch.path('current');
    await symlink('v1', link);
    expect((await sinter([...train, '--out', link])).code).toBe(0);
    expect((await sinter([...train, '--out', link, '--overwrite'])).code).toBe(0);
    expect(await readlink(link)).toBe('v1');
    expect(await readdir(scratch.path('v1'))).toContain('training.json');
  });

  it.skipIf(noMount !== null)(`on a mount point${because}`, async () => {
    const volume = scratch.path('volume');
    using _volume = mounted(volume, '4m');
    expect((await sinter([...train, '--quantize', '--out', volume])).code).toBe(0);
    expect((await sinter([...train, '--out', volume])).code).toBe(2);
    expect((await sinter(['quantize', '--model', TINY, '--out', volume, '--overwrite'])).code).toBe(
      0,
    );
    expect(await readdir(volume)).not.toContain('training.json');
    await using model = await Classifier.load(volume);
    expect(model.quantization).not.toBeNull();
  });

  it.skipIf(noMount !== null)(
    `elsewhere, when the disk becomes full meanwhile${because}`,
    async () => {
      const [disk, home] = [scratch.path('full'), scratch.path('home')];
      await mkdir(home);
      using _disk = mounted(disk, '512k');
      const args = [...train, '--epochs', '30', '--out', join(disk, 'model')];
      let isFull = false;
      const { code, stderr } = await sinter(args, {
        env: { TMPDIR: home, HOME: home },
        onStderr: (text) => {
          if (isFull || !text.includes('epoch 1/')) return;
          isFull = true;
          const file = openSync(join(disk, 'filler'), 'w');
          try {
            for (;;) writeFileSync(file, Buffer.alloc(4096));
          } catch {
            // Full.
          }
        },
      });
      expect(code).toBe(5);
      const kept =
        /model: no space left on the device \(ENOSPC\); the result is complete in (\S+)/.exec(
          stderr,
        )?.[1];
      expect(kept?.startsWith(home)).toBe(true);
      await using model = await Classifier.load(kept ?? '');
      expect(model.labels).toEqual(['bad', 'good']);
      expect(await readdir(kept ?? '')).toContain('training.json');
      expect(await readdir(disk)).toEqual(['filler']);
    },
  );

  it.skipIf(noFull !== '')(`or says that stdout is full${noFull}`, async () => {
    const script = '"$0" "$@" > /dev/full';
    for (const args of [['embed', 'a text'], ['info', '--json'], ['--help']]) {
      const failed = run('bash', ['-c', script, process.execPath, MAIN, ...args]);
      const error = (await failed.catch((thrown: unknown) => thrown)) as {
        code: number;
        stderr: string;
      };
      expect(error).toMatchObject({
        code: 5,
        stderr: expect.stringMatching(/^error: stdout: no space left/),
      });
      expect(error.stderr.trim().split('\n')).toHaveLength(1);
    }
  });
});

describe('nothing stays behind', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s ends with 130', async (signal) => {
    const out = scratch.path(`stopped-${signal}`, 'model');
    let isSent = false;
    const { code, stderr } = await sinter([...train, '--epochs', '100000', '--out', out], {
      onStderr: (text, child) => {
        if (isSent || !text.includes('epoch 2/')) return;
        isSent = true;
        child.kill(signal);
      },
    });
    expect(code).toBe(130);
    expect(stderr.trimEnd().endsWith('cancelled')).toBe(true);
    expect((await scratch.names()).filter((name) => /stopped|\.sinter/.test(name))).toEqual([]);
  });

  it('files of a killed run are removed by the next one, those of a running one are not', async () => {
    const folder = scratch.path('shared');
    await mkdir(folder);
    const hidden = async () =>
      (await readdir(folder)).filter((name) => name.startsWith('.sinter-'));
    const long = [...train, '--epochs', '100000', '--out'];
    const killed = await sinter([...long, join(folder, 'a')], {
      onStderr: (text, child) => void (text.includes('epoch 1/') && child.kill('SIGKILL')),
    });
    expect(killed.code).toBeNull();
    expect(await hidden()).toHaveLength(1);
    let others: string[] = [];
    let second: Promise<Outcome> | undefined;
    await sinter([...long, join(folder, 'b')], {
      onStderr: (text, child) => {
        if (second !== undefined || !text.includes('epoch 1/')) return;
        second = sinter([...train, '--out', join(folder, 'c')]).finally(async () => {
          others = await hidden();
          child.kill('SIGTERM');
        });
      },
    });
    expect((await second)?.code).toBe(0);
    expect(others).toHaveLength(1);
    expect(await readdir(folder)).toEqual(['c']);
  });
});
