/**
 * Reads a file as a stream of text: finds the encoding, removes the byte order mark, and turns every line end (CRLF, CR) into LF.
 *
 * The rule: nothing is replaced silently; the first wrong byte is an error with its offset and line.
 */
import type { FileHandle } from 'node:fs/promises';
import { throwIfAborted } from '../core/errors.js';
import { openRegular, readUpTo } from '../core/files.js';
import { detectEncoding, markOf } from './detect-encoding.js';
import { type ByteDecoder, decoderOf } from './encodings.js';
import { dataProblem } from './problem.js';
import type { FileEncoding } from './types.js';

const CHUNK_BYTES = 256 * 1024;

export interface DecodeOptions {
  /**
   * A name from `encodingName`. Default: from the byte order mark, else detected in a file; a stream, which is read once, is
   * UTF-8 without a mark.
   */
  readonly encoding?: string | undefined;
  /** Bytes to read in place of a file. */
  readonly stream?: AsyncIterable<Uint8Array> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Decodes bytes from any source, in pieces of any size. `name` stands for the source in INVALID_DATA. */
export async function* decodeBytes(
  name: string,
  chunks: AsyncIterable<Uint8Array>,
  { encoding, signal }: DecodeOptions = {},
): AsyncGenerator<string> {
  let decoder: ByteDecoder | undefined;
  let isStart = true;
  let heldCarriageReturn = '';
  const lines = (piece: string): string => {
    let text = heldCarriageReturn + piece;
    if (isStart && text !== '') {
      isStart = false;
      if (text.startsWith('\uFEFF')) text = text.slice(1);
    }
    // A carriage return at the end may be half of a CRLF: keep it until its successor is known.
    heldCarriageReturn = text.endsWith('\r') ? '\r' : '';
    if (heldCarriageReturn) text = text.slice(0, -1);
    return text.replace(/\r\n?/g, '\n');
  };
  for await (const chunk of chunks) {
    throwIfAborted(signal, `reading ${name}`);
    if (chunk.length === 0) continue;
    decoder ??= decoderOf(named(name, chunk, encoding), name);
    const text = lines(decoder.push(chunk));
    if (text !== '') yield text;
  }
  const rest = lines(decoder?.end() ?? '') + (heldCarriageReturn ? '\n' : '');
  if (rest !== '') yield rest;
}

/** The encoding that was named, else the mark's, else UTF-8. INVALID_DATA where name and mark contradict. */
function named(file: string, head: Uint8Array, encoding: string | undefined): string {
  const mark = markOf(head);
  if (mark === null || mark.name === encoding) return encoding ?? 'utf-8';
  // "UTF-16" alone leaves the byte order to the mark.
  const isWide = encoding === 'utf-16le' && mark.name === 'utf-16be';
  if (encoding === undefined || isWide) return mark.name;
  const what = `begins with the byte order mark of ${mark.name}, and \`encoding\` says ${encoding}`;
  throw dataProblem(file, what);
}

/** An open file with its encoding and its text. It is closed when the text was read to its end, or by `close`. */
export interface OpenText {
  readonly encoding: FileEncoding;
  readonly text: AsyncIterable<string>;
  close(): Promise<void>;
}

/** Opens a file and finds its encoding. A stream is UTF-8 unless another encoding is named. */
export async function openText(file: string, options: DecodeOptions = {}): Promise<OpenText> {
  const { stream } = options;
  if (stream !== undefined) {
    const found = options.encoding === undefined ? 'valid' : 'given';
    return {
      encoding: { name: options.encoding ?? 'utf-8', found },
      text: decodeBytes(file, stream, options),
      close: async () => {},
    };
  }
  const handle = await openRegular(file, (what, cause) =>
    dataProblem(file, what, cause === undefined ? {} : { cause }),
  );
  try {
    const encoding = await encodingOf(file, handle, options);
    const chunks = handle.createReadStream({ highWaterMark: CHUNK_BYTES, start: 0 });
    const text = decodeBytes(file, chunks, { ...options, encoding: encoding.name });
    return {
      encoding,
      text,
      close: async () => {
        chunks.destroy();
        await handle.close().catch(() => {});
      },
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function encodingOf(
  file: string,
  handle: FileHandle,
  { encoding, signal }: DecodeOptions,
): Promise<FileEncoding> {
  if (encoding === undefined) return detectEncoding(file, handle, signal);
  const head = new Uint8Array(4);
  const bytes = head.subarray(0, await readUpTo(handle, 0, head));
  return { name: named(file, bytes, encoding), found: 'given' };
}

/** The text of a file, decoded as by decodeBytes. */
export async function* decodeFile(
  file: string,
  options: DecodeOptions & { readonly onEncoding?: (encoding: FileEncoding) => void } = {},
): AsyncGenerator<string> {
  const open = await openText(file, options);
  try {
    options.onEncoding?.(open.encoding);
    yield* open.text;
  } finally {
    await open.close();
  }
}
