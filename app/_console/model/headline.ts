import type { ConsoleSnapshot } from '../../../api/_console/snapshot.ts';
import { type AccountRow, MAX_ROWS, passingKeys } from './accounts.ts';
import { type CircuitNow, circuitAt } from './circuit.ts';
import { counted, span } from './format.ts';
import { front, sentRequests } from './look.ts';

/** How it stands with Redis, in the words of whoever has to answer for it. */
export function headline(look: ConsoleSnapshot, rows: readonly (AccountRow | null)[]): string {
  const { circuit } = front(look);
  const now = circuitAt(circuit, look.at);
  if (now.state === 'OPEN') return whileOpen(now, rows, circuit.openedAt ?? 0);
  if (now.state === 'HALF_OPEN') return whileHalfOpen(now);
  if (now.mode === 'DISABLED' || now.mode === 'METRICS_ONLY') {
    return 'The circuit breaker is switched off by hand: every request goes to Redis, whatever comes back.';
  }
  if (now.consecutiveFailures > 0) {
    return `Redis did not answer the last ${counted(now.consecutiveFailures, 'request')}. A few more, and the circuit opens.`;
  }
  if (look.store.kind === 'memory') return 'No Redis is configured. Limits are counted in the memory of this process.';
  if (look.demo && look.demo.outage !== 'ok') return 'The demo has taken Redis away, and no request has noticed yet.';
  if (sentRequests(front(look)) === 0) return 'Redis has not been asked yet. Keys and limits are checked there.';
  return 'Redis is answering. Keys and limits are checked there.';
}

function whileOpen(now: CircuitNow, rows: readonly (AccountRow | null)[], openedAt: number): string {
  const keys = passingKeys(rows, openedAt);
  const passing =
    keys === null
      ? ''
      : `; ${keys.passing} of ${rows.length < MAX_ROWS ? '' : 'the busiest '}${counted(keys.of, 'known key')} ${keys.passing === 1 ? 'passes' : 'pass'} from cache`;
  const beginning = now.mode === 'FORCED_OPEN' ? 'Redis is not asked: the circuit is forced open.' : NOT_ANSWERING;
  const next =
    now.probeInMs === null ? 'No probe until somebody releases it.' : `Next probe in ${span(now.probeInMs)}.`;
  return `${beginning} Limits are counted locally${passing}. ${next}`;
}

const NOT_ANSWERING = 'Redis is not answering.';

function whileHalfOpen({ probeSuccesses }: CircuitNow): string {
  if (probeSuccesses === 0) return 'Redis was not answering. The next request that needs it is sent as a probe.';
  return `Redis may be back: ${counted(probeSuccesses, 'probe')} came back well. One that fails opens the circuit again.`;
}
