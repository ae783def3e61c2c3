import type { CircuitStateName } from '../../../lib/events.ts';

const CLASSES: Readonly<Record<CircuitStateName, string>> = { CLOSED: 'closed', OPEN: 'open', HALF_OPEN: 'half-open' };

/** A shape for each state, besides its colour: a disc, a triangle, a disc that is half full. */
export function StateMark({ state }: { readonly state: CircuitStateName }) {
  return (
    <svg className={`mark ${CLASSES[state]}`} viewBox="0 0 16 16" aria-hidden="true">
      {state === 'CLOSED' ? <circle cx="8" cy="8" r="6" /> : null}
      {state === 'OPEN' ? <path d="M8 1.5L15 14H1z" /> : null}
      {state === 'HALF_OPEN' ? (
        <>
          <circle className="outline" cx="8" cy="8" r="5.5" />
          <path d="M8 2.5a5.5 5.5 0 0 1 0 11z" />
        </>
      ) : null}
    </svg>
  );
}
