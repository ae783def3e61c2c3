import type { CommandGroup } from './command.ts';
import { peekLimit } from './limits/peek.ts';
import { resetLimit } from './limits/reset.ts';

/** Accounts of limits by hand. */
export const limits: CommandGroup = {
  name: 'limits',
  summary: 'Show what is left of a limit, and give it back',
  description:
    'Limits by hand: the account of one subject under one policy. Policies stand in the application, not in Redis, which knows how much is used and not how much there is.',
  commands: [peekLimit, resetLimit],
};
