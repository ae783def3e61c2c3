import { isKvError } from '../errors.ts';
import { registerTwin, type ScriptTwin } from '../store/script-twins.ts';
import type { Argument, Command } from '../store/store.ts';
import type { CallOptions, Result, Value } from './call.ts';
import { isNoScript } from './classify.ts';
import { sha1Hex } from './crypto.ts';
import type { KvClient } from './kv-client.ts';

export interface ScriptDefinition {
  readonly name: string;
  /** Lua 5.1 for stock Redis 7.0 and later, Valkey and Upstash. All keys come in KEYS. */
  readonly lua: string;
  /** The same in TypeScript, for the memory store. */
  readonly memory: ScriptTwin;
}

export interface Script {
  readonly name: string;
  readonly lua: string;
  readonly sha1: () => Promise<string>;
}

export function defineScript({ name, lua, memory }: ScriptDefinition): Script {
  registerTwin(lua, memory);
  let sha1: Promise<string> | undefined;
  return {
    name,
    lua,
    sha1: () => {
      sha1 ??= sha1Hex(lua);
      return sha1;
    },
  };
}

export interface ScriptCall {
  readonly script: Script;
  readonly keys: readonly string[];
  readonly args: readonly Argument[];
}

/**
 * Runs a script atomically. One request; two when Redis does not know the script yet (EVALSHA, then EVAL), both within
 * one deadline.
 *
 * @throws CommandError when the script fails; CircuitOpenError, DeadlineError, StoreError when the store is away.
 */
export async function runScript(kv: KvClient, call: ScriptCall, options: CallOptions = {}): Promise<Value> {
  const [result] = await runScriptWith(kv, call, [], options);
  if (result instanceof Error) throw result;
  return result ?? null;
}

/** As {@link runScript}, with further commands in the same request. The script's result comes first. */
export async function runScriptWith(
  kv: KvClient,
  call: ScriptCall,
  others: readonly Command[],
  options: CallOptions = {},
): Promise<readonly Result[]> {
  return runScriptsWith(kv, [call], others, options);
}

/**
 * As {@link runScriptWith}, with several calls in one request, each atomic by itself. Their results come first, in order;
 * of a script that had to be sent again, and was lost then, that is why.
 */
export async function runScriptsWith(
  kv: KvClient,
  calls: readonly ScriptCall[],
  others: readonly Command[],
  options: CallOptions = {},
): Promise<readonly Result[]> {
  const startedAt = kv.clock.monotonic();
  const known: Command[] = [];
  for (const call of calls) known.push(['EVALSHA', await call.script.sha1(), ...tailOf(call)]);
  const results = await kv.execute([...known, ...others], options);
  const unknown = calls.filter((_, index) => isNoScript(results[index]));
  if (unknown.length === 0) return results;
  const limitMs = Math.min(options.timeoutMs ?? kv.requestTimeoutMs, kv.requestTimeoutMs);
  const timeoutMs = Math.max(1, limitMs - (kv.clock.monotonic() - startedAt));
  const texts = unknown.map((call): Command => ['EVAL', call.script.lua, ...tailOf(call)]);
  const again = await kv.execute(texts, { ...options, timeoutMs }).then(
    (replies) => [...replies],
    (error: unknown) => {
      if (!isKvError(error)) throw error;
      // What came with them has run all the same.
      return unknown.map(() => error);
    },
  );
  return results.map((result) => {
    if (!isNoScript(result)) return result;
    const answer = again.shift();
    // A script may well answer null.
    return answer === undefined ? result : answer;
  });
}

function tailOf({ keys, args }: ScriptCall): readonly Argument[] {
  return [keys.length, ...keys, ...args];
}
