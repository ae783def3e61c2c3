export type { LuaEngine, LuaRun, LuaScript } from './lua-engine.ts';
export { type MemoryStoreOptions, memoryStore } from './memory-store.ts';
