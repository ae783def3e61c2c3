export type { BentocacheDriver, BentocacheDriverConfig, BentocacheDriverOptions } from './adapters/bentocache.ts';
export { bentocacheDriver } from './adapters/bentocache.ts';
