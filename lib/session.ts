import { wholeNumber } from './client/whole-number.ts';
import { getDefaults, onDefaultClient } from './default-client.ts';
import { StoreError } from './errors.ts';
import type { Sessions } from './primitives/session/session-options.ts';
import { LONGEST_MS } from './primitives/session/session-settings.ts';
import { createSessions } from './primitives/session/sessions.ts';
import type { Unavailable } from './primitives/unavailable.ts';

export { createSessions, type Sessions };

const SECOND_MS = 1_000;
const DAY_SECONDS = 86_400;

/** Those of the functions below: they end when nobody has saved them for their time, however old they are. */
const sessions = onDefaultClient('sessions', ({ kv, settings }) =>
  createSessions<unknown>({
    kv,
    name: 'saved',
    pepper: settings.sessionPepper,
    absoluteMs: false,
    touchOnRead: false,
  }),
);

/**
 * A new id for a session of a user: 256 random bits, for a cookie and nowhere else. Those of one user end together with
 * `revokeSessions`; an id of your own making is of nobody. No request.
 */
export function newSessionId(userId: string): Promise<string> {
  return sessions().newId(userId);
}

/**
 * Begins the session of this id, or replaces its data, for `ttl` seconds from now. One request. `false` when it has ended,
 * whether destroyed or revoked: a save that comes late never brings it back. Also while Redis is away, where it may have
 * been saved: who has to tell these apart asks `createSessions`.
 *
 * @param id a secret of your own making, or of `newSessionId`
 * @throws ConfigError for data without a JSON form, or of more than 65,536 bytes, and for a `ttl` that is no whole number
 *   of at least 1.
 */
export async function saveSession(id: string, data: unknown, ttl: number = DAY_SECONDS): Promise<boolean> {
  const idleMs = wholeNumber('ttl', ttl, 1, LONGEST_MS / SECOND_MS) * SECOND_MS;
  return heard('save a session', await sessions().put(id, data, { idleMs })) === 'saved';
}

/**
 * What was saved under this id; `null` when there is no such session, which is to be logged out. One request. Reading does
 * not make it live longer.
 *
 * @throws StoreError while Redis is away: nobody can say whether somebody is logged in. Answer 503 and leave the cookie alone:
 *   `sessionUnavailable` makes that answer.
 */
export async function getSession<T = unknown>(id: string): Promise<T | null> {
  const read = await sessions().get(id);
  if (read.status === 'unavailable') throw away(read);
  return read.status === 'active' ? (read.session.data as T) : null;
}

/**
 * Ends a session. One request. `false` when there was none, and also while Redis is away: then it is over for this process
 * at once, and for others when Redis has been told, with its next answer to this process.
 */
export async function destroySession(id: string): Promise<boolean> {
  return heard('end a session', await sessions().remove(id)) === 'ended';
}

/**
 * Ends all sessions of a user whose ids are of `newSessionId`, whatever their number. One request.
 *
 * @throws StoreError while Redis is away: they have not ended, unless its `mayHaveRun` is true. Do it again.
 */
export async function revokeSessions(userId: string): Promise<void> {
  const revoked = await sessions().revokeUser(userId);
  if (revoked.status === 'unavailable') throw away(revoked);
}

/** What has come of it; that Redis is away is in the log, as `false` does not say it. */
function heard<Status extends string>(operation: string, answer: { readonly status: Status } | Unavailable): string {
  if ('retryAfterMs' in answer) getDefaults().logFailure(operation, away(answer));
  return answer.status;
}

function away({ retryAfterMs, mayHaveRun }: Unavailable): StoreError {
  return new StoreError('unavailable', 'Sessions cannot be reached', { retryAfterMs, mayHaveRun });
}
