import { memoryStore } from '../../lib/store/memory/index.ts';
import { storeContract } from './store-contract.ts';

storeContract('memory', async () => memoryStore());
