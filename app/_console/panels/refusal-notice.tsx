'use client';

import { useLive } from '../live/live.tsx';

/** The token in this page is that of another run of the demo. */
export function RefusalNotice() {
  const isRefused = useLive(({ connection }) => connection.state === 'refused');
  return (
    <div role="alert">
      {isRefused ? (
        <p className="notice">
          <strong>The demo was started again.</strong> <a href="/">Load the page again</a> to watch the new one.
        </p>
      ) : null}
    </div>
  );
}
