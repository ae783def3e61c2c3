export type { LuaEngine, LuaRun } from './lua-engine.ts';
export { type MemoryStoreOptions, memoryStore } from './memory-store.ts';
