import { CommandError, isKvError, type KvError, StoreError } from '../errors.ts';
import type { Outcome } from '../resilience/circuit.ts';
import { codeOf, problemOf } from '../store/reply-problem.ts';
import { type ErrorReply, isErrorReply, type Reply } from '../store/store.ts';
import type { Result } from './call.ts';

const SUCCESS: Outcome = { result: 'success' };
const NEUTRAL: Outcome = { result: 'neutral' };

/** One sample for one request, whatever the number of commands in it. */
export function classifyReplies(replies: readonly Reply[]): Outcome {
  let outcome = SUCCESS;
  for (const reply of errorsIn(replies)) {
    const problem = problemOf(reply.error);
    if (problem === 'auth') outcome = NEUTRAL;
    else if (problem !== undefined) return { result: 'failure', kind: problem };
  }
  return outcome;
}

/** Every error in `replies`, those inside arrays too. */
export function* errorsIn(replies: readonly Reply[]): Generator<ErrorReply> {
  for (const reply of replies) {
    if (isErrorReply(reply)) yield reply;
    else if (isArray(reply)) yield* errorsIn(reply);
  }
}

/** What a caller gets for a reply: a value of its own, with our errors in the place of Redis's. */
export function toResult(reply: Reply): Result {
  if (isErrorReply(reply)) return replyError(reply);
  return isArray(reply) ? reply.map(toResult) : reply;
}

function isArray(reply: Reply): reply is readonly Reply[] {
  return Array.isArray(reply);
}

/** The sample that a request gives which did not come back with replies. */
export function classifyError(error: unknown): Outcome {
  if (!isKvError(error)) return NEUTRAL;
  if (error.code === 'DEADLINE') return { result: 'failure', kind: 'deadline' };
  if (error.code !== 'STORE') return NEUTRAL;
  const { kind, retryAfterMs } = error;
  if (kind === 'auth' || kind === 'aborted' || kind === 'local') return NEUTRAL;
  return { result: 'failure', kind, retryAfterMs };
}

/** The error that the caller of one command gets for a reply that is one. */
export function replyError(reply: ErrorReply): StoreError | CommandError {
  const problem = problemOf(reply.error);
  const code = codeOf(reply.error);
  if (problem) {
    return new StoreError(problem, `Redis cannot serve: ${problem === 'quota' ? 'quota' : code}`, { replyCode: code });
  }
  return new CommandError(code, `Redis refused the command: ${code}${explain(reply.error)}`);
}

/** Whether Redis asks for the script itself. */
export function isNoScript(error: unknown): boolean {
  return isKvError(error) && error.code === 'COMMAND' && error.replyCode === 'NOSCRIPT';
}

/** Whatever a store threw, as one of our errors. An error of another make has a text that we do not vouch for. */
export function asKvError(error: unknown): KvError {
  return isKvError(error) ? error : new StoreError('protocol', 'The store failed', { cause: error });
}

/** Texts of Redis that quote nothing. All others may repeat keys and values, and are left out. */
const SAFE_TEXTS = [
  'Operation against a key holding the wrong kind of value',
  'value is not an integer or out of range',
  'value is not a valid float',
  'increment or decrement would overflow',
  'increment would produce NaN or Infinity',
  'invalid expire time',
  'syntax error',
  'wrong number of arguments',
  'unknown command',
  'no such key',
  'index out of range',
  'No matching script. Please use EVAL.',
  'Transaction discarded because of previous errors',
  'needs a connection of its own',
  'this script has no TypeScript twin and no Lua engine is configured',
];

function explain(text: string): string {
  const known = safeText(text);
  return known ? ` (${known})` : '';
}

function safeText(text: string): string | undefined {
  return SAFE_TEXTS.find((safe) => text.includes(safe));
}

/** What Redis said, as far as it quotes nothing: `WRONGTYPE Operation against …`. */
export function refusalText({ replyCode, message }: CommandError): string {
  const known = safeText(message);
  return known ? `${replyCode} ${known}` : replyCode;
}
