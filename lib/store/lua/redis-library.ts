import fengari, { type LuaState } from 'fengari';
import type { LuaRun } from '../memory/lua-engine.ts';
import { isErrorReply, type Reply } from '../store.ts';
import { pushNamed, pushReply, setField, setFunction, textAt } from './stack.ts';

const { lua } = fengari;

/** Leaves the table `redis` on the stack. @param current The script that runs. */
export function pushRedisLibrary(state: LuaState, current: () => LuaRun): void {
  lua.lua_createtable(state, 0, 8);
  setFunction(state, 'call', (thread) => callRedis(thread, current(), true));
  setFunction(state, 'pcall', (thread) => callRedis(thread, current(), false));
  setFunction(state, 'error_reply', (thread) => {
    pushNamed(thread, 'err', errorText(singleText(thread)));
    return 1;
  });
  setFunction(state, 'status_reply', (thread) => {
    pushNamed(thread, 'ok', singleText(thread));
    return 1;
  });
  // There is no log, and nothing is replicated.
  setFunction(state, 'log', () => 0);
  setFunction(state, 'set_repl', () => 0);
  setFunction(state, 'replicate_commands', (thread) => {
    lua.lua_pushboolean(thread, true);
    return 1;
  });
  for (const [level, name] of ['LOG_DEBUG', 'LOG_VERBOSE', 'LOG_NOTICE', 'LOG_WARNING'].entries()) {
    setField(state, name, () => lua.lua_pushnumber(state, level));
  }
}

/** Throws a Lua error: a table with the field `err`. */
export function raise(state: LuaState, text: string): never {
  pushNamed(state, 'err', text);
  return lua.lua_error(state);
}

function callRedis(state: LuaState, run: LuaRun, raises: boolean): number {
  const refuse = (text: string) => (raises ? raise(state, text) : pushNamed(state, 'err', text));
  const count = lua.lua_gettop(state);
  if (count === 0) refuse('ERR Please specify at least one argument for this redis lib call');
  else {
    const words = Array.from({ length: count }, (_, index) => textAt(state, index + 1));
    const [name, ...args] = words.filter((word) => word !== undefined);
    if (name === undefined || args.length + 1 !== count) {
      refuse('ERR Lua redis lib command arguments must be strings or integers');
      return 1;
    }
    const reply = run.call(name, ...args);
    if (isErrorReply(reply)) refuse(reply.error);
    else if (isStatus(name, args, reply)) pushNamed(state, 'ok', reply);
    else pushReply(state, reply);
  }
  return 1;
}

const STATUS_COMMANDS: ReadonlySet<string> = new Set(
  'FLUSHALL FLUSHDB HMSET LSET LTRIM MSET PSETEX RENAME SETEX TYPE'.split(' '),
);

/** Replies here are plain strings; Lua tells simple strings from bulk strings. */
function isStatus(name: string, args: readonly string[], reply: Reply): reply is string {
  if (typeof reply !== 'string') return false;
  const upper = name.toUpperCase();
  if (upper === 'PING') return args.length === 0;
  if (upper === 'SET') return !args.slice(2).some((word) => word.toUpperCase() === 'GET');
  return STATUS_COMMANDS.has(upper);
}

function singleText(state: LuaState): string {
  const isSingle = lua.lua_gettop(state) === 1 && lua.lua_type(state, 1) === lua.LUA_TSTRING;
  return (isSingle ? textAt(state, 1) : undefined) ?? raise(state, 'ERR wrong number or type of arguments');
}

/** The first word of an error is its code. */
function errorText(text: string): string {
  if (text.startsWith('-')) return text.slice(1);
  return text.includes(' ') ? text : `ERR ${text}`;
}
