import { isKvError, StoreError, type StoreErrorKind } from '../errors.ts';

/** What a driver answers: an object with the rows (node-postgres, PGlite, Neon), or the rows themselves (postgres.js). */
export type SqlAnswer = readonly unknown[] | { readonly rows: readonly unknown[] };

/**
 * Sends one statement with its parameters `$1`, `$2`, …, all of them strings. `signal` says when the answer is no longer
 * wanted, for drivers that can be told.
 */
export type SqlQuery = (
  text: string,
  params: string[],
  options: { readonly signal?: AbortSignal | undefined },
) => PromiseLike<SqlAnswer>;

/** A row whose columns are all text. */
export type SqlRow = Readonly<Record<string, string>>;

export type SqlAsk = (text: string, params: string[], signal?: AbortSignal) => Promise<readonly SqlRow[]>;

/**
 * `query` with answers that are rows of text, and errors that are ours.
 *
 * @param content what the database keeps, as errors name it: `API keys`
 */
export function createSqlAsk(query: SqlQuery, content: string): SqlAsk {
  return async (text, params, signal) => {
    let answer: unknown;
    try {
      answer = await query(text, params, { signal });
    } catch (error) {
      // Of our own `postgresQuery`: says what is missing.
      if (isKvError(error) && error.code === 'CONFIG') throw error;
      throw ourError(error, content, signal);
    }
    const rows = Array.isArray(answer) ? answer : isObject(answer) ? answer.rows : undefined;
    if (!Array.isArray(rows) || !rows.every(isRow)) throw unreadable(content);
    return rows;
  };
}

/** What the database holds, or the driver has made of it, is not what was written. Nothing of it is in the message. */
export function unreadable(content: string): StoreError {
  return new StoreError('protocol', `The database of ${content} holds something that cannot be read`);
}

/** Whether the database refused a statement with one of these SQLSTATEs, as {@link createSqlAsk} tells of it. */
export function wasRefusedWith(error: unknown, ...states: readonly string[]): boolean {
  return error instanceof StoreError && states.some((state) => error.cause === state);
}

/** A driver's error may quote the statement's parameters, in its message and elsewhere: of it only the code remains. */
function ourError(error: unknown, content: string, signal: AbortSignal | undefined): StoreError {
  const code = codeOf(error);
  const options = code === undefined ? {} : { cause: code };
  if (signal?.aborted)
    return new StoreError('aborted', `The answer of the database of ${content} was given up`, options);
  if (code === '42P01') return new StoreError('protocol', `The tables of ${content} are missing`, options);
  return new StoreError(kindOf(code), `The database of ${content} did not answer`, options);
}

/** Classes of SQLSTATE in which a server has answered that it cannot, or will not. What is none of them is the network. */
const KINDS: Readonly<Record<string, StoreErrorKind>> = {
  '22': 'protocol',
  '23': 'protocol',
  '25': 'unavailable',
  '28': 'auth',
  '40': 'unavailable',
  '42': 'protocol',
  '53': 'unavailable',
  '54': 'protocol',
  '55': 'unavailable',
  '57': 'unavailable',
  '58': 'unavailable',
  XX: 'unavailable',
};

function kindOf(code: string | undefined): StoreErrorKind {
  // Insufficient privilege stands among the syntax errors.
  if (code === '42501') return 'auth';
  return (code?.length === 5 && KINDS[code.slice(0, 2)]) || 'network';
}

/** SQLSTATE or system code, also where a layer above the driver has wrapped its error. */
function codeOf(error: unknown): string | undefined {
  let inner = error;
  for (let depth = 0; depth < 4 && isObject(inner); depth += 1) {
    const { code } = inner;
    if (typeof code === 'string' && /^[0-9A-Z_]{1,32}$/.test(code)) return code;
    inner = inner.cause;
  }
  return undefined;
}

function isRow(row: unknown): row is SqlRow {
  return isObject(row) && Object.values(row).every((value) => typeof value === 'string');
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
