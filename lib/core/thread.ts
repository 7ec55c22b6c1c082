/**
 * Calls between two threads, in both directions over one port.
 *
 * An error keeps its class, code and details on the way. A large result can be transferred instead of copied.
 */

import { type ErrorDetails, SinterError, type SinterErrorCode } from './errors.js';

/** Functions that the other side may call, by name. A result in `Given` is transferred, any other is copied. */
export type Handlers = Readonly<Record<string, (argument: never) => unknown>>;

/** Bytes that nobody else uses: their memory is transferred to the other thread. */
export class Given {
  constructor(readonly bytes: Uint8Array<ArrayBuffer>) {}
}

/** A MessagePort, a Worker or a parentPort. */
export interface Port {
  postMessage(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  on(event: 'message', listener: (message: Message) => void): unknown;
}

type Message =
  | {
      readonly kind: 'call';
      readonly id: number;
      readonly name: string;
      readonly argument: unknown;
    }
  | { readonly kind: 'result'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly error: ErrorRecord };

interface ErrorRecord {
  readonly name: string;
  readonly message: string;
  readonly code: SinterErrorCode | null;
  readonly details: ErrorDetails;
  readonly stack: string;
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export class ThreadPort {
  private readonly port: Port;
  private readonly pending = new Map<number, Pending>();
  private handlers: Handlers;
  private next = 1;
  private failure: { readonly error: unknown } | null = null;

  constructor(port: Port, handlers: Handlers = {}) {
    this.port = port;
    this.handlers = handlers;
    port.on('message', (message) => this.receive(message));
  }

  /** Number of calls that wait for an answer. */
  get waiting(): number {
    return this.pending.size;
  }

  /** Replaces the functions that the other side may call. */
  serve(handlers: Handlers): void {
    this.handlers = handlers;
  }

  /** Calls the other side's handler `name`. Resolves with its result, or rejects with its error. */
  async call<T>(name: string, argument: unknown): Promise<T> {
    if (this.failure !== null) throw this.failure.error;
    const id = this.next++;
    const answer = new Promise<unknown>((resolve, reject) => {
      this.pending.set(id, { resolve, reject });
    });
    this.port.postMessage({ kind: 'call', id, name, argument } satisfies Message);
    return answer as Promise<T>;
  }

  /** Rejects all calls with this error, the waiting ones and any later ones. */
  fail(error: unknown): void {
    this.failure ??= { error };
    for (const { reject } of this.pending.values()) reject(this.failure.error);
    this.pending.clear();
  }

  private receive(message: Message): void {
    const { id } = message;
    if (message.kind === 'call') {
      this.answer(id, message.name, message.argument);
      return;
    }
    const waiting = this.pending.get(id);
    this.pending.delete(id);
    if (message.kind === 'result') waiting?.resolve(message.value);
    else waiting?.reject(errorOf(message.error));
  }

  private async answer(id: number, name: string, argument: unknown): Promise<void> {
    try {
      const handler = this.handlers[name] as ((argument: unknown) => unknown) | undefined;
      if (handler === undefined) throw new SinterError('INTERNAL', `nobody answers ${name}`);
      const value = await handler(argument);
      const given = value instanceof Given;
      const result: Message = { kind: 'result', id, value: given ? value.bytes : value };
      this.port.postMessage(result, given ? [value.bytes.buffer] : []);
    } catch (error) {
      this.port.postMessage({ kind: 'error', id, error: recordOf(error) } satisfies Message);
    }
  }
}

function recordOf(error: unknown): ErrorRecord {
  const known = error instanceof Error ? error : new Error(String(error));
  const own = known instanceof SinterError ? known : null;
  return {
    name: known.name,
    message: known.message,
    code: own?.code ?? null,
    details: own?.details ?? {},
    stack: known.stack ?? '',
  };
}

const CLASSES: Readonly<Record<string, new (message: string) => Error>> = { RangeError, TypeError };

function errorOf({ name, message, code, details, stack }: ErrorRecord): Error {
  const error =
    code === null
      ? new (CLASSES[name] ?? Error)(message)
      : new SinterError(code, message, { details });
  error.stack = stack;
  return error;
}
