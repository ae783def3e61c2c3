/** Redis refuses the command. Thrown inside the store only: what leaves it is an `ErrorReply` with this text. */
export class ReplyError extends Error {
  constructor(text: string) {
    super(text);
    this.name = 'ReplyError';
  }
}

export const NOT_AN_INTEGER = 'ERR value is not an integer or out of range';
export const NOT_A_FLOAT = 'ERR value is not a valid float';
export const NOT_POSITIVE = 'ERR value is out of range, must be positive';
export const OVERFLOW = 'ERR increment or decrement would overflow';

export function wrongType(): ReplyError {
  return new ReplyError('WRONGTYPE Operation against a key holding the wrong kind of value');
}

export function syntaxError(): ReplyError {
  return new ReplyError('ERR syntax error');
}

export function noSuchKey(): ReplyError {
  return new ReplyError('ERR no such key');
}

/** @param command In lower case, as Redis names it: `get`, `script|load`. */
export function wrongArity(command: string): ReplyError {
  return new ReplyError(`ERR wrong number of arguments for '${command}' command`);
}

export function invalidExpireTime(command: string): ReplyError {
  return new ReplyError(`ERR invalid expire time in '${command}' command`);
}
