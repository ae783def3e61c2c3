import { ConfigError, isKvError } from './errors.ts';
import type { BreakwaterEvent } from './events.ts';

/** The line that an event is worth, in the words that operators already search for. */
export function logLine(event: BreakwaterEvent): string | undefined {
  switch (event.type) {
    case 'circuit':
      return `[KV Circuit Breaker] Circuit is ${circuitLine(event)}`;
    case 'source':
      return `[Keys] The circuit of the source is ${circuitLine(event)}`;
    case 'config':
      return `[KV] Failed to authenticate or authorise: ${event.problem}`;
    case 'quota':
      return '[KV] Failed to execute: the quota of the plan is used up, or the database is suspended';
    case 'slow':
      return `[KV] Slow: ${event.commands} commands took ${Math.round(event.durationMs)} ms (${event.names.join(' ')})`;
    case 'plan':
      return event.resource === 'commands'
        ? `[KV] This process has used ${event.share * 100} % of the plan's commands for today (${event.used} of ${event.limit})`
        : `[KV] Redis holds ${event.share * 100} % of the plan's bytes (${event.used} of ${event.limit})`;
    case 'fallback':
      return `[Rate Limit] KV unavailable for key [redacted], counting in this process (${event.reason})`;
    case 'recovered':
      return '[Rate Limit] KV is back, counting there again';
    case 'unreadable':
      return `[KV] Failed to read a record (${event.feature}): ${event.problem}`;
    case 'subscription':
      return event.state === 'lost'
        ? `[PubSub] A subscription hears nothing (${event.reason}), connecting again`
        : '[PubSub] A subscription hears again, and has missed what was published meanwhile';
    case 'keys-lost':
      return '[KV] Failed to verify an API key: the store holds no keys at all. It is new, or it has lost its data';
    case 'reported':
      return `[Guard] Report mode: let a request pass that would be answered ${event.status} ${event.code}`;
    case 'client-unknown':
      return '[Rate Limit] No trustworthy client address: set CLIENT_IP_SOURCE or TRUSTED_PROXIES. All such clients share one limit, and lists say nothing of them';
  }
}

function circuitLine({
  to,
  mode,
  reason,
  openForMs,
}: Extract<BreakwaterEvent, { type: 'circuit' | 'source' }>): string {
  if (mode !== 'AUTO') return `${to} (${mode} until released)`;
  if (to === 'HALF_OPEN') return to;
  if (to === 'CLOSED') return `CLOSED (${reason ?? 'recovered'})`;
  return `OPEN (${reason ?? 'unknown'}; next probe in ${Math.round(openForMs ?? 0)} ms)`;
}

/** How often the same sort of line may be repeated. */
const QUIET_MS = 60_000;
/** Said each time: each of them is news. */
const CHANGES: ReadonlySet<BreakwaterEvent['type']> = new Set(['circuit', 'source', 'plan', 'fallback', 'recovered']);

/** Tells whether something of this sort is worth a line again, and takes it for written if so. */
function createQuiet(): (sort: string, at: number) => boolean {
  const lastAt = new Map<string, number>();
  return (sort, at) => {
    const previous = lastAt.get(sort);
    if (previous !== undefined && Math.abs(at - previous) < QUIET_MS) return false;
    lastAt.set(sort, at);
    return true;
  };
}

/** A listener that writes one line for each thing that happens, and no more than one a minute for what goes on happening. */
export function createEventLog(write: (line: string) => void = warn): (event: BreakwaterEvent) => void {
  const isDue = createQuiet();
  return (event) => {
    const changes = CHANGES.has(event.type);
    const sort = sortOfEvent(event);
    if (!changes && !isDue(sort, event.at)) return;
    const line = logLine(event);
    if (line !== undefined) write(line);
  };
}

function sortOfEvent(event: BreakwaterEvent): string {
  if ('feature' in event) return `${event.type} ${event.feature}`;
  if (event.type === 'reported') return `${event.type} ${event.code}`;
  return event.type === 'subscription' ? `${event.type} ${event.state}` : event.type;
}

/** One line about an operation that failed: the error's own text, which carries no key, value or argument. */
export function logFailure(operation: string, error: unknown): void {
  warn(`[KV] Failed to ${operation}: ${describe(error)}`);
}

/** As {@link logFailure}, but what goes on failing in the same way is said once a minute. */
export function createFailureLog(now: () => number): (operation: string, error: unknown) => void {
  const isDue = createQuiet();
  return (operation, error) => {
    if (isDue(`${operation} ${sortOf(error)}`, now())) logFailure(operation, error);
  };
}

let lastMisconfiguration: string | undefined;

/** One line about a deployment that cannot work: once, although every request meets it. */
export function logMisconfiguration(error: unknown): void {
  const line = `[Breakwater] Not configured: ${describe(error)}`;
  if (line !== lastMisconfiguration) console.error(line);
  lastMisconfiguration = line;
}

/** One line about a defect of a handler. */
export function logDefect(error: unknown): void {
  console.error(`[Breakwater] Failed to answer: ${describe(error)}`);
}

export function warn(line: string): void {
  console.warn(line);
}

function sortOf(error: unknown): string {
  if (!isKvError(error)) return 'unknown';
  if (error.code === 'STORE') return error.kind;
  return error.code === 'COMMAND' ? error.replyCode : error.code;
}

function describe(error: unknown): string {
  if (error instanceof ConfigError) return error.message;
  if (isKvError(error)) return `${error.code} (${error.message})`;
  // Errors of other makes may quote what they were given.
  return error instanceof Error ? error.name : 'unknown';
}
