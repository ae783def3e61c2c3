'use client';

import { type ReactNode, useEffect, useRef, useState } from 'react';
import type { Connection } from '../live/connection.ts';
import { useConsole, useLive } from '../live/live.tsx';

const REFUSALS: Readonly<Record<number, string>> = {
  401: 'That is no valid key.',
  403: 'That key is valid, and has not the scope admin.',
  404: 'There is no console here any more.',
};

/** What a header takes: anything else would fail before it is sent, as if nobody answered. */
const SENDABLE = /^[\x21-\x7e]+$/;

/**
 * Asks for an admin key, which stays in the memory of this page, and shows the panels once the server has taken it. React
 * is not told what is typed: it would write it into the document.
 */
export function KeyForm({ children }: { readonly children: ReactNode }) {
  const store = useConsole();
  const connection = useLive((state) => state.connection);
  const isSeen = useLive(({ look }) => look !== null);
  const input = useRef<HTMLInputElement>(null);
  const [said, setSaid] = useState<'nothing' | 'unsendable' | 'sent'>('nothing');
  const status = connection.state === 'refused' ? connection.status : null;
  const isRefused = said === 'unsendable' || status !== null;

  // Whether it was typed here, or was revoked behind the panels: the next thing to do is to type another one.
  useEffect(() => {
    if (status !== null) input.current?.focus();
  }, [status]);

  if (isSeen && status === null) return children;
  return (
    <main className="page narrow">
      <h1>Breakwater</h1>
      <form
        className="key-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (input.current === null) return;
          const key = input.current.value.trim();
          input.current.value = '';
          const isSendable = SENDABLE.test(key);
          setSaid(isSendable ? 'sent' : 'unsendable');
          if (isSendable) store.connect({ kind: 'key', key });
        }}
      >
        <label>
          <span>
            API key with the scope <code>admin</code>
          </span>
          <input
            ref={input}
            type="password"
            autoComplete="off"
            spellCheck={false}
            required
            maxLength={512}
            aria-describedby="key-help key-answer"
          />
        </label>
        <button type="submit">Open the console</button>
        <p id="key-answer" className={isRefused ? 'answer refusal' : 'answer'} role="status">
          {said === 'nothing' && status === null ? null : answerOf(connection, said === 'unsendable')}
        </p>
        <p id="key-help" className="muted">
          It stays in the memory of this page, and is forgotten when you leave or reload it. It is sent to this server
          only, as <code>Authorization: Bearer</code>.
        </p>
      </form>
    </main>
  );
}

function answerOf(connection: Connection, isUnsendable: boolean): string {
  if (isUnsendable) return 'That is no valid key.';
  if (connection.state === 'lost') return 'The server has not answered that yet. The page goes on asking.';
  if (connection.state !== 'refused') return 'Asking the server …';
  return REFUSALS[connection.status] ?? `The server has refused it (${connection.status}).`;
}
