export type { KeyvStore, KeyvStoreEntry, KeyvStoreOptions } from './adapters/keyv.ts';
export { keyvStore } from './adapters/keyv.ts';
