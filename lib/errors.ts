/** Every `code` that a Breakwater error can carry. Compare codes, not classes: a bundler may duplicate a class. */
export type KvErrorCode = 'CIRCUIT_OPEN' | 'DEADLINE' | 'STORE' | 'COMMAND' | 'CONFIG';

/** Why a store could not answer. */
export type StoreErrorKind =
  /** The connection was refused, reset, or could not be made. */
  | 'network'
  /** An HTTP status that is not an answer: 408, 429, 5xx. */
  | 'http'
  /** An answer that is not what the protocol promises. */
  | 'protocol'
  /** Wrong or missing credentials, or permissions. Not a sign of an outage. */
  | 'auth'
  /** The plan's quota is used up, or the database is suspended. */
  | 'quota'
  /** Redis answered that it cannot serve now: LOADING, READONLY, CLUSTERDOWN, … */
  | 'unavailable'
  /** The caller gave up. */
  | 'aborted'
  /** This client refused it: closed, or a bound was exceeded. */
  | 'local';

interface KvErrorOptions {
  readonly cause?: unknown;
}

/** Base of all errors thrown here. Messages never carry keys, values, command arguments or tokens. */
export abstract class KvError extends Error {
  abstract readonly code: KvErrorCode;

  constructor(message: string, options: KvErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    // A literal: a minifier renames classes, and `constructor.name` with them.
    this.name = 'KvError';
  }
}

/** The circuit breaker refused the request; nothing was sent. */
export class CircuitOpenError extends KvError {
  readonly code = 'CIRCUIT_OPEN';
  /** Milliseconds until a request may be let through: to the end of OPEN, or of the lease of the probe that is out. */
  readonly retryAfterMs: number;

  constructor(retryAfterMs: number) {
    super('The circuit is open; the store was not asked');
    this.name = 'CircuitOpenError';
    this.retryAfterMs = retryAfterMs;
  }
}

/** No answer within the deadline. */
export class DeadlineError extends KvError {
  readonly code = 'DEADLINE';
  readonly timeoutMs: number;
  /** `true` when a write had left for the store: it may have taken effect, and is never sent again. */
  readonly mayHaveRun: boolean;

  constructor(timeoutMs: number, mayHaveRun: boolean) {
    super(`No answer within ${timeoutMs} ms`);
    this.name = 'DeadlineError';
    this.timeoutMs = timeoutMs;
    this.mayHaveRun = mayHaveRun;
  }
}

interface StoreErrorOptions extends KvErrorOptions {
  readonly status?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly mayHaveRun?: boolean | undefined;
  readonly replyCode?: string | undefined;
}

/** The store could not be asked, or what came back was not an answer. */
export class StoreError extends KvError {
  readonly code = 'STORE';
  readonly kind: StoreErrorKind;
  /** HTTP status, where there was one. */
  readonly status: number | undefined;
  /** What the server asked to wait, where it said so. */
  readonly retryAfterMs: number | undefined;
  /** `false` only when it is certain that no command reached the store. */
  readonly mayHaveRun: boolean;
  /** First word of Redis's reply, where there was one: `LOADING`, `NOAUTH`, … */
  readonly replyCode: string | undefined;

  constructor(kind: StoreErrorKind, message: string, options: StoreErrorOptions = {}) {
    super(message, options);
    this.name = 'StoreError';
    this.kind = kind;
    this.status = options.status;
    this.retryAfterMs = options.retryAfterMs;
    this.mayHaveRun = options.mayHaveRun ?? true;
    this.replyCode = options.replyCode;
  }
}

/** Redis answered one command with an error. The circuit is not concerned: Redis is there. */
export class CommandError extends KvError {
  readonly code = 'COMMAND';
  /** First word of the reply: `ERR`, `WRONGTYPE`, `NOSCRIPT`, … */
  readonly replyCode: string;

  constructor(replyCode: string, message: string) {
    super(message);
    this.name = 'CommandError';
    this.replyCode = replyCode;
  }
}

/** An option or an environment variable is missing or malformed. Names it, never its value. */
export class ConfigError extends KvError {
  readonly code = 'CONFIG';
  /** The option or environment variable to look at. */
  readonly setting: string;

  constructor(setting: string, expectation: string) {
    super(`${setting} ${expectation}`);
    this.name = 'ConfigError';
    this.setting = setting;
  }
}

const CODES: ReadonlySet<unknown> = new Set<KvErrorCode>(['CIRCUIT_OPEN', 'DEADLINE', 'STORE', 'COMMAND', 'CONFIG']);

/** Whether `error` is one of this package's, also of another copy of it. */
export function isKvError(
  error: unknown,
): error is CircuitOpenError | DeadlineError | StoreError | CommandError | ConfigError {
  return error instanceof Error && CODES.has((error as Partial<KvError>).code);
}

/** Whether `error` says that the store could not be asked, so that a feature has to fall back. */
export function isUnavailable(error: unknown): error is CircuitOpenError | DeadlineError | StoreError {
  return isKvError(error) && (error.code === 'CIRCUIT_OPEN' || error.code === 'DEADLINE' || error.code === 'STORE');
}
