'use client';

import type { Loss } from '../live/connection.ts';
import { useLive } from '../live/live.tsx';
import { timeOfDay } from '../model/format.ts';

const LOSSES: Readonly<Record<Loss, string>> = {
  network: 'The server does not answer.',
  server: 'The server has ended the stream, or has nothing to show.',
  silent: 'The stream has gone silent.',
  limited: 'The server has answered that this is too much (429).',
  unreadable: 'The server sends what this page cannot read: reload it.',
};

/** Says that what is shown is old, or looked for in another way than usual. Nothing as long as all is well. */
export function ConnectionNotice() {
  const connection = useLive((state) => state.connection);
  const at = useLive((state) => (state.connection.state === 'lost' ? (state.look?.at ?? null) : null));
  return (
    <div className="notices" role="status">
      {connection.state === 'lost' ? (
        <p className="notice lost">
          <strong>Disconnected.</strong> {LOSSES[connection.why]}{' '}
          {at === null ? 'There is nothing to show yet.' : `What you see is from ${timeOfDay(at)}.`} The page goes on
          trying, and catches up by itself.
        </p>
      ) : null}
      {connection.state === 'live' && connection.by === 'polling' ? (
        <p className="notice quiet">The stream does not come through, so the page asks for each look.</p>
      ) : null}
    </div>
  );
}
