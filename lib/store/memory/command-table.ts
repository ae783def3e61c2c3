import type { Reply } from '../store.ts';
import type { CommandSpec } from './command.ts';
import { counterCommands } from './counters.ts';
import { expiryCommands } from './expiry.ts';
import { hashCommands } from './hashes.ts';
import { keyCommands } from './keys.ts';
import type { Keyspace } from './keyspace.ts';
import { listCommands } from './lists.ts';
import { ReplyError, wrongArity } from './reply-error.ts';
import { scanCommands } from './scan.ts';
import { serverCommands } from './server.ts';
import { setAlgebraCommands } from './set-algebra.ts';
import { setCommands } from './sets.ts';
import { sortedSetRangeCommands } from './sorted-set-ranges.ts';
import { sortedSetCommands } from './sorted-sets.ts';
import { streamCommands } from './streams.ts';
import { stringRangeCommands } from './string-ranges.ts';
import { stringCommands } from './strings.ts';
import { byteLength, clipText } from './text-bytes.ts';

/** All commands but those of scripts, which need to call the others. */
export const dataCommands: readonly CommandSpec[] = [
  ...stringCommands,
  ...counterCommands,
  ...stringRangeCommands,
  ...keyCommands,
  ...expiryCommands,
  ...scanCommands,
  ...hashCommands,
  ...setCommands,
  ...setAlgebraCommands,
  ...sortedSetCommands,
  ...sortedSetRangeCommands,
  ...listCommands,
  ...streamCommands,
  ...serverCommands,
];

export interface CommandTable {
  /** What Redis would refuse before it runs: unknown names and wrong numbers of arguments. */
  check(words: readonly string[]): ReplyError | undefined;
  run(words: readonly string[]): Reply;
  /** As `run`, for a script: it may do less, and is refused in other words. */
  runForScript(words: readonly string[]): Reply;
}

export function createCommandTable(specs: readonly CommandSpec[], keyspace: Keyspace): CommandTable {
  const byName = new Map(specs.map((spec) => [spec.name, spec]));
  const containers = new Set(specs.flatMap(({ name }) => (name.includes('|') ? [name.replace(/\|.*/, '')] : [])));

  const find = (words: readonly string[]): CommandSpec | ReplyError => {
    const [word = '', second] = words;
    const name = word.toLowerCase();
    const isContainer = containers.has(name);
    if (isContainer && second === undefined) return wrongArity(name);
    const spec = byName.get(isContainer ? `${name}|${second?.toLowerCase()}` : name);
    if (spec === undefined) return isContainer ? unknownSubcommand(name, second) : unknownCommand(words);
    return acceptsCount(spec, words.length) ? spec : wrongArity(spec.name);
  };

  const perform = ({ name, run }: CommandSpec, words: readonly string[]): Reply => {
    try {
      return run(keyspace, words.slice(name.includes('|') ? 2 : 1));
    } catch (error) {
      if (error instanceof ReplyError) return { error: error.message };
      throw error;
    } finally {
      keyspace.settle();
    }
  };

  return {
    check(words) {
      const found = find(words);
      return found instanceof ReplyError ? found : undefined;
    },
    run(words) {
      const found = find(words);
      return found instanceof ReplyError ? { error: found.message } : perform(found, words);
    },
    runForScript(words) {
      const found = find(words);
      if (found instanceof ReplyError) return { error: scriptRefusal(found) };
      if (found.noScript) return { error: 'ERR This Redis command is not allowed from script' };
      return perform(found, words);
    },
  };
}

function acceptsCount({ arity }: CommandSpec, count: number): boolean {
  return arity < 0 ? count >= -arity : count === arity;
}

function scriptRefusal({ message }: ReplyError): string {
  return message.startsWith('ERR wrong number')
    ? 'ERR Wrong number of args calling Redis command from script'
    : 'ERR Unknown Redis command called from script';
}

/** Redis cuts what it quotes at 128 bytes. */
const QUOTED_BYTES = 128;

function unknownCommand([name = '', ...args]: readonly string[]): ReplyError {
  let quoted = '';
  for (const arg of args) {
    const used = byteLength(quoted);
    if (used >= QUOTED_BYTES) break;
    quoted += `'${clipText(arg, QUOTED_BYTES - used)}' `;
  }
  const text = `ERR unknown command '${clipText(name, QUOTED_BYTES)}', with args beginning with: ${quoted}`;
  return new ReplyError(singleLine(text));
}

function unknownSubcommand(name: string, second = ''): ReplyError {
  const quoted = clipText(second, QUOTED_BYTES);
  return new ReplyError(singleLine(`ERR unknown subcommand '${quoted}'. Try ${name.toUpperCase()} HELP.`));
}

function singleLine(text: string): string {
  return text.replace(/[\r\n]/g, ' ');
}
