'use client';

import { type ReactNode, useState } from 'react';
import { useConsole, useLive } from '../live/live.tsx';

const REFUSALS: Readonly<Record<number, string>> = {
  401: 'That is no valid key.',
  403: 'That key is valid, and has not the scope admin.',
  404: 'There is no console here any more.',
};

/** Asks for an admin key, which stays in the memory of this page, and shows the panels once it has one. */
export function KeyForm({ children }: { readonly children: ReactNode }) {
  const store = useConsole();
  const refused = useLive(({ connection }) => (connection.state === 'refused' ? connection.status : null));
  const [key, setKey] = useState('');
  const [isSent, setIsSent] = useState(false);
  if (isSent && refused === null) return children;
  return (
    <main className="page narrow">
      <h1>Breakwater</h1>
      <form
        className="key-form"
        onSubmit={(event) => {
          event.preventDefault();
          store.connect({ kind: 'key', key: key.trim() });
          setIsSent(true);
          setKey('');
        }}
      >
        <label>
          <span>
            API key with the scope <code>admin</code>
          </span>
          <input
            type="password"
            value={key}
            onChange={({ target }) => setKey(target.value)}
            autoComplete="off"
            spellCheck={false}
            required
            maxLength={512}
            aria-describedby="key-help key-refusal"
          />
        </label>
        <button type="submit">Open the console</button>
        <p id="key-refusal" className="refusal" role="alert">
          {refused === null ? null : (REFUSALS[refused] ?? `The server has refused it (${refused}).`)}
        </p>
        <p id="key-help" className="muted">
          It stays in the memory of this page, and is forgotten when you leave or reload it. It is sent to this server
          only, as <code>Authorization: Bearer</code>.
        </p>
      </form>
    </main>
  );
}
