import type { Revocation } from '../../lib/keys/api-keys.ts';
import type { ApiKey } from '../../lib/keys/record.ts';
import type { IssuedKey, ManagedKey } from '../../lib/keys/registry.ts';
import type { DayUsage } from '../../lib/keys/usage.ts';
import { flag, type Option } from '../option.ts';
import { json, visible } from '../printable.ts';
import type { KeysSession } from './session.ts';

export const QUIET_OPTION: Option<boolean> = flag('print the key alone', { excludes: 'json' });

export interface Form {
  readonly json: boolean;
  readonly quiet: boolean;
}

/** Prints a new key, once, and nothing else on standard output. */
export function printIssued(issued: IssuedKey<unknown>, form: Form, { io, hasPepper }: KeysSession): void {
  const { key, record } = issued;
  io.print(form.json ? json(issued) : key);
  if (form.quiet) return;
  if (!hasPepper) {
    io.complain(
      'BREAKWATER_KEY_PEPPER is not set: the key is stored as plain SHA-256, and an application with a pepper does not know it',
    );
  }
  if (!form.json) io.complain(`${record.id}, of ${visible(record.owner)}. The key is shown this once: keep it now.`);
}

/** All that is known of a key, one thing a line. */
export function describeKey(key: ManagedKey): readonly string[] {
  const limits = Object.entries(key.limits).map(
    ([policy, { limit, windowMs, burst }]) =>
      `${policy}=${limit}/${windowMs}${burst === undefined ? '' : ` burst ${burst}`}`,
  );
  const rows: readonly (readonly [string, string])[] = [
    ['id', key.id],
    ['status', key.status],
    ['key', key.display],
    ['owner', key.owner],
    ['scopes', key.scopes.join(' ') || 'none'],
    ['limits', limits.join(' ') || 'none'],
    ['daily quota', key.dailyQuota === null ? 'none' : String(key.dailyQuota)],
    ['config', JSON.stringify(key.config)],
    ['created', dateText(key.createdAt)],
    ['expires', key.expiresAt === null ? 'never' : dateText(key.expiresAt)],
    ['generation', String(key.generation)],
  ];
  return rows.map(([name, value]) => `${name.padEnd(12)}${visible(value)}`);
}

/** One line for each day. */
export function tabulateUsage(usage: readonly DayUsage[]): readonly string[] {
  return usage.map(({ day, count }) => `${day}  ${count}`);
}

/** One line for each key, under a line that names what is in them. */
export function tabulateKeys(keys: readonly ApiKey[]): readonly string[] {
  const rows = [
    ['ID', 'KEY', 'CREATED', 'EXPIRES', 'OWNER'],
    ...keys.map(({ id, display, createdAt, expiresAt, owner }) =>
      [id, display, dateText(createdAt), expiresAt === null ? 'never' : dateText(expiresAt), owner].map(visible),
    ),
  ];
  // Not all as arguments of one call: it takes some hundred thousand, and there may be more keys.
  const widths = [0, 1, 2, 3, 4].map((column) =>
    rows.reduce((width, row) => Math.max(width, row[column]?.length ?? 0), 0),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

export interface RevocationBounds {
  readonly entryTtlMs: number;
  readonly freshMs: number;
}

/** How long others may still let a revoked key pass. */
export function revocationBound({ propagated }: Revocation, { entryTtlMs, freshMs }: RevocationBounds): string {
  return propagated
    ? `Other processes refuse it as soon as they ask Redis, within ${seconds(freshMs)}`
    : `Redis could not be told: other processes may let it pass on what is cached, for at most ${seconds(entryTtlMs + freshMs)}`;
}

function seconds(ms: number): string {
  return `${Math.ceil(ms / 1_000)} s`;
}

function dateText(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString();
}
