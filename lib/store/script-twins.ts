import type { Argument, Reply } from './store.ts';

/** What a script may do: the counterpart of `redis.call`, which throws when the command fails. */
export interface ScriptContext {
  call(name: string, ...args: Argument[]): Exclude<Reply, { readonly error: string }>;
}

/** The TypeScript form of a Lua script. Runs atomically, so it is synchronous. */
export type ScriptTwin = (redis: ScriptContext, keys: readonly string[], args: readonly string[]) => Reply;

const twins = new Map<string, ScriptTwin>();

/**
 * Tells the memory store how to run a Lua script that it is sent: it knows scripts by their text, as Redis does.
 * One twin per text; registering the same text again replaces it.
 */
export function registerTwin(lua: string, twin: ScriptTwin): void {
  twins.set(lua, twin);
}

export function findTwin(lua: string): ScriptTwin | undefined {
  return twins.get(lua);
}
