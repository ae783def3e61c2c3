import type { Clock } from '../clock.ts';
import { StoreError } from '../errors.ts';
import { eventLines } from './event-lines.ts';
import type { Heard, OpenFeed } from './subscriptions.ts';
import { attempt, isUnsent, refuseStatus, requestInit, type Send } from './upstash-http.ts';
import { parseRefusal } from './upstash-reply.ts';

export interface UpstashFeedOptions {
  readonly base: string;
  readonly token: string;
  readonly send: Send;
  readonly clock: Clock;
}

/** From the request until the endpoint says that the channel is heard. */
const ANSWER_MS = 5_000;
/** Longer silence is taken for a loss: nothing can be asked on this way. Node's own `fetch` gives up after 300 s. */
const MAX_SILENCE_MS = 240_000;

/**
 * Listens by `POST /subscribe/{channel}`, one request to each channel: what Upstash documents, and `@upstash/redis` does.
 * They begin together and end together.
 */
export function upstashFeed(options: UpstashFeedOptions): OpenFeed {
  return async (channels, heard, over) => {
    const ended = new AbortController();
    const close = (): void => {
      over.removeEventListener('abort', close);
      ended.abort();
    };
    over.addEventListener('abort', close);
    const streams = channels.map((channel) => openStream(options, channel, heard, ended.signal));
    const lost = Promise.race(streams.map(({ over }) => over));
    try {
      const begun = Promise.all(streams.map(({ begun }) => begun));
      await within(ANSWER_MS, Promise.race([begun, lost.then(fail)]), options.clock);
      return { lost, close };
    } catch (error) {
      close();
      throw error;
    }
  };
}

interface Stream {
  /** Resolves when the endpoint says that the channel is heard. */
  readonly begun: Promise<void>;
  /** Resolves with what ended it. */
  readonly over: Promise<Error>;
}

function openStream(options: UpstashFeedOptions, channel: string, heard: Heard, ended: AbortSignal): Stream {
  const { clock } = options;
  let begin = (): void => undefined;
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const acknowledgement = `subscribe,${channel},`;
  // By the name that is known: it may have commas of its own.
  const message = `message,${channel},`;
  const take = eventLines((data) => {
    if (data.startsWith(message)) heard(channel, data.slice(message.length));
    else if (data.startsWith(acknowledgement)) begin();
  });

  async function read(): Promise<Error> {
    const reader = (await request(options, channel, ended)).getReader();
    const cancel = (): void => void reader.cancel().catch(() => undefined);
    ended.addEventListener('abort', cancel);
    // A fetch of somebody else's may not heed the signal, and answer too late.
    if (ended.aborted) cancel();
    try {
      for (;;) {
        const { done, value } = await within(MAX_SILENCE_MS, reader.read(), clock);
        if (done) return brokenOff();
        take(value);
      }
    } finally {
      ended.removeEventListener('abort', cancel);
      cancel();
    }
  }

  const over = read().catch((error: unknown) => (error instanceof StoreError ? error : brokenOff(error)));
  return { begun, over };
}

/** @throws StoreError unless the answer is one of events. */
async function request(
  { base, token, send, clock }: UpstashFeedOptions,
  channel: string,
  signal: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
  const headers = { authorization: `Bearer ${token}`, accept: 'text/event-stream', 'cache-control': 'no-cache' };
  const url = `${base}/subscribe/${encodeURIComponent(channel)}`;
  const response = await attempt(() => send(url, requestInit({ headers, body: '', signal })), signal, isUnsent);
  refuseStatus(response, clock);
  if (response.ok && response.body !== null && isEvents(response)) return response.body;
  if (response.ok) {
    response.body?.cancel().catch(() => undefined);
    throw new StoreError('protocol', 'The endpoint does not answer with events', { mayHaveRun: false });
  }
  throw refusal(response.status, await firstOf(response));
}

function isEvents({ headers }: Response): boolean {
  return /^text\/event-stream\s*(?:;|$)/i.test(headers.get('content-type') ?? '');
}

function refusal(status: number, body: string): unknown {
  try {
    return parseRefusal(status, body, false);
  } catch (error) {
    return error;
  }
}

/** As much of a refusal as its words take. */
async function firstOf(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  const { value } = (await reader?.read()) ?? {};
  reader?.cancel().catch(() => undefined);
  return new TextDecoder().decode(value);
}

function within<T>(ms: number, work: Promise<T>, clock: Clock): Promise<T> {
  return new Promise((resolve, reject) => {
    const stopClock = clock.after(ms, () => reject(brokenOff()));
    work.then(resolve, reject).finally(stopClock);
  });
}

function fail(error: Error): never {
  throw error;
}

function brokenOff(cause?: unknown): StoreError {
  const options = cause === undefined ? {} : { cause };
  return new StoreError('network', 'The stream of a subscription broke off', { ...options, mayHaveRun: false });
}
