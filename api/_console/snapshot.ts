import type { MetricsSnapshot } from '../../lib/guard/metrics/snapshot.ts';
import type { StoreKind } from '../../lib/store/store.ts';

/** One look at the application: what `GET /api/console/snapshot` answers, and `/api/console/stream` sends once a second. */
export interface ConsoleSnapshot {
  /** Unix milliseconds, by the clock of the server. */
  readonly at: number;
  readonly store: {
    readonly kind: StoreKind;
    /** `null` where there is none. */
    readonly namespace: string | null;
    /** The host of the store, without user, password, path or port; `null` for memory. */
    readonly host: string | null;
  };
  /** `null` where no middleware is in front, or it has not told. */
  readonly middleware: MetricsSnapshot | null;
  readonly handler: MetricsSnapshot;
  /** `null` in every application that the demo has not started, and where its process does not answer. */
  readonly demo: DemoState | null;
}

export interface DemoState {
  readonly outage: Outage;
  /** Keys made for this run, to send requests with. They end with it. */
  readonly keys: readonly DemoKey[];
}

/**
 * What the demo does to the way between the application and its store. `kill` ends the store with all that it held; `ok` then
 * begins with a new one, which has the keys of the run and nothing else.
 */
export const OUTAGES = ['ok', 'refuse', 'black-hole', 'slow', 'kill'] as const;
export type Outage = (typeof OUTAGES)[number];

export interface DemoKey {
  readonly label: string;
  readonly key: string;
  /** What the key may do: `60 requests a minute`. */
  readonly says: string;
}

/**
 * The events of `/api/console/stream`: `history`, once at the beginning, holds what was seen before, the oldest first and
 * at most five minutes of it; each `snapshot` after it holds one.
 */
export interface ConsoleEvents {
  readonly history: readonly ConsoleSnapshot[];
  readonly snapshot: ConsoleSnapshot;
}
