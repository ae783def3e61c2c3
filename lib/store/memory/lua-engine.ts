import type { Argument, Reply } from '../store.ts';

/** A script that has been compiled. */
export interface LuaScript {
  readonly text: string;
  /** SHA-1 of the text in lower-case hexadecimal. */
  readonly sha1: string;
}

/** One run of a script. */
export interface LuaRun extends LuaScript {
  readonly keys: readonly string[];
  readonly args: readonly string[];
  /** `redis.pcall`: answers an `ErrorReply` where the command is refused. */
  readonly call: (name: string, ...args: Argument[]) => Reply;
}

/** Runs Lua for scripts that have no TypeScript twin. Synchronous, because a script is atomic. */
export interface LuaEngine {
  /** Why the script does not compile, in the words of a reply; `undefined` when it does. */
  refusal(script: LuaScript): string | undefined;
  /** Answers an `ErrorReply` where the script fails; what it wrote before stays, as in Redis. */
  run(script: LuaRun): Reply;
}
