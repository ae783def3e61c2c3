import { createHash } from 'node:crypto';
import { stripUpstashFlags } from '../../lib/store/script-flags.ts';
import type { Command, Reply } from '../../lib/store/store.ts';

/** Makes scripts that were written for Upstash run on a stock Redis. */
export interface ScriptTranslation {
  command(command: Command): Command;
  /** The reply as the sender of the original command expects it. */
  reply(original: Command, reply: Reply): Reply;
}

const MAX_SCRIPTS = 1000;

/**
 * Clients name a script by the SHA-1 of the text they know, Redis by that of the text it was given. Per process: after a
 * restart an EVALSHA of a changed script is answered with NOSCRIPT, which clients follow up with EVAL.
 */
export function translateScripts(): ScriptTranslation {
  const storedSha = new Map<string, string>();

  function translated(text: string): string {
    const stripped = stripUpstashFlags(text);
    if (stripped === text) return text;
    const original = sha1(text);
    storedSha.delete(original);
    storedSha.set(original, sha1(stripped));
    for (const oldest of storedSha.keys()) {
      if (storedSha.size <= MAX_SCRIPTS) break;
      storedSha.delete(oldest);
    }
    return stripped;
  }

  const toStored = (sha: string): string => storedSha.get(sha.toLowerCase()) ?? sha;

  return {
    command: (command) => {
      const [name, first, ...rest] = command;
      if (first === undefined) return command;
      switch (name.toUpperCase()) {
        case 'EVAL':
        case 'EVAL_RO':
          return [name, translated(String(first)), ...rest];
        case 'EVALSHA':
        case 'EVALSHA_RO':
          return [name, toStored(String(first)), ...rest];
        case 'SCRIPT':
          if (isWord(first, 'LOAD')) return [name, first, ...rest.map((text) => translated(String(text)))];
          if (isWord(first, 'EXISTS')) return [name, first, ...rest.map((sha) => toStored(String(sha)))];
          return command;
        default:
          return command;
      }
    },
    reply: (original, reply) => {
      const isLoad = original[0].toUpperCase() === 'SCRIPT' && isWord(original[1], 'LOAD');
      return isLoad && typeof reply === 'string' ? sha1(String(original[2])) : reply;
    },
  };
}

function isWord(argument: string | number | undefined, word: string): boolean {
  return String(argument).toUpperCase() === word;
}

function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex');
}
