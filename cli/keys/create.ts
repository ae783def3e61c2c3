import type { Quota } from '../../lib/client/quota.ts';
import { readArguments, wantNoMore, wantOneForm } from '../arguments.ts';
import type { CommandIo } from '../command.ts';
import { readDuration } from '../duration.ts';
import { Failure } from '../failure.ts';
import { printIssued } from './output.ts';
import { withKeys } from './session.ts';

const OPTIONS = {
  owner: { type: 'string' },
  scope: { type: 'string', multiple: true },
  limit: { type: 'string', multiple: true },
  config: { type: 'string' },
  'daily-quota': { type: 'string' },
  'expires-in': { type: 'string' },
  init: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  quiet: { type: 'boolean', default: false },
} as const;

const NEW_STORE = 'pass --init if it is new';

/** Issues a key and prints it. */
export async function createKey(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = readArguments(args, OPTIONS);
  wantNoMore(positionals);
  wantOneForm(values);
  const { owner, scope: scopes, limit = [], init, 'expires-in': expiresIn } = values;
  if (owner === undefined) throw new Failure(2, '--owner must be given');
  const limits = readLimits(limit);
  const config = values.config === undefined ? undefined : readJson(values.config);
  const dailyQuota = readQuota(values['daily-quota']);
  const lifeMs = expiresIn === undefined ? undefined : readDuration('--expires-in', expiresIn);
  return withKeys(io, { changes: true, mayBegin: init, whenEmpty: NEW_STORE }, async (session) => {
    const expiresAt = lifeMs === undefined ? undefined : session.kv.clock.now() + lifeMs;
    printIssued(await session.keys.create({ owner, scopes, limits, config, dailyQuota, expiresAt }), values, session);
    return 0;
  });
}

function readLimits(texts: readonly string[]): Readonly<Record<string, Quota>> {
  const limits = new Map<string, Quota>();
  for (const text of texts) {
    const [, policy, limit, windowMs] = /^([a-z][a-z0-9-]{0,31})=(\d{1,15})\/(\d{1,15})$/i.exec(text) ?? [];
    if (policy === undefined) {
      throw new Failure(2, '--limit must be <policy>=<limit>/<window in milliseconds>, such as key=100/60000');
    }
    if (limits.has(policy)) throw new Failure(2, '--limit must name each policy once');
    limits.set(policy, { limit: Number(limit), windowMs: Number(windowMs) });
  }
  return Object.fromEntries(limits);
}

function readQuota(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,9}$/.test(text)) throw new Failure(2, '--daily-quota must be a whole number of at least 1');
  return Number(text);
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Failure(2, '--config must be JSON');
  }
}
