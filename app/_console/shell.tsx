import type { ReactNode } from 'react';
import { AccountsPanel } from './panels/accounts-panel.tsx';
import { BreakIt } from './panels/break-it.tsx';
import { CircuitPanel } from './panels/circuit-panel.tsx';
import { ConnectionNotice } from './panels/connection-notice.tsx';
import { LatencyPanel } from './panels/latency-panel.tsx';
import { LogPanel } from './panels/log-panel.tsx';
import { RedisPanel } from './panels/redis-panel.tsx';
import { RefusalNotice } from './panels/refusal-notice.tsx';
import { RequestsPanel } from './panels/requests-panel.tsx';
import { StatusStrip } from './panels/status-strip.tsx';
import { TryIt } from './panels/try-it.tsx';

/** The page as it is drawn: everything that does not move. With a token the controls of the demo are part of it. */
export function Shell({ demoToken }: { readonly demoToken?: string | undefined }) {
  return (
    <div className="sheet">
      <StatusStrip />
      <ConnectionNotice />
      {demoToken === undefined ? null : <RefusalNotice />}
      <main className="panels">
        <Panel title="Requests per second" note="last 60 s" wide>
          <RequestsPanel />
        </Panel>
        <Panel title="Circuit" note="last 5 min">
          <CircuitPanel />
        </Panel>
        <Panel title="Latency" note="of the guard alone, log scale" wide>
          <LatencyPanel />
        </Panel>
        <Panel title="Requests to Redis per check" note="last 5 min">
          <RedisPanel />
        </Panel>
        <Panel title="Who is limited" note="the busiest keys and addresses" full>
          <AccountsPanel />
        </Panel>
        {demoToken === undefined ? null : (
          <section className="panel full demo" aria-label="Controls of the demo">
            <TryIt />
            <BreakIt token={demoToken} />
          </section>
        )}
        <Panel title="What just happened" full>
          <LogPanel />
        </Panel>
      </main>
    </div>
  );
}

interface PanelProps {
  readonly title: string;
  readonly note?: string | undefined;
  readonly wide?: boolean | undefined;
  readonly full?: boolean | undefined;
  readonly children: ReactNode;
}

function Panel({ title, note, wide = false, full = false, children }: PanelProps) {
  const id = `panel-${title.toLowerCase().replaceAll(' ', '-')}`;
  return (
    <section className={`panel${wide ? ' wide' : ''}${full ? ' full' : ''}`} aria-labelledby={id}>
      <h2 id={id}>
        {title} {note === undefined ? null : <small>{note}</small>}
      </h2>
      {children}
    </section>
  );
}
