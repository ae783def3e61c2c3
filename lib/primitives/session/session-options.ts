import type { KvClient } from '../../client/kv-client.ts';
import type { Unavailable } from '../unavailable.ts';
import type { SessionArchive } from './session-archive.ts';

/** Settings of sessions. Wrong ones throw a ConfigError. */
export interface SessionsOptions {
  readonly kv: KvClient;
  /** Names the sessions: all processes with this name share them. @default 'default' */
  readonly name?: string | undefined;
  /** Without use it ends after this long, in milliseconds. @default 86_400_000 */
  readonly idleMs?: number | undefined;
  /** However much it is used it ends this long after its beginning, in milliseconds; `false` for never. @default 2_592_000_000 */
  readonly absoluteMs?: number | false | undefined;
  /**
   * Whether reading is use: a read that finds less than half of `idleMs` left gives all of it anew, by a second request in
   * the background. Saving is use in any case. @default true
   */
  readonly touchOnRead?: boolean | undefined;
  /** Sessions of one user: with one more the oldest ends. 0 for no bound. @default 100 */
  readonly maxPerUser?: number | undefined;
  /** Data whose JSON has more bytes is refused. @default 65_536 */
  readonly maxBytes?: number | undefined;
  /**
   * How long what is left of a session that has ended keeps an id of somebody else's making (`put`) from beginning anew, in
   * milliseconds: longer than anybody holds on to what he has read. `save` never begins one. @default 300_000
   */
  readonly tombstoneMs?: number | undefined;
  /**
   * A secret of at least 16 characters, under which ids are digested. Without it they are under plain SHA-256: nobody finds
   * an id by that, but who sees a token can test a guess of the user's id. Another pepper ends all sessions. @default none
   */
  readonly pepper?: string | undefined;
  /** Where sessions go when they end. @default nowhere */
  readonly archive?: SessionArchive | undefined;
  /**
   * How long a session that has ended stays in Redis for the archive, in milliseconds: what `sweep` has not brought there
   * within this is lost. @default 604_800_000
   */
  readonly archiveWithinMs?: number | undefined;
  /** Told of each promise that outlives its caller, so that the platform keeps the process for it. @default the platform's, as far as it is known */
  readonly waitUntil?: ((promise: Promise<unknown>) => void) | undefined;
}

/** A session that is on, as it was when Redis answered. */
export interface Session<T> {
  /** For lists, logs and the archive. No secret: nobody is let in by it. */
  readonly id: string;
  /** `undefined` for one of nobody. */
  readonly userId: string | undefined;
  readonly data: T;
  /** One more with each save. */
  readonly version: number;
  /** Unix milliseconds, by the clock of Redis; a rotation does not change it. */
  readonly startedAt: number;
  /** When it ends however much it is used; `undefined` for never. */
  readonly endsAt: number | undefined;
  /** Milliseconds left without further use. */
  readonly leftMs: number;
}

/** A token, as it is in the cookie; or a session that was read or listed. */
export type SessionTarget = string | { readonly id: string };

/** A session, or why there is none. `unavailable` is not `none`: nobody can say. */
export type SessionRead<T> =
  | { readonly status: 'active'; readonly session: Session<T> }
  /** There is none, or it is over: whoever comes with it is logged out. */
  | { readonly status: 'none' }
  /** Nobody can say: answer 503 and leave the cookie alone. */
  | Unavailable;

/** A new session. */
export type SessionStart<T> =
  /** `token` belongs into the cookie, and nowhere else. */
  { readonly status: 'created'; readonly token: string; readonly session: Session<T> } | Unavailable;

/** What became of a save. */
export type SessionSave<T> =
  | { readonly status: 'saved'; readonly session: Session<T> }
  /** It is over, and stays so. */
  | { readonly status: 'ended' }
  /** Somebody has saved since that version. */
  | { readonly status: 'conflict' }
  | Unavailable;

/** A session under its new id, or why there is none. */
export type SessionRotation<T> =
  | { readonly status: 'rotated'; readonly token: string; readonly session: Session<T> }
  /** It is over, or somebody else has rotated it. */
  | { readonly status: 'ended' }
  | Unavailable;

/** What became of the end of a session. */
export type SessionEnd =
  /** `archived`: whether the archive has it now; else a sweep brings it there. */
  | { readonly status: 'ended'; readonly archived: boolean }
  /** There was none that was on. */
  | { readonly status: 'none' }
  /** It is over for this process; Redis is told when it answers again. */
  | Unavailable;

/** What became of the end of a group's sessions. */
export type SessionRevocation = { readonly status: 'revoked' } | Unavailable;

/** The sessions of a group. */
export type SessionList<T> = { readonly status: 'listed'; readonly sessions: readonly Session<T>[] } | Unavailable;

/** By the clock of this process: one that has just expired may still be counted. */
export type SessionCount = { readonly status: 'counted'; readonly count: number } | Unavailable;

/** What one sweep has brought to the archive. */
export type SessionSweep =
  | {
      readonly status: 'swept';
      /** How many the archive has now that it had not, or had already. */
      readonly archived: number;
      /** Whether there may be more to do now. */
      readonly more: boolean;
    }
  | Unavailable;

/** Bounds of one save. */
export interface SaveOptions {
  /** Save only if nobody has saved since this version was read. @default whoever saves last wins */
  readonly ifVersion?: number | undefined;
}

/** What is written without having been read. */
export interface PutOptions {
  /** Without use it ends after this long, in milliseconds. @default the sessions' `idleMs` */
  readonly idleMs?: number | undefined;
}

/** What a session goes on with under its new id. */
export interface RotateOptions<T> {
  /** @default what there is */
  readonly data?: T | undefined;
  /** Whose it is from now on: at a login. @default as before */
  readonly userId?: string | undefined;
  /**
   * How long the old token leads to the session too, in milliseconds, at most 30_000; for requests under way when tokens are
   * changed as a routine. Not after a login or with new rights: who has planted the old token would share them. @default 0
   */
  readonly graceMs?: number | undefined;
}

/**
 * Sessions in Redis. Every answer about one says whether it is on, over, or whether nobody can say; nothing here rejects
 * because Redis is away.
 */
export interface Sessions<T> {
  /** Begins a session. One request. @throws ConfigError for data without a JSON form, or with too many bytes. */
  create(userId: string | undefined, data: T): Promise<SessionStart<T>>;
  /** One request; none for what is no token, or was ended here. A second one for the old token of a rotation with grace. */
  read(target: SessionTarget): Promise<SessionRead<T>>;
  /** Replaces the data of a session that is on, and never begins one. One request. @throws ConfigError as `create` */
  save(target: SessionTarget, data: T, options?: SaveOptions): Promise<SessionSave<T>>;
  /**
   * The same session under another token, with its absolute end. One request; two for another user, and then the old one
   * has ended before the new one begins.
   */
  rotate(session: Session<T>, options?: RotateOptions<T>): Promise<SessionRotation<T>>;
  /** Ends a session. One request. Redis away: `unavailable`, and over for this process at once, for Redis when it is back. */
  destroy(target: SessionTarget): Promise<SessionEnd>;
  /** As `destroy`, and brings it to the archive at once: two requests, and one of the archive. */
  end(target: SessionTarget): Promise<SessionEnd>;
  /** Ends all sessions of a user, whatever their number. One request. Redis away: `unavailable`, and nothing has happened. */
  revokeUser(userId: string): Promise<SessionRevocation>;
  /** The sessions of a user that are on, the oldest first. Two requests, and one more for each 200 sessions. */
  list(userId: string): Promise<SessionList<T>>;
  /** How many sessions of a user are on. One request. */
  count(userId: string): Promise<SessionCount>;
  /**
   * Brings to the archive what has ended or expired, at most `limit`. Run it from a cron job. Three requests, and one of the
   * archive. @default limit 100 @throws what the archive throws: then nothing is lost, and the next sweep does it again.
   */
  sweep(options?: { readonly limit?: number | undefined }): Promise<SessionSweep>;
  /** An id for `put`, in the shape of a token, by which that session ends when its user's do. No request. */
  newId(userId: string): Promise<string>;
  /**
   * Begins a session under an id of your own making, or saves it. One that was ended is not begun anew for `tombstoneMs`;
   * one that has expired is, unless it waits for an archive.
   * The id is a secret: who has it is let in. One request. @throws ConfigError as `create`
   */
  put(id: string, data: T, options?: PutOptions): Promise<SessionSave<T>>;
  /** What `put` put there. One request. */
  get(id: string): Promise<SessionRead<T>>;
  /** Ends what `put` put there, as `destroy` does. */
  remove(id: string): Promise<SessionEnd>;
  /** When what runs in the background now has ended: before a process ends. */
  settled(): Promise<void>;
}
