'use client';

import { useEffect, useRef, useState } from 'react';
import type { DemoKey } from '../../../api/_console/snapshot.ts';
import { useConsole, useLive } from '../live/live.tsx';
import { createTraffic, EMPTY_TALLY, sayTally, type Tally, type TrafficTarget } from '../live/traffic.ts';

const ROUTES = [
  {
    name: 'GET /api/whoami',
    method: 'GET',
    path: '/api/whoami',
    says: 'Each request takes a permit of the key, and one of your address.',
  },
  {
    name: 'POST /api/echo',
    method: 'POST',
    path: '/api/echo',
    says: 'Each request takes a permit of the key, one of your address, and one of the handler’s own limit.',
  },
  {
    name: 'GET /api/health',
    method: 'GET',
    path: '/api/health',
    says: 'Free: no key is asked for, and nothing is counted.',
  },
] as const;

/** A choice besides the keys of the demo. */
const NO_KEY = 'no key';
const BURST = 50;
const PER_SECOND = 100;
const NO_KEYS: readonly DemoKey[] = [];

/** Sends real requests from this browser, through the door that all requests go through. */
export function TryIt() {
  const { say } = useConsole();
  const keys = useLive((state) => state.look?.demo?.keys ?? NO_KEYS);
  const isLive = useLive((state) => state.connection.state === 'live');
  const [traffic] = useState(createTraffic);
  const [keyLabel, setKeyLabel] = useState<string | null>(null);
  const [routeName, setRouteName] = useState<string>(ROUTES[0].name);
  const [isSteady, setIsSteady] = useState(false);
  const [tally, setTally] = useState<Tally>(EMPTY_TALLY);

  const route = ROUTES.find(({ name }) => name === routeName) ?? ROUTES[0];
  const key = keyLabel === NO_KEY ? undefined : (keys.find(({ label }) => label === keyLabel) ?? keys[0]);
  const target: TrafficTarget = { method: route.method, path: route.path, key: key?.key ?? null };
  const latest = useRef(target);
  latest.current = target;

  useEffect(() => {
    if (!isSteady || !isLive) return;
    setTally(EMPTY_TALLY);
    return traffic.steady(() => latest.current, PER_SECOND, setTally);
  }, [isSteady, isLive, traffic]);

  // Not `disabled`, which takes the focus away from whoever works here when the server is lost for a second.
  const send = async (count: number) => {
    if (!isLive) return;
    const back = await traffic.send(target, count);
    setTally(back);
    say(`Sent ${count === 1 ? 'one request' : `${count} requests`} to ${route.name}: ${sayTally(back)}.`);
  };
  const toggle = () => {
    if (!isLive) return;
    say(
      isSteady
        ? `Steady traffic stopped: ${sayTally(tally)}.`
        : `Steady traffic began: up to ${PER_SECOND} a second to ${route.name}.`,
    );
    setIsSteady(!isSteady);
  };

  return (
    <fieldset className="controls" aria-disabled={!isLive}>
      <legend>Try it</legend>
      <div className="buttons">
        <button type="button" onClick={() => void send(1)} aria-describedby="send-cost">
          Send 1
        </button>
        <button type="button" onClick={() => void send(BURST)} aria-describedby="send-cost">
          Burst {BURST}
        </button>
        <label className="toggle">
          <input type="checkbox" checked={isSteady} onChange={toggle} aria-describedby="send-cost" />
          Steady {PER_SECOND}/s
        </label>
      </div>
      <p id="send-cost" className="cost">
        {isLive ? route.says : 'Waiting for the server.'}
      </p>
      <div className="selects">
        <label>
          Key
          <select value={key?.label ?? NO_KEY} onChange={({ target: { value } }) => setKeyLabel(value)}>
            {keys.map(({ label, says }) => (
              <option key={label} value={label}>
                {label}: {says}
              </option>
            ))}
            <option value={NO_KEY}>no key: 401</option>
          </select>
        </label>
        <label>
          Route
          <select value={route.name} onChange={({ target: { value } }) => setRouteName(value)}>
            {ROUTES.map(({ name }) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
      </div>
      <p className="tally">
        Came back: <b>{sayTally(tally)}</b>
      </p>
    </fieldset>
  );
}
