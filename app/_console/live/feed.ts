import type { ConsoleSnapshot } from '../../../api/_console/snapshot.ts';
import { isLook } from '../model/look.ts';
import { type Connection, isFinal, type Loss, lossBy, retryAfterMs } from './connection.ts';
import { createEventParser, type ServerEvent } from './event-parser.ts';

export interface FeedListener {
  /** What the server has seen before, the oldest first: in place of what is known. */
  history(looks: readonly ConsoleSnapshot[]): void;
  look(look: ConsoleSnapshot): void;
  connection(connection: Connection): void;
}

export interface FeedOptions {
  readonly headers: Readonly<Record<string, string>>;
  readonly listener: FeedListener;
  /** @default the global one */
  readonly fetch?: typeof globalThis.fetch | undefined;
  /** Resolves `ms` later, or when `stop` fires. @default a timer */
  readonly wait?: Wait | undefined;
}

type Wait = (ms: number, stop: AbortSignal) => Promise<void>;

export const STREAM_PATH = '/api/console/stream';
export const SNAPSHOT_PATH = '/api/console/snapshot';

/** A stream that sends nothing for so long is taken for one that something on the way holds back, or that is dead. */
export const SILENCE_MS = 5_000;
export const POLL_MS = 1_000;
/** So many looks are asked for before the stream is tried once more. */
export const POLLS_BETWEEN_STREAMS = 60;

/** How one attempt ended. `again`: well, and it is time for the stream. */
type End =
  | 'again'
  | { readonly refused: number }
  /** `isHeld`: silent, before anything came that was no history: something on the way may hold it back. */
  | { readonly lost: Loss; readonly hadLooks: boolean; readonly isHeld?: boolean };

/** Reads looks until it is ended: by the stream, and where that does not come through one by one. Never throws. */
export function startFeed(options: FeedOptions): () => void {
  const ended = new AbortController();
  void run(options, ended.signal);
  return () => ended.abort();
}

/** One look, between two of the stream; `undefined` where there is none to be had. Never rejects. */
export async function askOnce({
  headers,
  fetch = globalThis.fetch,
}: Pick<FeedOptions, 'headers' | 'fetch'>): Promise<ConsoleSnapshot | undefined> {
  try {
    const signal = AbortSignal.timeout(SILENCE_MS);
    const response = await fetch(SNAPSHOT_PATH, { headers, signal, cache: 'no-store', credentials: 'omit' });
    const look: unknown = response.ok ? await response.json() : undefined;
    return isLook(look) ? look : undefined;
  } catch {
    return undefined;
  }
}

async function run({ headers, listener, ...given }: FeedOptions, ended: AbortSignal): Promise<void> {
  const ask = given.fetch ?? ((...args: Parameters<typeof fetch>) => globalThis.fetch(...args));
  const wait = given.wait ?? pause;
  const tell: FeedListener = {
    history: (looks) => ended.aborted || listener.history(looks),
    look: (look) => ended.aborted || listener.look(look),
    connection: (connection) => ended.aborted || listener.connection(connection),
  };
  const world: World = { ask, wait, headers, tell, ended };
  tell.connection({ state: 'connecting' });
  for (let failures = 0; !ended.aborted; ) {
    let end = await stream(world);
    if (end !== 'again' && 'lost' in end && end.isHeld === true) end = await poll(world);
    if (end === 'again') continue;
    if ('refused' in end) return tell.connection({ state: 'refused', status: end.refused });
    failures = end.hadLooks ? 1 : failures + 1;
    const retryInMs = retryAfterMs(failures);
    tell.connection({ state: 'lost', why: end.lost, retryInMs });
    await wait(retryInMs, ended);
  }
}

interface World {
  readonly ask: typeof globalThis.fetch;
  readonly wait: Wait;
  readonly headers: Readonly<Record<string, string>>;
  readonly tell: FeedListener;
  readonly ended: AbortSignal;
}

async function stream(world: World): Promise<End> {
  const attempt = new AbortController();
  const end = () => attempt.abort();
  world.ended.addEventListener('abort', end, { once: true });
  let hadLooks = false;
  let hadNews = false;
  try {
    const response = await within(world, request(world, STREAM_PATH, attempt.signal));
    if (response === undefined) return { lost: 'silent', hadLooks, isHeld: true };
    if (isFinal(response.status)) return { refused: response.status };
    if (!response.ok || !response.body) return { lost: lossBy(response.status), hadLooks };
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const parser = createEventParser();
    for (;;) {
      const piece = await within(world, reader.read());
      if (piece === undefined) return { lost: 'silent', hadLooks, isHeld: !hadNews };
      if (piece.done) return { lost: 'server', hadLooks };
      for (const event of parser.push(piece.value)) {
        hadLooks = heard(event, world.tell) || hadLooks;
        hadNews ||= event.event === 'snapshot';
      }
    }
  } catch (error) {
    return { lost: lossOf(error), hadLooks };
  } finally {
    world.ended.removeEventListener('abort', end);
    attempt.abort();
  }
}

/** Whether the event held looks. */
function heard({ event, data }: ServerEvent, tell: FeedListener): boolean {
  if (event !== 'history' && event !== 'snapshot') return false;
  const value: unknown = JSON.parse(data);
  const looks = event === 'history' && Array.isArray(value) ? value.filter(isLook) : isLook(value) ? [value] : [];
  const [look] = looks;
  if (look === undefined) return false;
  if (event === 'history') tell.history(looks);
  else tell.look(look);
  tell.connection({ state: 'live', by: 'stream' });
  return true;
}

async function poll(world: World): Promise<End> {
  let hadLooks = false;
  try {
    for (let asked = 0; asked < POLLS_BETWEEN_STREAMS && !world.ended.aborted; asked++) {
      const look = await asking(world);
      if (look === undefined) return { lost: 'silent', hadLooks: true };
      if (typeof look === 'number') return isFinal(look) ? { refused: look } : { lost: lossBy(look), hadLooks };
      if (!isLook(look)) return { lost: 'unreadable', hadLooks };
      hadLooks = true;
      world.tell.look(look);
      world.tell.connection({ state: 'live', by: 'polling' });
      await world.wait(POLL_MS, world.ended);
    }
    return 'again';
  } catch (error) {
    return { lost: lossOf(error), hadLooks };
  }
}

/** What the server answers, or its status where that is an error; `undefined` when it is silent, in the middle too. */
async function asking(world: World): Promise<unknown> {
  const attempt = new AbortController();
  const end = () => attempt.abort();
  world.ended.addEventListener('abort', end, { once: true });
  try {
    const answer = request(world, SNAPSHOT_PATH, attempt.signal).then((response) =>
      response.ok ? response.json() : response.status,
    );
    return await within(world, answer);
  } finally {
    world.ended.removeEventListener('abort', end);
    attempt.abort();
  }
}

function request({ ask, headers }: World, path: string, signal: AbortSignal): Promise<Response> {
  return ask(path, { headers, signal, cache: 'no-store', credentials: 'omit' });
}

/** `undefined` when nothing comes for `SILENCE_MS`. */
async function within<T>({ wait }: World, promise: Promise<T>): Promise<T | undefined> {
  const settled = new AbortController();
  const silence = wait(SILENCE_MS, settled.signal).then(() => undefined);
  try {
    return await Promise.race([promise, silence]);
  } finally {
    settled.abort();
    // It has lost the race, and rejects when the attempt is ended.
    promise.catch(() => undefined);
  }
}

function lossOf(error: unknown): Loss {
  return error instanceof SyntaxError || error instanceof RangeError ? 'unreadable' : 'network';
}

/** Resolves `ms` later, or when `stop` fires; of neither is anything left. */
export function pause(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (stop.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      stop.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    stop.addEventListener('abort', end);
  });
}
