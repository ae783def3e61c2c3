import type { CliCommand } from './command.ts';
import { Failure } from './failure.ts';
import { mayHoldKey } from './key-in-text.ts';
import { createKey } from './keys/create.ts';
import { listKeys } from './keys/list.ts';
import { revokeKey } from './keys/revoke.ts';
import { rotateKey } from './keys/rotate.ts';
import { showKey } from './keys/show.ts';
import { KEY_VARIABLE, NO_KEY_IN_ARGUMENTS } from './keys/target.ts';
import { keyUsage } from './keys/usage.ts';
import { runSubcommand, type Subcommand } from './subcommands.ts';

const USAGE = `breakwater keys create --owner NAME [--scope SCOPE]... [--limit POLICY=LIMIT/WINDOW_MS]...
                         [--daily-quota N] [--config JSON] [--expires-in 30d] [--init]
                         [--json | --quiet]
       breakwater keys list [--limit N] [--after ID] [--json]
       breakwater keys show ID [--json]
       breakwater keys usage ID [--days N] [--json]
       breakwater keys rotate ID [--grace 1h] [--json | --quiet]
       breakwater keys revoke ID [--json]

  ID            the id of a key, key_…, or - to read it, or the key itself, from standard
                input; --from-env in its place takes it from ${KEY_VARIABLE}
  --owner       whose key it is
  --scope       what it may do; as often as needed
  --limit       create: other numbers for a policy; as often as needed
                list: keys at most, 1000 without it
  --daily-quota requests of a day of UTC; any number without it
  --config      the application's own payload
  --expires-in  how long it works, a number of s, m, h or d; for ever without it
  --grace       how long the key before goes on working; not at all without it
  --init        the store is new: without it a store that holds no keys is refused, for it
                may have lost them
  --days        of how many days, today first; 30 without it
  --after       go on after this key
  --json        print one JSON document
  --quiet       print the key alone

The Redis is the one that the environment names, as for the application. A new key goes to
standard output, once; all else about it goes to standard error.

Exit status: 0 done; 1 Redis could not be asked, or holds no keys at all; 2 wrong arguments
or environment; 3 no such key.`;

const SUBCOMMANDS: Readonly<Record<string, Subcommand>> = {
  create: createKey,
  list: listKeys,
  show: showKey,
  usage: keyUsage,
  rotate: rotateKey,
  revoke: revokeKey,
};

/** API keys by hand. */
export const keys: CliCommand = {
  summary: 'Create, list, show, rotate and revoke API keys',
  usage: USAGE,
  run: runSubcommand({
    name: 'keys',
    subcommands: SUBCOMMANDS,
    check(args) {
      if (args.some(mayHoldKey)) throw new Failure(2, NO_KEY_IN_ARGUMENTS);
    },
  }),
};
