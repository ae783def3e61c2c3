// Fengari ships no types. Declared here: what the Lua engine uses.

declare module 'fengari' {
  /** A Lua thread. Everything happens on its stack. */
  export interface LuaState {
    readonly luaState: unique symbol;
  }
  export type LuaFunction = (state: LuaState) => number;
  export interface LuaDebug {
    readonly source: Uint8Array;
    readonly what: Uint8Array;
    readonly currentline: number;
  }

  interface Lua {
    readonly LUA_OK: 0;
    readonly LUA_MULTRET: -1;
    readonly LUA_REGISTRYINDEX: number;
    readonly LUA_MASKCOUNT: number;
    readonly LUA_TNIL: number;
    readonly LUA_TBOOLEAN: number;
    readonly LUA_TNUMBER: number;
    readonly LUA_TSTRING: number;
    readonly LUA_TTABLE: number;
    readonly LUA_TLIGHTUSERDATA: number;
    readonly lua_Debug: new () => LuaDebug;
    lua_atnativeerror(state: LuaState, handler: LuaFunction): unknown;
    lua_createtable(state: LuaState, items: number, fields: number): void;
    lua_error(state: LuaState): never;
    lua_getinfo(state: LuaState, what: Uint8Array, record: LuaDebug): number;
    lua_getstack(state: LuaState, level: number, record: LuaDebug): number;
    lua_gettop(state: LuaState): number;
    lua_insert(state: LuaState, index: number): void;
    lua_next(state: LuaState, index: number): number;
    lua_pcall(state: LuaState, args: number, results: number, handler: number): number;
    lua_pop(state: LuaState, count: number): void;
    lua_pushboolean(state: LuaState, value: boolean): void;
    lua_pushcfunction(state: LuaState, value: LuaFunction): void;
    lua_pushlightuserdata(state: LuaState, value: unknown): void;
    lua_pushnil(state: LuaState): void;
    lua_pushnumber(state: LuaState, value: number): void;
    lua_pushstring(state: LuaState, value: Uint8Array): void;
    lua_pushvalue(state: LuaState, index: number): void;
    lua_rawget(state: LuaState, index: number): number;
    lua_rawgeti(state: LuaState, index: number, key: number): number;
    lua_rawset(state: LuaState, index: number): void;
    lua_rawseti(state: LuaState, index: number, key: number): void;
    lua_sethook(
      state: LuaState,
      hook: ((state: LuaState, record: LuaDebug) => void) | null,
      mask: number,
      count: number,
    ): void;
    lua_setglobal(state: LuaState, name: Uint8Array): void;
    lua_settop(state: LuaState, index: number): void;
    lua_setupvalue(state: LuaState, index: number, which: number): Uint8Array | null;
    lua_toboolean(state: LuaState, index: number): boolean;
    lua_tonumber(state: LuaState, index: number): number;
    lua_tostring(state: LuaState, index: number): Uint8Array | null;
    lua_touserdata(state: LuaState, index: number): unknown;
    lua_type(state: LuaState, index: number): number;
    lua_typename(state: LuaState, type: number): Uint8Array;
  }

  interface LuaAuxiliary {
    luaL_checkstack(state: LuaState, count: number, message: Uint8Array | null): void;
    luaL_error(state: LuaState, message: Uint8Array): never;
    luaL_loadbuffer(state: LuaState, chunk: Uint8Array, size: number, name: Uint8Array): number;
    luaL_newstate(): LuaState;
    luaL_ref(state: LuaState, table: number): number;
    luaL_unref(state: LuaState, table: number, reference: number): void;
    luaL_where(state: LuaState, level: number): void;
  }

  const fengari: {
    readonly lua: Lua;
    readonly lauxlib: LuaAuxiliary;
    readonly lualib: { luaL_openlibs(state: LuaState): void };
  };
  export default fengari;
}

declare module 'fengari/src/lobject.js' {
  import type { LuaState } from 'fengari';

  export interface LuaValue {
    readonly value: unknown;
    ttisinteger(): boolean;
    setfltvalue(value: number): void;
    setsvalue(value: unknown): void;
  }
  const lobject: {
    luaO_str2num: (text: Uint8Array, target: LuaValue) => number;
    luaO_tostring: (state: LuaState, value: LuaValue) => void;
  };
  export default lobject;
}

declare module 'fengari/src/lstring.js' {
  import type { LuaState } from 'fengari';

  const lstring: { luaS_bless(state: LuaState, text: Uint8Array): unknown };
  export default lstring;
}
