/**
 * The cache of recovered ONNX files in the user's cache folder: one entry for each content, found by its hash.
 *
 * The cache only saves time. An entry that can't be read, is damaged or comes from another version counts as missing. An
 * error of writing is ignored.
 */

import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { mkdir, open, readdir, rm, stat, utimes } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { packageFile, packageVersion } from '../../core/package-files.js';
import { saveFile } from '../../files/index.js';
import { NATIVE_ABI } from '../../native/native.js';

/** Version of the format of entries. */
const VERSION = 2;
const MAX_ENTRIES = 64;
const MAX_BYTES = 64 << 20;
/** Largest entry; a model that needs more is imported every time. */
const MAX_ENTRY_BYTES = 16 << 20;
const ENTRY = /^[0-9a-f]{64}\.json$/;

/** The folder of the cache: `SINTER_CACHE`, else below `XDG_CACHE_HOME` or `~/.cache`; null where that says `off`. */
export function onnxCacheFolder(
  env: Readonly<Record<string, string | undefined>> = process.env,
): string | null {
  const { SINTER_CACHE: stated, XDG_CACHE_HOME: base } = env;
  if (stated === 'off') return null;
  return join(stated || join(base || join(homedir(), '.cache'), 'sinter'), 'onnx');
}

/**
 * Name of an entry: hash of the file's content, of everything else that the import depends on, and of the version of this
 * code.
 */
export function cacheKey(contentDigest: string, settings: unknown): string {
  const by = [VERSION, packageVersion(), NATIVE_ABI, buildTime()];
  return digest(JSON.stringify([contentDigest, ...by, settings]));
}

/** Time of the build of a checkout, whose version stays the same while its code changes; 0 in a published package. */
function buildTime(): number {
  const stats = statSync(packageFile('dist/.tsbuildinfo'), { throwIfNoEntry: false });
  return stats?.mtimeMs ?? 0;
}

export class OnnxCache {
  private readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** The text stored under this key; null when there is none, or when it is damaged. */
  async read(key: string): Promise<string | null> {
    const path = this.path(key);
    try {
      const file = await open(path);
      try {
        const stats = await file.stat();
        if (!stats.isFile() || stats.size > MAX_ENTRY_BYTES) return null;
        const text = await file.readFile('utf8');
        const body = text.slice(65);
        if (text.slice(0, 65) !== `${digest(body)}\n`) return null;
        // The time of use decides which entries are removed first.
        await utimes(path, new Date(), new Date()).catch(() => {});
        return body;
      } finally {
        await file.close();
      }
    } catch {
      return null;
    }
  }

  async write(key: string, body: string): Promise<void> {
    if (Buffer.byteLength(body) + 65 > MAX_ENTRY_BYTES) return;
    try {
      await mkdir(this.folder, { recursive: true, mode: 0o700 });
      await saveFile(this.path(key), `${digest(body)}\n${body}`);
      await this.removeOldest();
    } catch {
      // A full disk or a read-only file system: the next load takes as long as this one.
    }
  }

  private path(key: string): string {
    return join(this.folder, `${key}.json`);
  }

  private async removeOldest(): Promise<void> {
    const names = (await readdir(this.folder)).filter((name) => ENTRY.test(name));
    const entries = await Promise.all(
      names.map(async (name) => {
        const path = join(this.folder, name);
        const stats = await stat(path).catch(() => null);
        return { path, size: stats?.size ?? 0, used: stats?.mtimeMs ?? 0 };
      }),
    );
    entries.sort((a, b) => b.used - a.used);
    let bytes = 0;
    for (const [i, { path, size }] of entries.entries()) {
      bytes += size;
      if (i >= MAX_ENTRIES || bytes > MAX_BYTES) await rm(path, { force: true });
    }
  }
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
