import type { KvError } from '../errors.ts';

/**
 * What Redis answered to one command. An error inside an array (a script's, say) is one of ours in its place: Redis's own
 * text may quote arguments.
 */
export type Value = string | number | null | readonly Result[];

/** What became of one command of several: Redis's answer, or the error that concerns this command alone. */
export type Result = Value | KvError;

export interface CallOptions {
  /** Detaches this caller. The promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Shorter than the client's `requestTimeoutMs`, in milliseconds. */
  readonly timeoutMs?: number | undefined;
}

export interface ExecuteOptions extends CallOptions {
  /** Run as one MULTI/EXEC transaction, in a request of its own that leaves behind what was issued before. @default false */
  readonly atomic?: boolean | undefined;
}
