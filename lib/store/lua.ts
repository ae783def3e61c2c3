import fengari, { type LuaState } from 'fengari';
import { pushJsonLibrary } from './lua/json.ts';
import { withLua51Numbers } from './lua/numbers-as-in-5-1.ts';
import { PRELUDE } from './lua/prelude.ts';
import { pushRedisLibrary } from './lua/redis-library.ts';
import { popReply, pushText, pushTexts, setField, textAt, textField } from './lua/stack.ts';
import type { LuaEngine, LuaRun, LuaScript } from './memory/lua-engine.ts';
import { decodeText, encodeText } from './memory/text-bytes.ts';
import type { Reply } from './store.ts';

const { lua, lauxlib, lualib } = fengari;

/** Bounds of scripts. Wrong ones throw a ConfigError. */
export interface FengariEngineOptions {
  /** Lua instructions after which a script is stopped. @default 10_000_000, some seconds */
  readonly maxSteps?: number | undefined;
}

/**
 * Runs Redis scripts in a Lua interpreter written in JavaScript, for `memoryStore({ lua })`. Node only; needs the
 * package `fengari`.
 *
 * Behaves as the Lua 5.1 of Redis 7.0. Not there: the libraries `bit`, `struct` and `cmsgpack`, `redis.sha1hex`,
 * strings that are not UTF-8 in commands and replies. The flags of a `#!lua` line are not enforced.
 *
 * @example
 * ```ts
 * const store = memoryStore({ lua: fengariEngine() });
 * await store.execute([['EVAL', "return redis.call('INCR', KEYS[1])", 1, 'hits']]); // [1]
 * ```
 */
export function fengariEngine({ maxSteps = 10_000_000 }: FengariEngineOptions = {}): LuaEngine {
  let interpreter: ReturnType<typeof createInterpreter> | undefined;
  const interpret = () => {
    interpreter ??= createInterpreter();
    return interpreter;
  };
  return {
    refusal: (script) => withLua51Numbers(() => interpret().refusal(script)),
    run: (script) => withLua51Numbers(() => interpret().run(script, maxSteps)),
  };
}

/** As Redis calls scripts; the `@` says that it is a name and not the text. */
const CHUNK_NAME = '@user_script';
/** Compiled scripts kept. */
const MAX_COMPILED = 500;
/** Instructions between two looks at the step count. */
const STEP = 1_000;

function createInterpreter() {
  const state = lauxlib.luaL_newstate();
  let current: LuaRun | undefined;
  const environment = prepare(state, () => {
    if (current === undefined) throw new Error('No script is running');
    return current;
  });
  // References into Lua's registry.
  const compiled = new Map<string, number>();

  /** Leaves the script's function on the stack, or answers why it does not compile. */
  const compile = ({ text, sha1 }: LuaScript): string | undefined => {
    const known = compiled.get(sha1);
    if (known !== undefined) {
      lua.lua_rawgeti(state, lua.LUA_REGISTRYINDEX, known);
      return undefined;
    }
    // The first line keeps its place in line numbers.
    const chunk = encodeText(text.startsWith('#!') ? text.replace(/^.*/, '') : text);
    if (lauxlib.luaL_loadbuffer(state, chunk, chunk.length, encodeText(CHUNK_NAME)) !== lua.LUA_OK) {
      return `ERR Error compiling script (new function): ${textAt(state, -1)}`;
    }
    lua.lua_rawgeti(state, lua.LUA_REGISTRYINDEX, environment);
    lua.lua_setupvalue(state, -2, 1);
    lua.lua_pushvalue(state, -1);
    compiled.set(sha1, lauxlib.luaL_ref(state, lua.LUA_REGISTRYINDEX));
    for (const [oldest, reference] of compiled) {
      if (compiled.size <= MAX_COMPILED) break;
      lauxlib.luaL_unref(state, lua.LUA_REGISTRYINDEX, reference);
      compiled.delete(oldest);
    }
    return undefined;
  };

  return {
    refusal(script: LuaScript): string | undefined {
      try {
        return compile(script);
      } finally {
        lua.lua_settop(state, 0);
      }
    },
    run(script: LuaRun, maxSteps: number): Reply {
      current = script;
      try {
        setGlobalTexts(state, 'KEYS', script.keys);
        setGlobalTexts(state, 'ARGV', script.args);
        lua.lua_pushcfunction(state, describeError);
        const refusal = compile(script);
        if (refusal !== undefined) return { error: refusal };
        limitSteps(state, maxSteps);
        const failed = lua.lua_pcall(state, 0, 1, -2) !== lua.LUA_OK;
        lua.lua_sethook(state, null, 0, 0);
        return failed ? { error: failureText(state, script.sha1) } : popReply(state);
      } finally {
        lua.lua_settop(state, 0);
        current = undefined;
      }
    },
  };
}

/** Loads the libraries. @returns the reference of the environment in which scripts run */
function prepare(state: LuaState, script: () => LuaRun): number {
  lualib.luaL_openlibs(state);
  // A JavaScript exception inside Lua, such as a stack overflow, is an error of the script.
  lua.lua_atnativeerror(state, (thread) => {
    const error = lua.lua_touserdata(thread, 1);
    pushText(thread, error instanceof Error ? error.message : 'unknown error');
    return 1;
  });
  pushRedisLibrary(state, script);
  lua.lua_setglobal(state, encodeText('redis'));
  pushJsonLibrary(state);
  lua.lua_setglobal(state, encodeText('cjson'));
  const prelude = encodeText(PRELUDE);
  const status = lauxlib.luaL_loadbuffer(state, prelude, prelude.length, encodeText('=prelude'));
  lua.lua_rawgeti(state, lua.LUA_REGISTRYINDEX, GLOBALS);
  if (status !== lua.LUA_OK || lua.lua_pcall(state, 1, 1, 0) !== lua.LUA_OK) {
    throw new Error(`The Lua prelude failed: ${textAt(state, -1)}`);
  }
  return lauxlib.luaL_ref(state, lua.LUA_REGISTRYINDEX);
}

/** Where Lua keeps its globals: LUA_RIDX_GLOBALS. */
const GLOBALS = 2;

function setGlobalTexts(state: LuaState, name: string, texts: readonly string[]): void {
  pushTexts(state, texts);
  lua.lua_setglobal(state, encodeText(name));
}

function limitSteps(state: LuaState, maxSteps: number): void {
  let steps = 0;
  const stop = (thread: LuaState) => {
    steps += STEP;
    if (steps < maxSteps) return;
    // From here on every instruction fails, so that a `pcall` within the script does not keep it alive.
    lua.lua_sethook(state, stop, lua.LUA_MASKCOUNT, 1);
    lua.lua_sethook(thread, stop, lua.LUA_MASKCOUNT, 1);
    lauxlib.luaL_error(thread, encodeText(`script stopped: it ran for more than ${maxSteps} instructions`));
  };
  lua.lua_sethook(state, stop, lua.LUA_MASKCOUNT, Math.min(STEP, maxSteps));
}

/** The message handler: notes where an error arose, as Redis does. */
function describeError(state: LuaState): number {
  if (lua.lua_type(state, 1) !== lua.LUA_TTABLE) {
    const text = textAt(state, 1) ?? 'unknown error';
    lua.lua_createtable(state, 0, 2);
    setField(state, 'err', () => pushText(state, `ERR ${text}`));
  } else lua.lua_pushvalue(state, 1);
  const record = new lua.lua_Debug();
  for (let level = 1; lua.lua_getstack(state, level, record) !== 0; level += 1) {
    lua.lua_getinfo(state, encodeText('Sl'), record);
    if (decodeText(record.source) !== CHUNK_NAME) continue;
    setField(state, 'where', () => pushText(state, `${CHUNK_NAME}:${record.currentline}`));
    break;
  }
  return 1;
}

function failureText(state: LuaState, sha1: string): string {
  const text = textField(state, -1, 'err') ?? 'ERR unknown error';
  const where = textField(state, -1, 'where');
  return `${text} script: ${sha1}${where === undefined ? '' : `, on ${where}.`}`;
}
