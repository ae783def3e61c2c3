import { isKvError } from '../errors.ts';
import type { Command } from '../store/store.ts';
import { nameOf } from './commands.ts';

/** What an attribute says whose value is not one of those that are known to be few, and to quote nothing. */
const OTHER = '_OTHER';

/** Command names that one client tells apart. Redis has some 250; names that callers make up must not fill a meter. */
const MAX_NAMES = 256;

/** First words of error replies. A script may answer any word at all, a key's included. */
const REPLY_CODES = new Set(
  (
    'ERR WRONGTYPE NOSCRIPT EXECABORT MOVED ASK CROSSSLOT CLUSTERDOWN TRYAGAIN LOADING BUSY BUSYKEY BUSYGROUP NOGROUP ' +
    'READONLY MISCONF OOM MASTERDOWN NOREPLICAS NOAUTH WRONGPASS NOPERM NOPROTO NOTBUSY UNKILLABLE INPROG IOERR DENIED'
  ).split(' '),
);

/**
 * Names operations as the conventions for Redis do: `GET`; several commands are `PIPELINE`, a transaction is `MULTI`, with
 * the command's name behind it if it is one and the same.
 */
export function createOperationNames(): (commands: readonly Command[], atomic: boolean) => string {
  const known = new Set<string>();
  const bounded = (command: Command): string => {
    const name = nameOf(command);
    if (name === undefined || (!known.has(name) && known.size >= MAX_NAMES)) return OTHER;
    known.add(name);
    return name;
  };
  return (commands, atomic) => {
    const [first, ...others] = commands;
    if (!first) return OTHER;
    const name = bounded(first);
    if (others.length === 0 && !atomic) return name;
    const several = atomic ? 'MULTI' : 'PIPELINE';
    return others.every((other) => bounded(other) === name) ? `${several} ${name}` : several;
  };
}

/** An error in a few fixed words: never its text. */
export function errorAttributes(error: unknown): Readonly<Record<string, string>> {
  if (!isKvError(error)) return { 'error.type': OTHER };
  const replyCode = error.code === 'COMMAND' || error.code === 'STORE' ? error.replyCode : undefined;
  const status = replyCode !== undefined && REPLY_CODES.has(replyCode) ? replyCode : undefined;
  const sent = status === undefined ? {} : { 'db.response.status_code': status };
  if (error.code === 'STORE') return { ...sent, 'error.type': `STORE.${error.kind}` };
  return { ...sent, 'error.type': error.code === 'COMMAND' ? (status ?? OTHER) : error.code };
}
