import type { ConsoleSnapshot } from '../../../api/_console/snapshot.ts';
import type { MetricsSnapshot } from '../../../lib/guard/metrics/snapshot.ts';

/** The runtime that decides who may pass: the middleware where there is one, and otherwise the handlers. */
export function front(look: ConsoleSnapshot): MetricsSnapshot {
  return look.middleware ?? look.handler;
}

/**
 * Whether the counters of `now` go on from those of `before`. They do not where the process began again, or where another
 * runtime is the front by now.
 */
export function goesOn(before: MetricsSnapshot, now: MetricsSnapshot): boolean {
  return before.id === now.id && before.startedAt === now.startedAt && counted(now) >= counted(before);
}

/** So long a middleware that could not be asked is shown as it was. */
const UNHEARD_MS = 10_000;

/** `look`, with the middleware as it was in the one before where this one knows nothing of it: it was busy for once. */
export function withMiddleware(look: ConsoleSnapshot, before: ConsoleSnapshot | null): ConsoleSnapshot {
  if (look.middleware !== null || !before?.middleware) return look;
  if (before.handler.startedAt !== look.handler.startedAt || look.at - before.middleware.at > UNHEARD_MS) return look;
  return { ...look, middleware: before.middleware };
}

/** How often somebody has asked whether a request may pass. */
export function counted({ decisions: { allowed, limited, refused } }: MetricsSnapshot): number {
  return allowed + limited + refused;
}

/** Refusals for what can be seen of a request: nobody is asked before them. */
const WITHOUT_ASKING = ['path-malformed', 'address-denied', 'api-key-missing', 'api-key-malformed', 'misconfigured'];

/** Of these, those that rest on what Redis says, or has said. */
export function checks(metrics: MetricsSnapshot): number {
  const { byCode } = metrics.decisions;
  return counted(metrics) - WITHOUT_ASKING.reduce((sum, code) => sum + (byCode[code] ?? 0), 0);
}

/** Requests to Redis that were sent. */
export function sentRequests({ requests: { success, failure, neutral } }: MetricsSnapshot): number {
  return success + failure + neutral;
}

/** Whether `value` can be read as a look: another version of the server may have sent it. */
export function isLook(value: unknown): value is ConsoleSnapshot {
  if (typeof value !== 'object' || value === null) return false;
  const { at, handler, store } = value as Partial<Record<keyof ConsoleSnapshot, unknown>>;
  return typeof at === 'number' && typeof store === 'object' && store !== null && isMetrics(handler);
}

function isMetrics(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { startedAt, decisions, circuit } = value as Partial<Record<keyof MetricsSnapshot, unknown>>;
  return typeof startedAt === 'number' && typeof decisions === 'object' && typeof circuit === 'object';
}
