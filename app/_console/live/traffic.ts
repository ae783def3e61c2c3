/** A request of the demo: to where, and with whose key. */
export interface TrafficTarget {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** `null` sends none. */
  readonly key: string | null;
}

/** What came back, by status; `failed` where nothing did. */
export interface Tally {
  readonly sent: number;
  readonly failed: number;
  readonly statuses: Readonly<Record<number, number>>;
}

export interface Traffic {
  /** Sends so many at once, and resolves with what came back. Never rejects. */
  send(target: TrafficTarget, count: number): Promise<Tally>;
  /** Sends so many one after another, `SPREAD_MS` apart, so that no two share a request to Redis. Never rejects. */
  spread(target: TrafficTarget, count: number): Promise<Tally>;
  /** Sends `perSecond` until it is stopped. No more than `MAX_UNDER_WAY` are under way: what does not fit is not sent. */
  steady(target: () => TrafficTarget, perSecond: number, tell: (tally: Tally) => void): () => void;
}

export interface TrafficOptions {
  /** @default the global one */
  readonly fetch?: typeof globalThis.fetch | undefined;
  /** Calls `run` every `ms` until what it answers is called. @default setInterval */
  readonly every?: ((ms: number, run: () => void) => () => void) | undefined;
}

export const EMPTY_TALLY: Tally = { sent: 0, failed: 0, statuses: {} };
/** A browser has six connections to a host: more than this would wait in it, and be told of late. */
export const MAX_UNDER_WAY = 24;
export const TICK_MS = 50;
export const SPREAD_MS = 20;

export function createTraffic(options: TrafficOptions = {}): Traffic {
  const ask = options.fetch ?? ((...args: Parameters<typeof fetch>) => globalThis.fetch(...args));
  const every = options.every ?? interval;
  return {
    async send(target, count) {
      const ends = await Promise.all(Array.from({ length: count }, () => statusOf(ask, target)));
      return ends.reduce(withEnd, EMPTY_TALLY);
    },
    spread(target, count) {
      const ends: Promise<End>[] = [];
      return new Promise((resolve) => {
        const stop = every(SPREAD_MS, () => {
          if (ends.push(statusOf(ask, target)) < count) return;
          stop();
          void Promise.all(ends).then((all) => resolve(all.reduce(withEnd, EMPTY_TALLY)));
        });
      });
    },
    steady(target, perSecond, tell) {
      let tally = EMPTY_TALLY;
      let underWay = 0;
      return every(TICK_MS, () => {
        const room = Math.min((perSecond * TICK_MS) / 1_000, MAX_UNDER_WAY - underWay);
        for (let sent = 0; sent < room; sent++) {
          underWay++;
          void statusOf(ask, target()).then((status) => {
            underWay--;
            tally = withEnd(tally, status);
            tell(tally);
          });
        }
      });
    },
  };
}

/** One line on what came back: `41 × 200, 9 × 429`. */
export function sayTally({ sent, failed, statuses }: Tally): string {
  const parts = Object.entries(statuses).map(([status, count]) => `${count} × ${status}`);
  if (failed > 0) parts.push(`${failed} without an answer`);
  return sent === 0 ? 'nothing came back yet' : parts.join(', ');
}

type End = number | 'failed';

async function statusOf(ask: typeof globalThis.fetch, { method, path, key }: TrafficTarget): Promise<End> {
  try {
    const response = await ask(path, {
      method,
      headers: key === null ? {} : { authorization: `Bearer ${key}` },
      cache: 'no-store',
      credentials: 'omit',
      ...(method === 'POST' ? { body: 'hello' } : {}),
    });
    await response.arrayBuffer();
    return response.status;
  } catch {
    return 'failed';
  }
}

function withEnd({ sent, failed, statuses }: Tally, end: End): Tally {
  if (end === 'failed') return { sent: sent + 1, failed: failed + 1, statuses };
  return { sent: sent + 1, failed, statuses: { ...statuses, [end]: (statuses[end] ?? 0) + 1 } };
}

function interval(ms: number, run: () => void): () => void {
  const timer = setInterval(run, ms);
  return () => clearInterval(timer);
}
