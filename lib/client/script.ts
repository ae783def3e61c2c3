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
  { script, keys, args }: ScriptCall,
  others: readonly Command[],
  options: CallOptions = {},
): Promise<readonly Result[]> {
  const tail = [keys.length, ...keys, ...args];
  const startedAt = kv.clock.monotonic();
  const results = await kv.execute([['EVALSHA', await script.sha1(), ...tail], ...others], options);
  const [first, ...rest] = results;
  if (!isNoScript(first)) return results;
  const limitMs = Math.min(options.timeoutMs ?? kv.requestTimeoutMs, kv.requestTimeoutMs);
  const timeoutMs = limitMs - (kv.clock.monotonic() - startedAt);
  const again = { ...options, timeoutMs: Math.max(1, timeoutMs) };
  return [...(await kv.execute([['EVAL', script.lua, ...tail]], again)), ...rest];
}
