import { startStores } from './stores.mjs';

/** One set of stores for a whole process. */
export const { clients, stop } = await startStores();
