/** Instead of the console: that there is none, and how there can be one. */
export function NoConsole({ why }: { readonly why: 'off' | 'misconfigured' }) {
  return (
    <main className="page narrow">
      <h1>Breakwater</h1>
      {why === 'misconfigured' ? (
        <p>
          <strong>This deployment is not configured correctly.</strong> Its log says which variable is wrong, and what
          it must be.
        </p>
      ) : (
        <>
          <p>
            <strong>The console is off.</strong> The application behind this page works as it is.
          </p>
          <p>To switch the console on, set a variable in the environment of the application and start it again:</p>
          <pre>
            <code>BREAKWATER_CONSOLE=on</code>
          </pre>
          <p>The page then asks for an API key with the scope admin, which this line makes:</p>
          <pre>
            <code>npx breakwater keys create --owner you --scope admin</code>
          </pre>
          <p>
            To see it all on your own machine, with Redis taken away at the press of a button: <code>npm run demo</code>
            .
          </p>
        </>
      )}
    </main>
  );
}
