import { stripUpstashFlags } from './script-flags.ts';
import type { Argument, Command, StoreKind } from './store.ts';

/** Makes scripts that were written for Upstash run on a stock Redis. */
export interface ScriptTranslation {
  /**
   * Sends `commands` as the store understands them, and answers as the sender of the originals expects. `send` is called
   * in the same turn, except behind a script whose digest is still being computed: order is kept.
   */
  run<T>(
    commands: readonly Command[],
    send: (translated: readonly Command[]) => Promise<readonly T[]>,
  ): Promise<readonly (T | string)[]>;
}

/** SHA-1 of the UTF-8 bytes of a text, in lower-case hexadecimal. */
type Sha1 = (text: string) => Promise<string>;

interface KnownScript {
  /** The digest by which clients ask for it. */
  readonly original: string;
  /** The digest under which Redis keeps it. */
  readonly stored: string;
}

/** Upstash knows its own flag, and the memory store knows no flags: there scripts stay as they are. */
const AS_IT_IS: ScriptTranslation = { run: (commands, send) => send(commands) };

/**
 * The translation that a store of this kind needs.
 *
 * Clients name a script by the SHA-1 of the text they know, Redis by that of the text it was given. Per process: after a
 * restart an EVALSHA of a changed script is answered with NOSCRIPT, which clients follow up with EVAL. Costs no request.
 */
export function scriptTranslationFor(kind: StoreKind, sha1: Sha1): ScriptTranslation {
  return kind === 'redis' ? translateScripts(sha1) : AS_IT_IS;
}

const MAX_SCRIPTS = 1_000;

function translateScripts(sha1: Sha1): ScriptTranslation {
  const known = new Map<string, KnownScript>();
  const storedSha = new Map<string, string>();
  /** Those who wait for digests, and everybody behind them. */
  let gate: Promise<void> | undefined;

  const learn = async (text: string): Promise<void> => {
    const [original, stored] = await Promise.all([sha1(text), sha1(stripUpstashFlags(text))]);
    keep(known, text, { original, stored });
  };

  const learning = (commands: readonly Command[]): Promise<void> | undefined => {
    const news = commands.flatMap(scriptTexts).filter((text) => !known.has(text) && stripUpstashFlags(text) !== text);
    if (news.length === 0) return gate;
    const ahead = gate;
    const mine = Promise.all([ahead, ...news.map(learn)]).then(() => undefined);
    const done = () => {
      if (gate === mine) gate = undefined;
    };
    gate = mine;
    mine.then(done, done);
    return mine;
  };

  const translated = (argument: Argument): string => {
    const text = String(argument);
    const script = known.get(text);
    if (script) {
      keep(known, text, script);
      keep(storedSha, script.original, script.stored);
    }
    return stripUpstashFlags(text);
  };

  const toStored = (sha: Argument): string => storedSha.get(String(sha).toLowerCase()) ?? String(sha);

  const translate = (command: Command): Command => {
    const [name, first, ...rest] = command;
    if (first === undefined) return command;
    switch (name.toUpperCase()) {
      case 'EVAL':
      case 'EVAL_RO':
        return [name, translated(first), ...rest];
      case 'EVALSHA':
      case 'EVALSHA_RO':
        return [name, toStored(first), ...rest];
      case 'SCRIPT':
        if (isWord(first, 'LOAD')) return [name, first, ...rest.map(translated)];
        if (isWord(first, 'EXISTS')) return [name, first, ...rest.map(toStored)];
        return command;
      default:
        return command;
    }
  };

  return {
    async run<T>(commands: readonly Command[], send: (translated: readonly Command[]) => Promise<readonly T[]>) {
      const digests = learning(commands);
      if (digests) await digests;
      // Looked up before the request: by its end the script may have been forgotten.
      const loaded = commands.map((command) => (isLoad(command) ? known.get(String(command[2]))?.original : undefined));
      const replies = await send(commands.map(translate));
      return replies.map((reply, index) => (typeof reply === 'string' ? (loaded[index] ?? reply) : reply));
    },
  };
}

/** The texts of scripts that a command carries. */
function scriptTexts(command: Command): readonly string[] {
  const [name, first] = command;
  const upper = name.toUpperCase();
  if (upper === 'EVAL' || upper === 'EVAL_RO') return first === undefined ? [] : [String(first)];
  return isLoad(command) ? command.slice(2).map(String) : [];
}

function isLoad([name, first]: Command): boolean {
  return name.toUpperCase() === 'SCRIPT' && isWord(first, 'LOAD');
}

function isWord(argument: Argument | undefined, word: string): boolean {
  return String(argument).toUpperCase() === word;
}

/** As the latest entry; beyond the bound the oldest goes. */
function keep<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= MAX_SCRIPTS) return;
    map.delete(oldest);
  }
}
