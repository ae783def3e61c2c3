'use client';

import { useEffect, useRef } from 'react';
import { useLive } from '../live/live.tsx';
import { timeOfDay } from '../model/format.ts';

/** As far from its end as a reader may be who is still at its end. */
const NEAR_PX = 24;
/** A reader without a mouse scrolls what has the focus. */
const FOCUSABLE = { tabIndex: 0 };

/** What just happened, one plain sentence a line, the newest last. It follows its end unless somebody has scrolled away. */
export function LogPanel() {
  const lines = useLive((state) => state.log);
  const isLoaded = useLive((state) => state.look !== null);
  const list = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  useEffect(() => {
    const box = list.current;
    if (box !== null && lines.length > 0 && isAtEnd.current) box.scrollTop = box.scrollHeight;
  }, [lines]);
  return (
    <div
      ref={list}
      className="log"
      role="log"
      aria-label="What just happened"
      {...FOCUSABLE}
      onScroll={({ currentTarget: box }) => {
        isAtEnd.current = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_PX;
      }}
    >
      {lines.length === 0 ? (
        <p className="muted">{isLoaded ? 'Nothing has happened yet.' : 'Waiting for the first look.'}</p>
      ) : null}
      {lines.map(({ id, at, text, tone }) => (
        <p key={id} className={`line-${tone}`}>
          <time dateTime={new Date(at).toISOString()}>{timeOfDay(at)}</time>
          <span>{text}</span>
        </p>
      ))}
    </div>
  );
}
