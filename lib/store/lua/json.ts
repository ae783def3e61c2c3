import fengari, { type LuaState } from 'fengari';
import { decodeText } from '../memory/text-bytes.ts';
import { luaNumberText } from './numbers-as-in-5-1.ts';
import { pushText, setField, setFunction, textAt } from './stack.ts';

const { lua, lauxlib } = fengari;

/** JSON's null, which a Lua table cannot hold as nil. */
const NULL = { name: 'cjson.null' };
const MAX_DEPTH = 1_000;

/** Leaves the table `cjson` on the stack. */
export function pushJsonLibrary(state: LuaState): void {
  lua.lua_createtable(state, 0, 3);
  setField(state, 'null', () => lua.lua_pushlightuserdata(state, NULL));
  setFunction(state, 'encode', (thread) => {
    if (lua.lua_gettop(thread) !== 1) fail(thread, "bad argument #1 to 'encode' (expected 1 argument)");
    pushText(thread, encode(thread, 0));
    return 1;
  });
  setFunction(state, 'decode', (thread) => {
    const text = lua.lua_gettop(thread) === 1 ? textAt(thread, 1) : undefined;
    if (text === undefined) fail(thread, "bad argument #1 to 'decode' (string expected)");
    pushJson(thread, parse(thread, text), 0);
    return 1;
  });
}

/** The JSON of the value on top of the stack. */
function encode(state: LuaState, depth: number): string {
  lauxlib.luaL_checkstack(state, 4, null);
  const type = lua.lua_type(state, -1);
  if (type === lua.LUA_TNIL) return 'null';
  if (type === lua.LUA_TBOOLEAN) return String(lua.lua_toboolean(state, -1));
  if (type === lua.LUA_TSTRING) return quote(textAt(state, -1) ?? '');
  if (type === lua.LUA_TNUMBER) return encodeNumber(state, lua.lua_tonumber(state, -1));
  if (type === lua.LUA_TLIGHTUSERDATA && lua.lua_touserdata(state, -1) === NULL) return 'null';
  if (type !== lua.LUA_TTABLE) {
    return fail(state, `Cannot serialise ${decodeText(lua.lua_typename(state, type))}: type not supported`);
  }
  if (depth === MAX_DEPTH) return fail(state, `Cannot serialise, excessive depth (${depth + 1})`);
  const length = arrayLength(state);
  return length === undefined ? encodeObject(state, depth) : encodeArray(state, length, depth);
}

function encodeNumber(state: LuaState, value: number): string {
  return Number.isFinite(value) ? luaNumberText(value) : fail(state, 'Cannot serialise number: must not be NaN or Inf');
}

/** A table is an array if all its keys are positive integers and there is at least one. */
function arrayLength(state: LuaState): number | undefined {
  let last = 0;
  let count = 0;
  let isArray = true;
  lua.lua_pushnil(state);
  while (lua.lua_next(state, -2) !== 0) {
    const key = lua.lua_type(state, -2) === lua.LUA_TNUMBER ? lua.lua_tonumber(state, -2) : 0;
    isArray &&= Number.isInteger(key) && key > 0;
    last = Math.max(last, key);
    count += 1;
    lua.lua_pop(state, 1);
  }
  if (!isArray || count === 0) return undefined;
  if (last > 10 && last > count * 2) return fail(state, 'Cannot serialise table: excessively sparse array');
  return last;
}

function encodeArray(state: LuaState, length: number, depth: number): string {
  const items: string[] = [];
  for (let index = 1; index <= length; index += 1) {
    lua.lua_rawgeti(state, -1, index);
    items.push(encode(state, depth + 1));
    lua.lua_pop(state, 1);
  }
  return `[${items.join(',')}]`;
}

function encodeObject(state: LuaState, depth: number): string {
  const fields: string[] = [];
  lua.lua_pushnil(state);
  while (lua.lua_next(state, -2) !== 0) {
    const isNumber = lua.lua_type(state, -2) === lua.LUA_TNUMBER;
    const name = isNumber ? encodeNumber(state, lua.lua_tonumber(state, -2)) : textAt(state, -2);
    if (name === undefined) fail(state, 'Cannot serialise table: table key must be a number or string');
    fields.push(`${quote(name)}:${encode(state, depth + 1)}`);
    lua.lua_pop(state, 1);
  }
  return `{${fields.join(',')}}`;
}

/** As lua-cjson escapes, which includes the slash. */
function quote(text: string): string {
  return JSON.stringify(text).replaceAll('/', '\\/').replaceAll('\x7f', '\\u007f');
}

function parse(state: LuaState, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return fail(state, 'Expected value but found invalid token at character 1');
  }
}

function pushJson(state: LuaState, value: unknown, depth: number): void {
  if (depth > MAX_DEPTH) fail(state, `Found too many nested data structures (${depth})`);
  lauxlib.luaL_checkstack(state, 4, null);
  if (value === null) lua.lua_pushlightuserdata(state, NULL);
  else if (typeof value === 'boolean') lua.lua_pushboolean(state, value);
  else if (typeof value === 'number') lua.lua_pushnumber(state, value);
  else if (typeof value === 'string') pushText(state, value);
  else if (Array.isArray(value)) {
    lua.lua_createtable(state, value.length, 0);
    for (const [index, item] of value.entries()) {
      pushJson(state, item, depth + 1);
      lua.lua_rawseti(state, -2, index + 1);
    }
  } else {
    lua.lua_createtable(state, 0, 0);
    for (const [name, item] of Object.entries(Object(value))) {
      setField(state, name, () => pushJson(state, item, depth + 1));
    }
  }
}

function fail(state: LuaState, message: string): never {
  lauxlib.luaL_where(state, 1);
  const where = textAt(state, -1) ?? '';
  pushText(state, where + message);
  return lua.lua_error(state);
}
