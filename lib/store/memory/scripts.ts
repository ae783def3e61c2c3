import { findTwin, type ScriptTwin } from '../script-twins.ts';
import { type Argument, isErrorReply, type Reply } from '../store.ts';
import type { CommandSpec } from './command.ts';
import type { LuaEngine } from './lua-engine.ts';
import { formatDouble, toIndex } from './numbers.ts';
import { ReplyError } from './reply-error.ts';
import type { ScriptCache } from './script-cache.ts';
import { notePassed, scriptReply } from './script-reply.ts';

interface ScriptOptions {
  readonly cache: ScriptCache;
  readonly lua: LuaEngine | undefined;
  /** Runs a command on behalf of a script. */
  readonly call: (name: string, args: readonly string[]) => Reply;
}

type Call = (name: string, ...args: Argument[]) => Reply;

const NO_SCRIPT = 'NOSCRIPT No matching script. Please use EVAL.';

/** EVAL, EVALSHA and SCRIPT. */
export function scriptCommands({ cache, lua, call }: ScriptOptions): readonly CommandSpec[] {
  const callFromScript: Call = (name, ...args) => call(name, args.map(scriptArgument));

  const run = (text: string, sha1: string, { keys, args }: ScriptInput): Reply => {
    const twin = findTwin(text);
    if (twin) return runTwin(twin, callFromScript, { keys, args });
    if (lua) return lua.run({ text, sha1, keys, args, call: callFromScript });
    throw new ReplyError('ERR this script has no TypeScript twin and no Lua engine is configured');
  };

  /** Redis keeps only what compiles. */
  const load = (text: string): string => {
    const refusal = findTwin(text) ? undefined : lua?.refusal({ text, sha1: cache.digestOf(text) });
    if (refusal !== undefined) throw new ReplyError(refusal);
    return cache.load(text);
  };

  return [
    {
      name: 'eval',
      arity: -3,
      noScript: true,
      run(_keyspace, [text = '', ...words]) {
        const input = readInput(words);
        return run(text, load(text), input);
      },
    },
    {
      name: 'evalsha',
      arity: -3,
      noScript: true,
      run(_keyspace, [digest = '', ...words]) {
        if (digest.length !== 40) throw new ReplyError(NO_SCRIPT);
        const input = readInput(words);
        const sha1 = digest.toLowerCase();
        const text = cache.find(sha1);
        if (text === undefined) throw new ReplyError(NO_SCRIPT);
        return run(text, sha1, input);
      },
    },
    { name: 'script|load', arity: 3, noScript: true, run: (_keyspace, [text = '']) => load(text) },
    {
      name: 'script|exists',
      arity: -3,
      noScript: true,
      run: (_keyspace, digests) => digests.map((digest) => (cache.find(digest.toLowerCase()) === undefined ? 0 : 1)),
    },
    {
      name: 'script|flush',
      arity: -2,
      noScript: true,
      run(_keyspace, words) {
        const [mode = 'SYNC'] = words;
        if (words.length > 1 || !['SYNC', 'ASYNC'].includes(mode.toUpperCase())) {
          throw new ReplyError('ERR SCRIPT FLUSH only support SYNC|ASYNC option');
        }
        cache.clear();
        return 'OK';
      },
    },
  ];
}

interface ScriptInput {
  readonly keys: readonly string[];
  readonly args: readonly string[];
}

function readInput([size = '', ...words]: readonly string[]): ScriptInput {
  const count = toIndex(size);
  if (count > words.length) throw new ReplyError("ERR Number of keys can't be greater than number of args");
  if (count < 0) throw new ReplyError("ERR Number of keys can't be negative");
  return { keys: words.slice(0, count), args: words.slice(count) };
}

/** Redis gives numbers from Lua 17 significant digits. */
function scriptArgument(argument: Argument): string {
  return typeof argument === 'number' ? formatDouble(argument) : argument;
}

function runTwin(twin: ScriptTwin, call: Call, { keys, args }: ScriptInput): Reply {
  const passed = new WeakSet<object>();
  const redis = {
    call(name: string, ...words: Argument[]) {
      const reply = call(name, ...words);
      if (isErrorReply(reply)) throw new ReplyError(reply.error);
      notePassed(reply, passed);
      return reply;
    },
  };
  try {
    return scriptReply(twin(redis, keys, args), passed);
  } catch (error) {
    if (error instanceof ReplyError) throw error;
    throw new ReplyError(`ERR user_script: ${error instanceof Error ? error.message : 'unknown error'}`);
  }
}
