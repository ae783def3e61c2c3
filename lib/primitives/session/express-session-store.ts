import { createBackground } from '../../client/background.ts';
import type { KvClient } from '../../client/kv-client.ts';
import { StoreError } from '../../errors.ts';
import type { Unavailable } from '../unavailable.ts';
import { createSessionEnding } from './session-ending.ts';
import { type Address, createSessionNames } from './session-names.ts';
import { createSessionReading } from './session-reading.ts';
import { LONGEST_MS, sessionSettings } from './session-settings.ts';
import { createSessionWriting } from './session-writing.ts';

interface ExpressCookie {
  /** Until when, as a date or its text. */
  readonly expires?: Date | string | null | undefined;
  readonly originalMaxAge?: number | null | undefined;
}

/** What express-session keeps: its cookie, and whatever an application puts beside that. */
export interface ExpressSession {
  readonly cookie?: ExpressCookie | undefined;
}

/** Settings of a store for express-session. Wrong ones throw a ConfigError. */
export interface ExpressSessionStoreOptions<Base extends object> {
  readonly kv: KvClient;
  /** `session.Store` of express-session, which its types call abstract: what it expects of a store beside the methods here. */
  readonly Store: abstract new () => Base;
  /** Stores of one name share their sessions. @default 'express' */
  readonly name?: string | undefined;
  /** Life of a session whose cookie does not say, in milliseconds. @default 86_400_000 */
  readonly ttlMs?: number | undefined;
  /** As that of `createSessions`. @default none */
  readonly pepper?: string | undefined;
  /**
   * Whether ids are kept beside the data, so that `ids` and `all` can name them. They are in Redis in clear then; nobody is
   * let in by one without the secret that express-session signs cookies with. @default false
   */
  readonly keepIds?: boolean | undefined;
}

type Callback<Answer> = (error?: unknown, answer?: Answer) => void;

/** Each calls back, or answers a promise where it is given no callback. */
export interface ExpressSessionMethods {
  /** `null` where there is none. One request. */
  get(id: string, callback?: Callback<ExpressSession | null>): Promise<ExpressSession | null>;
  /** One request. A session that has ended is not saved, and that is no error. */
  set(id: string, session: ExpressSession, callback?: Callback<void>): Promise<void>;
  /** One request. */
  touch(id: string, session: ExpressSession, callback?: Callback<void>): Promise<void>;
  /** One request. Redis away: an error, and over for this process at once. */
  destroy(id: string, callback?: Callback<void>): Promise<void>;
  /** One request. */
  length(callback?: Callback<number>): Promise<number>;
  /** With `keepIds`; else none. Requests as for `all`. */
  ids(callback?: Callback<string[]>): Promise<string[]>;
  /** With their `id` where that is kept. Two requests, and one more for each 200 sessions. */
  all(callback?: Callback<ExpressSession[]>): Promise<ExpressSession[]>;
  /** Ends all, whatever their number. One request. */
  clear(callback?: Callback<void>): Promise<void>;
}

interface Kept {
  readonly id?: string | undefined;
  readonly session: ExpressSession;
}

const DAY_MS = 86_400_000;

/**
 * A store for express-session 1.
 *
 * Redis away: errors with `status` 503, which express answers as that, and never "no session": the cookie stays. On a Redis
 * Cluster all sessions of one name lie in one slot.
 *
 * @example
 * ```ts
 * import session from 'express-session';
 *
 * app.use(session({ store: expressSessionStore({ kv, Store: session.Store }), secret, resave: false, saveUninitialized: false }));
 * ```
 *
 * @throws ConfigError
 */
export function expressSessionStore<Base extends object>(
  options: ExpressSessionStoreOptions<Base>,
): Base & ExpressSessionMethods {
  const { kv, Store, name = 'express', ttlMs = DAY_MS, pepper, keepIds = false } = options;
  const given = { name, idleMs: ttlMs, absoluteMs: false, touchOnRead: false, maxPerUser: 0, pepper } as const;
  const settings = sessionSettings(given);
  const names = createSessionNames(kv, name, pepper);
  const base = { kv, names, settings, background: createBackground(undefined) };
  const ending = createSessionEnding(base, undefined);
  const reading = createSessionReading<Kept>(base, ending);
  const writing = createSessionWriting<Kept>(base, ending);

  const locate = (id: string): Promise<Address> => names.ofIdIn(ALL, id);
  const group = () => names.groupOf(ALL);

  const lifeOf = ({ cookie }: ExpressSession): number => {
    if (!cookie?.expires) return ttlMs;
    const { expires } = cookie;
    const leftMs = (typeof expires === 'string' ? Date.parse(expires) : expires.getTime()) - kv.clock.now();
    return Number.isNaN(leftMs) ? ttlMs : Math.min(LONGEST_MS, Math.ceil(leftMs));
  };

  const destroy = async (id: string): Promise<void> => {
    here(await ending.destroy(await locate(id), { always: true }));
  };
  const everything = async (): Promise<readonly Kept[]> =>
    here(await reading.list(await group())).sessions.map(({ data }) => data);

  const methods: ExpressSessionMethods = {
    get: (id, callback) =>
      answered(callback, async () => {
        const read = here(await reading.read(await locate(id)));
        return read.status === 'active' ? read.session.data.session : null;
      }),
    set: (id, session, callback) =>
      answered(callback, async () => {
        const idleMs = lifeOf(session);
        if (idleMs <= 0) return destroy(id);
        const data = { session, id: keepIds ? id : undefined };
        here(await writing.save(await locate(id), data, { idleMs, mayBegin: true }));
      }),
    touch: (id, session, callback) =>
      answered(callback, async () => {
        const idleMs = lifeOf(session);
        if (idleMs <= 0) return destroy(id);
        here(await writing.touch(await locate(id), idleMs));
      }),
    destroy: (id, callback) => answered(callback, () => destroy(id)),
    length: (callback) => answered(callback, async () => here(await reading.count(await group())).count),
    ids: (callback) =>
      answered(callback, async () => (await everything()).flatMap(({ id }) => (id === undefined ? [] : [id]))),
    all: (callback) =>
      answered(callback, async () =>
        (await everything()).map(({ session, id }) => (id === undefined ? session : { ...session, id })),
      ),
    clear: (callback) =>
      answered(callback, async () => {
        here(await ending.revoke(await group()));
      }),
  };
  const store: Base = Reflect.construct(Store, []);
  return Object.assign(store, methods);
}

/** Whose all sessions of a store are: so they are counted, listed and ended together. */
const ALL = 'express-session';

/** @throws StoreError for what Redis cannot say now */
function here<Answer extends object>(answer: Answer | Unavailable): Exclude<Answer, Unavailable> {
  if (!isUnavailable(answer)) return answer as Exclude<Answer, Unavailable>;
  const { retryAfterMs, mayHaveRun } = answer;
  throw new StoreError('unavailable', 'Sessions cannot be reached', { status: 503, retryAfterMs, mayHaveRun });
}

function isUnavailable(answer: object): answer is Unavailable {
  return 'status' in answer && answer.status === 'unavailable';
}

/** What a callback throws is not caught: it is the caller's own. */
function answered<Answer>(callback: Callback<Answer> | undefined, work: () => Promise<Answer>): Promise<Answer> {
  const answer = work();
  if (callback) {
    answer.then(
      (value) => callback(null, value),
      (error: unknown) => callback(error),
    );
  }
  return answer;
}
