import type { ConsoleSnapshot } from '../../../api/_console/snapshot.ts';
import type { BusyAccount, MetricsSnapshot } from '../../../lib/guard/metrics/snapshot.ts';
import { span, whole } from './format.ts';
import { front, goesOn } from './look.ts';
import { sayChange, sayOutage } from './words.ts';

export type Tone = 'plain' | 'good' | 'limited' | 'open';

/** A line of the log. */
export interface Happening {
  /** Unix milliseconds, by the clock of the server. */
  readonly at: number;
  readonly text: string;
  readonly tone: Tone;
}

/** More of them than this at once say nothing that the table does not. */
const MAX_LIMITED = 3;

/** What has happened between two looks, in the order in which it did. */
export function happeningsBetween(before: ConsoleSnapshot | null, now: ConsoleSnapshot): readonly Happening[] {
  const happenings: readonly Happening[] = [
    ...newProcess(before, now),
    ...outage(before, now),
    ...changes(before?.middleware ?? null, now.middleware, ''),
    ...changes(before?.handler ?? null, now.handler, now.middleware === null ? '' : 'In the handlers: '),
    ...limited(before, now),
  ];
  return happenings.toSorted((one, other) => one.at - other.at);
}

/** One that ran already when the one before was last seen is no successor of it: both serve, behind a load balancer. */
export function newProcess(before: ConsoleSnapshot | null, { at, handler }: ConsoleSnapshot): readonly Happening[] {
  if (before === null || (before.handler.id === handler.id && before.handler.startedAt === handler.startedAt))
    return [];
  return handler.startedAt > before.at
    ? [{ at: handler.startedAt, text: 'The process began again, and counts from 0.', tone: 'plain' }]
    : [{ at, text: 'Another process answers from now on, with counts of its own.', tone: 'plain' }];
}

function outage(before: ConsoleSnapshot | null, now: ConsoleSnapshot): readonly Happening[] {
  if (!now.demo || !before?.demo || now.demo.outage === before.demo.outage) return [];
  const tone = now.demo.outage === 'ok' ? 'good' : 'open';
  // Somewhere between the two looks: before what came of it.
  return [{ at: before.at, text: sayOutage(now.demo.outage), tone }];
}

function changes(before: MetricsSnapshot | null, now: MetricsSnapshot | null, where: string): readonly Happening[] {
  if (now === null) return [];
  const toldUntil = before?.startedAt === now.startedAt ? (before.transitions.at(-1)?.at ?? 0) : 0;
  const known =
    before?.startedAt === now.startedAt ? before.transitions.filter(({ at }) => at === toldUntil).length : 0;
  return now.transitions
    .filter(({ at }) => at >= toldUntil)
    .slice(known)
    .map((change) => ({
      at: change.at,
      text: where + sayChange(change),
      tone: change.to === 'OPEN' ? 'open' : change.to === 'CLOSED' ? 'good' : 'plain',
    }));
}

/** Accounts that have come to their end since the look before. */
function limited(before: ConsoleSnapshot | null, now: ConsoleSnapshot): readonly Happening[] {
  if (before === null || !goesOn(front(before), front(now))) return [];
  const already = new Set(front(before).busiest.filter(isLimited).map(nameOf));
  return front(now)
    .busiest.filter((account) => isLimited(account) && !already.has(nameOf(account)))
    .slice(0, MAX_LIMITED)
    .map((account) => ({ at: account.at, text: sayLimited(account), tone: 'limited' }));
}

function isLimited({ retryAfterMs }: BusyAccount): boolean {
  return retryAfterMs !== null;
}

function nameOf({ label, policy }: BusyAccount): string {
  return `${label} ${policy}`;
}

function sayLimited({ label, policy, limit, retryAfterMs, basis }: BusyAccount): string {
  const wait = retryAfterMs === null ? '' : ` for ${span(retryAfterMs)}`;
  const where = basis === 'local' ? ', as counted here' : '';
  return `${label} has used its ${whole(limit)} of policy “${policy}”${where}: 429${wait}.`;
}
