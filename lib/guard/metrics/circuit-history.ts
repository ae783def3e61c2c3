import type { Clock } from '../../clock.ts';
import type { CircuitStateName, Transition } from '../../events.ts';
import type { CircuitChange } from './snapshot.ts';

/** What became of circuits since they are watched. */
export interface CircuitHistory {
  /** Watches one more, which is in this state. */
  watch(state: CircuitStateName): Watch;
  /** How long they were open or half open, in milliseconds; of several, added up. */
  openMs(): number;
  /** The last changes, the oldest first. */
  changes(): readonly CircuitChange[];
}

export interface Watch {
  changed(transition: Transition): void;
  end(): void;
}

const MAX_CHANGES = 36;

export function createCircuitHistory(clock: Clock): CircuitHistory {
  const changes: CircuitChange[] = [];
  let open = 0;
  let openMs = 0;
  let countedAt = clock.monotonic();

  const countUp = (): void => {
    const now = clock.monotonic();
    openMs += open * (now - countedAt);
    countedAt = now;
  };

  return {
    watch(state) {
      let isOpen = false;
      const become = (next: CircuitStateName): void => {
        const willBeOpen = next !== 'CLOSED';
        if (willBeOpen === isOpen) return;
        countUp();
        open += willBeOpen ? 1 : -1;
        isOpen = willBeOpen;
      };
      become(state);
      return {
        changed({ from, to, mode, reason = null, openForMs }) {
          become(to);
          // Forced open it is for ever, which JSON has no number for.
          const isBounded = openForMs !== undefined && Number.isFinite(openForMs);
          changes.push({ at: clock.now(), from, to, mode, reason, openForMs: isBounded ? openForMs : null });
          if (changes.length > MAX_CHANGES) changes.shift();
        },
        end: () => become('CLOSED'),
      };
    },
    openMs() {
      countUp();
      return Math.round(openMs);
    },
    changes: () => [...changes],
  };
}
