import type { Quota } from '../../lib/client/quota.ts';
import { type CliCommand, declareCommand } from '../command.ts';
import { Failure } from '../failure.ts';
import { duration, flag, JSON_OPTION, requiredText, text, texts, whole } from '../option.ts';
import { KEYS_ENVIRONMENT } from '../redis-environment.ts';
import { printIssued, QUIET_OPTION } from './output.ts';
import { NO_KEYS_STATUS, withKeys } from './session.ts';

const NEW_STORE = 'pass --init if it is new';

/** Issues a key and prints it. */
export const createKey: CliCommand = declareCommand({
  name: 'create',
  summary: 'Issue a key, and print it this once',
  description: 'Issues an API key and prints it. Redis holds its digest only: nobody can show it again.',
  options: {
    owner: requiredText('name', 'whose key it is'),
    scope: texts('scope', 'what it may do; as often as needed'),
    limit: texts('policy=limit/windowMs', 'other numbers for a policy, the window in milliseconds; as often as needed'),
    dailyQuota: whole('count', 'requests of a day of UTC; any number without it', {
      ...{ from: 1, to: 9_999_999_999, initial: undefined },
    }),
    config: text('json', 'a payload of the application’s own'),
    expiresIn: duration('time', 'how long it works, such as 30d, 12h, 15m or 45s; for ever without it', undefined),
    init: flag('the store is new: without it a store that holds no keys is refused, for it may have lost them'),
    json: JSON_OPTION,
    quiet: QUIET_OPTION,
  },
  examples: [
    ['keys create --owner acme --scope read --init', 'the first key of a new store'],
    ['keys create --owner acme --limit key=100/60000 --expires-in 30d', '100 requests a minute, for 30 days'],
    ['keys create --owner acme --quiet > key.txt', 'the key alone'],
  ],
  environment: KEYS_ENVIRONMENT,
  statuses: NO_KEYS_STATUS,
  async run({ options }, io) {
    const { owner, scope: scopes, init, dailyQuota, expiresIn } = options;
    const limits = readLimits(options.limit);
    const config = options.config === undefined ? undefined : readJson(options.config);
    return withKeys(io, { changes: true, mayBegin: init, whenEmpty: NEW_STORE }, async (session) => {
      const expiresAt = expiresIn === undefined ? undefined : session.kv.clock.now() + expiresIn;
      printIssued(
        await session.keys.create({ owner, scopes, limits, config, dailyQuota, expiresAt }),
        options,
        session,
      );
      return 0;
    });
  },
});

function readLimits(given: readonly string[]): Readonly<Record<string, Quota>> {
  const limits = new Map<string, Quota>();
  for (const one of given) {
    const [, policy, limit, windowMs] = /^([a-z][a-z0-9-]{0,31})=(\d{1,15})\/(\d{1,15})$/i.exec(one) ?? [];
    if (policy === undefined) {
      throw new Failure(2, '--limit must be <policy>=<limit>/<window in milliseconds>, such as key=100/60000');
    }
    if (limits.has(policy)) throw new Failure(2, '--limit must name each policy once');
    limits.set(policy, { limit: Number(limit), windowMs: Number(windowMs) });
  }
  return Object.fromEntries(limits);
}

function readJson(given: string): unknown {
  try {
    return JSON.parse(given);
  } catch {
    throw new Failure(2, '--config must be JSON');
  }
}
