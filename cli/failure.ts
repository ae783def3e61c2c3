import { type ConfigError, isKvError } from '../lib/errors.ts';

/** 1: it could not be done. 2: it cannot be right. 3: there is no such key. */
export type FailureStatus = 1 | 2 | 3;

/** Ends the command with a line and a status. The line never quotes an argument. */
export class Failure extends Error {
  readonly status: FailureStatus;

  constructor(status: FailureStatus, message: string) {
    super(message);
    this.name = 'Failure';
    this.status = status;
  }
}

/** What arguments and variables are called in the library. */
const NAMES: Readonly<Record<string, string>> = {
  owner: '--owner',
  scopes: '--scope',
  limits: '--limit',
  config: '--config',
  expiresAt: '--expires-in',
  graceSeconds: '--grace',
  limit: '--limit',
  after: '--after',
  url: 'REDIS_URL',
  'cluster.nodes': 'REDIS_CLUSTER_NODES',
  'sentinels.nodes': 'REDIS_SENTINELS',
};

const MAY_HAVE_RUN = '; it may have been done all the same: look before you do it again';

interface Circumstances {
  /** Whether something was to be changed. @default false */
  readonly changes?: boolean | undefined;
  /** Whether the command was asked to stop. */
  readonly stopped: boolean;
}

/** `error` as a line for people. It says when a change that was asked for may have been made. */
export function toFailure(error: unknown, { changes = false, stopped }: Circumstances): Failure {
  if (error instanceof Failure) return error;
  if (isKvError(error) && error.code === 'CONFIG') return new Failure(2, underOurName(error));
  const problem = stopped ? 'Stopped' : describe(error);
  return new Failure(1, changes && mayHaveRun(error) ? `${problem}${MAY_HAVE_RUN}` : problem);
}

function describe(error: unknown): string {
  // The texts of other makes may quote what they were given.
  if (!isKvError(error)) return `Failed: ${error instanceof Error ? error.name : 'unknown'}`;
  if (error.code === 'DEADLINE') return `Redis did not answer: ${error.message}`;
  if (error.code !== 'STORE') return `Redis did not serve: ${error.message}`;
  return error.kind === 'local' ? `Failed: ${error.message}` : `Redis did not serve (${error.kind}): ${error.message}`;
}

/** Kinds of errors that leave open what became of a request. */
const UNANSWERED: ReadonlySet<string> = new Set(['network', 'http', 'protocol', 'aborted']);

function mayHaveRun(error: unknown): boolean {
  if (!isKvError(error)) return false;
  if (error.code === 'STORE') return error.mayHaveRun && UNANSWERED.has(error.kind);
  return error.code === 'DEADLINE' && error.mayHaveRun;
}

function underOurName({ setting, message }: ConfigError): string {
  const [option = '', policy] = setting.startsWith('limits.') ? setting.split('.') : [setting];
  const name = NAMES[option] ?? option;
  return `${policy === undefined ? name : `${name} ${policy}`}${message.slice(setting.length)}`;
}
