import type { ConsoleSnapshot, DemoState } from '../../api/_console/snapshot.ts';
import type { CircuitChange } from '../../lib/guard/metrics/snapshot.ts';
import { account, BOUNDS_MS, CLOSED, HEALED, metrics, OPENED, openedAt, PROBED } from './looks.ts';

/** Seconds of the scenario: when Redis goes away, and when it is back. */
const AWAY = { from: 190, to: 232 };
const LEASED_FROM = 120;
const OPEN_MS = 10_000;

export interface BusyMinutes {
  readonly demo: DemoState | null;
  /** Whether Redis is still away at the end. */
  readonly endsOpen?: boolean | undefined;
}

/** `count` looks, a second apart, the last of them at `endAt`: exact limits, then leases, then an outage that heals. */
export function busyMinutes(
  endAt: number,
  { demo, endsOpen = false }: BusyMinutes,
  count = 300,
): readonly ConsoleSnapshot[] {
  const startAt = endAt - (count - 1) * 1_000;
  const isAway = (second: number) => (endsOpen ? second >= 288 : second >= AWAY.from && second < AWAY.to);
  const firstAway = endsOpen ? 288 : AWAY.from;
  const durations = BOUNDS_MS.map(() => 0).concat(0);
  const total = { allowed: 0, limited: 0, refused: 0, degraded: 0, sent: 0, keyUses: 0 };
  const transitions: CircuitChange[] = [];
  let openAt = 0;
  return Array.from({ length: count }, (_, second) => {
    const at = startAt + second * 1_000;
    const away = isAway(second);
    const wave = 40 + 22 * Math.sin(second / 17) + 9 * Math.sin(second / 3.1) + (second % 7);
    const allowed = Math.round(wave);
    const limited = second % 60 > 42 ? Math.round(wave / 2.2) : Math.round(wave / 14);
    const refused = second % 11 === 0 ? 3 : 1;
    total.allowed += allowed;
    total.limited += limited;
    total.refused += refused;
    total.degraded += away ? allowed + limited : 0;
    total.keyUses += Math.round(allowed / 12);
    const leased = second >= LEASED_FROM;
    if (!away) total.sent += Math.round((allowed + limited + refused) * (leased ? 0.06 : 1));
    if (away && second === firstAway) {
      openAt = at + 400;
      transitions.push({ ...OPENED, at: openAt });
    } else if (away && at - openAt > OPEN_MS) {
      transitions.push({ ...PROBED, at: at - 300 }, { ...OPENED, from: 'HALF_OPEN', at: at - 100 });
      openAt = at - 100;
    } else if (!away && second === AWAY.to && !endsOpen) {
      transitions.push({ ...PROBED, at: at - 800 }, { ...HEALED, at: at - 600 });
    }
    fill(
      durations,
      allowed + limited + refused,
      away ? 0 : leased ? 1 : 3,
      second === firstAway ? 11 : second % 23 === 0 ? 8 : 6,
    );
    const circuit = away ? openedAt(openAt, OPEN_MS) : CLOSED;
    const busiest = accounts(at, total.keyUses, away);
    const counts = {
      startedAt: startAt - 3_600_000,
      at,
      circuit,
      transitions: transitions.slice(-24),
      decisions: { ...total, degradedKeys: total.degraded, reported: 0, byCode: {} },
      decisionDuration: { boundsMs: BOUNDS_MS, counts: [...durations], sumMs: 0 },
      requests: { success: total.sent },
      busiest,
    };
    const handler = metrics({
      startedAt: counts.startedAt,
      at,
      caches: { hits: 940 + second * 9, misses: 60 + second },
    });
    return {
      at,
      store: { kind: 'upstash', namespace: 'shop', host: 'eu1-calm-otter-31337.upstash.io' },
      middleware: metrics(counts),
      handler,
      demo: demo && { ...demo, outage: away ? 'black-hole' : 'ok' },
    };
  });
}

/** Most in one bucket, a few around it, one in fifty far above. */
function fill(counts: number[], checks: number, bucket: number, slow: number): void {
  const add = (at: number, count: number) => {
    counts[at] = (counts[at] ?? 0) + count;
  };
  add(bucket, Math.round(checks * 0.7));
  add(bucket + 1, Math.round(checks * 0.27));
  add(slow, Math.max(1, Math.round(checks * 0.02)));
}

function accounts(at: number, uses: number, away: boolean) {
  const basis = away ? ('local' as const) : ('store' as const);
  const inMinute = Math.floor((at / 1_000) % 60);
  return [
    account('key_7fk2m9', {
      limit: 60,
      used: Math.min(60, uses % 90),
      basis,
      at,
      retryAfterMs: uses % 90 >= 60 ? (60 - inMinute) * 1_000 : null,
    }),
    account('key_a81x0c', { limit: 600, used: 180 + inMinute * 6, basis: away ? 'local' : 'lease', at }),
    account('key_q3n8vd', { limit: 20, used: 20, basis, at, retryAfterMs: (60 - inMinute) * 1_000 }),
    account('203.0.113.x', { policy: 'ip', limit: 300, used: 40 + inMinute * 3, basis, at }),
    account('2001:db8:31::', { policy: 'ip', limit: 300, used: 12, basis, at }),
  ];
}
