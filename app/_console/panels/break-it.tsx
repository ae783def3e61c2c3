'use client';

import { useEffect, useRef, useState } from 'react';
import type { DemoKey, Outage } from '../../../api/_console/snapshot.ts';
import type { ConsoleStore } from '../live/console-store.ts';
import { headersOf } from '../live/credentials.ts';
import { useConsole, useLive } from '../live/live.tsx';
import { createTraffic, type Traffic, type TrafficTarget } from '../live/traffic.ts';
import { circuitAt } from '../model/circuit.ts';
import { front } from '../model/look.ts';

const CHOICES: readonly { readonly outage: Outage; readonly name: string; readonly cost: string }[] = [
  { outage: 'refuse', name: 'Refuse', cost: 'Connections fail at once.' },
  { outage: 'black-hole', name: 'Black hole', cost: 'Nothing answers: the first requests wait for the deadline.' },
  { outage: 'slow', name: 'Slow 2 s', cost: 'Answers come when their deadline is over.' },
  { outage: 'kill', name: 'Kill', cost: 'The store ends: its counts are gone, keys come back.' },
  { outage: 'ok', name: 'Give it back', cost: 'Redis answers again, and a probe finds out.' },
];

/** A circuit opens with the fifth failure in a row, unless it is configured otherwise. */
const TO_NOTICE = 5;
const ROUNDS = 4;
const NO_KEYS: readonly DemoKey[] = [];

/** Takes Redis away from the application of the demo, and gives it back. */
export function BreakIt({ token }: { readonly token: string }) {
  const store = useConsole();
  const isLive = useLive((state) => state.connection.state === 'live');
  const outage = useLive((state) => state.look?.demo?.outage ?? null);
  const look = useLive((state) => state.look);
  const [traffic] = useState(createTraffic);
  const last = useRef<Promise<unknown>>(Promise.resolve());
  const noticing = useRef<Promise<void>>(Promise.resolve());
  const [isHealing, setIsHealing] = useState(false);
  const keys = look?.demo?.keys ?? NO_KEYS;

  const begin = async (wanted: Outage) => {
    if (!isLive) return;
    // One after another: of two that are pressed in haste the later one holds.
    const posted = last.current.then(() => post(token, wanted));
    last.current = posted;
    const problem = await posted;
    setIsHealing(false);
    if (problem !== null) store.say(`The demo did not do that: ${problem}.`, 'open');
    else if (wanted !== 'ok') noticing.current = untilOpen(store, traffic, targetOf(keys));
    else {
      // What was sent while Redis was away may open the circuit after it is back.
      await noticing.current;
      await store.refresh();
      setIsHealing(last.current === posted);
    }
  };

  // With each look, once a second.
  useEffect(() => {
    if (!isHealing || look === null) return;
    const { state } = circuitAt(front(look).circuit, look.at);
    if (state === 'CLOSED') setIsHealing(false);
    else if (state === 'HALF_OPEN') void traffic.send(targetOf(look.demo?.keys ?? NO_KEYS), 1);
  }, [isHealing, look, traffic]);

  return (
    <fieldset className="controls" aria-disabled={!isLive}>
      <legend>Break it</legend>
      <p className="cost">
        Nobody notices an outage without traffic: each button sends a handful of requests with the first key, and the
        last one a request a second until the circuit has closed.
      </p>
      <ul className="outages">
        {CHOICES.map(({ outage: one, name, cost }) => (
          <li key={one}>
            <button
              type="button"
              aria-pressed={outage === one}
              aria-describedby={`cost-${one}`}
              onClick={() => void begin(one)}
            >
              {name}
            </button>
            <span id={`cost-${one}`} className="cost">
              {cost}
            </span>
          </li>
        ))}
      </ul>
    </fieldset>
  );
}

/** Sends requests until one of them has found out, and shows that at once. */
async function untilOpen(store: ConsoleStore, traffic: Traffic, target: TrafficTarget): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    await traffic.spread(target, TO_NOTICE);
    await store.refresh();
    const { look } = store.current();
    if (look === null || circuitAt(front(look).circuit, look.at).state !== 'CLOSED') return;
  }
}

function targetOf(keys: readonly DemoKey[]): TrafficTarget {
  return { method: 'GET', path: '/api/whoami', key: keys[0]?.key ?? null };
}

/** What went wrong, or `null`. */
async function post(token: string, outage: Outage): Promise<string | null> {
  try {
    const response = await fetch('/api/demo/outage', {
      method: 'POST',
      headers: { ...headersOf({ kind: 'demo', token }), 'content-type': 'application/json' },
      body: JSON.stringify({ outage }),
      credentials: 'omit',
    });
    await response.arrayBuffer();
    return response.ok ? null : `it answered ${response.status}`;
  } catch {
    return 'it does not answer';
  }
}
