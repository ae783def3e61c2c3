import type { CommandGroup } from './command.ts';
import { createKey } from './keys/create.ts';
import { listKeys } from './keys/list.ts';
import { revokeKey } from './keys/revoke.ts';
import { rotateKey } from './keys/rotate.ts';
import { showKey } from './keys/show.ts';
import { keyUsage } from './keys/usage.ts';

/** API keys by hand. */
export const keys: CommandGroup = {
  name: 'keys',
  summary: 'Create, list, show, rotate and revoke API keys',
  description:
    'API keys by hand. A new key goes to standard output, once; all else that is said about it goes to standard error. A key is never an argument: its id is, key_….',
  commands: [createKey, listKeys, showKey, keyUsage, rotateKey, revokeKey],
};
