export type {
  UnstorageDriver,
  UnstorageDriverOptions,
  UnstorageItem,
  UnstorageItemOptions,
} from './adapters/unstorage.ts';
export { unstorageDriver } from './adapters/unstorage.ts';
