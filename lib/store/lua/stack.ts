import fengari, { type LuaFunction, type LuaState } from 'fengari';
import { formatDouble } from '../memory/numbers.ts';
import { toInteger } from '../memory/script-reply.ts';
import { decodeText, encodeText } from '../memory/text-bytes.ts';
import { isErrorReply, type Reply } from '../store.ts';

const { lua, lauxlib } = fengari;

export function pushText(state: LuaState, text: string): void {
  lua.lua_pushstring(state, encodeText(text));
}

export function pushTexts(state: LuaState, texts: readonly string[]): void {
  lua.lua_createtable(state, texts.length, 0);
  for (const [index, text] of texts.entries()) {
    pushText(state, text);
    lua.lua_rawseti(state, -2, index + 1);
  }
}

/** Sets a field of the table on top of the stack. */
export function setField(state: LuaState, name: string, push: () => void): void {
  pushText(state, name);
  push();
  lua.lua_rawset(state, -3);
}

export function setFunction(state: LuaState, name: string, run: LuaFunction): void {
  setField(state, name, () => lua.lua_pushcfunction(state, run));
}

/** The string or number at `index`. */
export function textAt(state: LuaState, index: number): string | undefined {
  const type = lua.lua_type(state, index);
  if (type === lua.LUA_TNUMBER) return formatDouble(lua.lua_tonumber(state, index));
  return type === lua.LUA_TSTRING ? decodeText(lua.lua_tostring(state, index) ?? new Uint8Array()) : undefined;
}

/** The field of the table at `index` if it is a string. */
export function textField(state: LuaState, index: number, name: string): string | undefined {
  lua.lua_pushvalue(state, index);
  pushText(state, name);
  const type = lua.lua_rawget(state, -2);
  const text = type === lua.LUA_TSTRING ? textAt(state, -1) : undefined;
  lua.lua_pop(state, 2);
  return text;
}

/** What Lua sees of a reply: nil is `false`, so that a table can hold it. */
export function pushReply(state: LuaState, reply: Reply): void {
  lauxlib.luaL_checkstack(state, 4, null);
  if (reply === null) lua.lua_pushboolean(state, false);
  else if (typeof reply === 'number') lua.lua_pushnumber(state, reply);
  else if (typeof reply === 'string') pushText(state, reply);
  else if (isErrorReply(reply)) pushNamed(state, 'err', reply.error);
  else {
    lua.lua_createtable(state, reply.length, 0);
    for (const [index, item] of reply.entries()) {
      pushReply(state, item);
      lua.lua_rawseti(state, -2, index + 1);
    }
  }
}

/** `{ [name] = text }`: how Lua sees errors (`err`) and simple strings (`ok`). */
export function pushNamed(state: LuaState, name: string, text: string): void {
  lua.lua_createtable(state, 0, 1);
  setField(state, name, () => pushText(state, text));
}

/** Deeper than any reply that a client can read. */
const MAX_DEPTH = 100;

/** What Redis sees of the value on top of the stack, which it removes. */
export function popReply(state: LuaState, depth = 0): Reply {
  lauxlib.luaL_checkstack(state, 4, null);
  const reply = replyAt(state, depth);
  lua.lua_pop(state, 1);
  return reply;
}

function replyAt(state: LuaState, depth: number): Reply {
  const type = lua.lua_type(state, -1);
  if (type === lua.LUA_TNUMBER) return toInteger(lua.lua_tonumber(state, -1));
  if (type === lua.LUA_TSTRING) return textAt(state, -1) ?? null;
  if (type === lua.LUA_TBOOLEAN) return lua.lua_toboolean(state, -1) ? 1 : null;
  return type === lua.LUA_TTABLE ? tableReply(state, depth) : null;
}

function tableReply(state: LuaState, depth: number): Reply {
  const error = textField(state, -1, 'err');
  if (error !== undefined) return { error };
  const status = textField(state, -1, 'ok');
  if (status !== undefined) return status;
  if (depth === MAX_DEPTH) return { error: 'ERR reached lua stack limit' };
  const items: Reply[] = [];
  while (lua.lua_rawgeti(state, -1, items.length + 1) !== lua.LUA_TNIL) items.push(popReply(state, depth + 1));
  lua.lua_pop(state, 1);
  return items;
}
