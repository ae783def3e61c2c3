const LINKS = [
  ['/api/health', 'liveness, and both circuits'],
  ['/api/health/redis', 'writes a key to Redis and reads it back'],
] as const;

/** What this is and how to try it by hand: all that there is to see without JavaScript. */
export function About({ origin, isDemo }: { readonly origin: string; readonly isDemo: boolean }) {
  return (
    <footer className="about">
      <noscript>
        <p className="notice">
          <strong>The console draws with JavaScript, which is off.</strong> The application works without it, and so do
          these lines.
        </p>
      </noscript>
      <h2>What this is</h2>
      <p>
        Breakwater is the front door of web applications that must stay open when their Redis does not. Every request to{' '}
        <code>/api</code> passes it first: API key, address limit and key limit, in one request to Redis. When Redis is
        away, known keys pass, limits are counted in the process, and nobody waits.
      </p>
      <h2>By hand</h2>
      <pre>
        <code>{`KEY=…   # ${isDemo ? 'the key that the terminal of the demo shows' : 'breakwater keys create --owner you'}
curl -s -H "Authorization: Bearer $KEY" ${origin}/api/whoami
for i in $(seq 12); do curl -s -o /dev/null -w '%{http_code}\\n' -H "Authorization: Bearer $KEY" ${origin}/api/whoami; done`}</code>
      </pre>
      <ul className="links">
        {LINKS.map(([path, what]) => (
          <li key={path}>
            <a href={path}>{path}</a> {what}
          </li>
        ))}
      </ul>
    </footer>
  );
}
