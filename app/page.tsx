import './page.css';

const ENDPOINTS = [
  ['GET', '/api/health', 'liveness, and the circuit breakers of middleware and handlers'],
  ['GET', '/api/health/redis', 'writes a key to Redis and reads it back'],
  ['GET', '/api/whoami', 'the identity behind an API key'],
  ['POST', '/api/echo', 'sends back what it was sent, 20 times a minute per key'],
] as const;

export default function Page() {
  return (
    <main>
      <h1>Breakwater</h1>
      <p>
        Every request to <code>/api</code> passes the front door first: API key, address limit and key limit in one
        request to Redis. When Redis is away, known keys pass, limits are counted in this process, and nobody waits.
      </p>
      <h2>What is here</h2>
      <table>
        <thead>
          <tr>
            <th scope="col">Request</th>
            <th scope="col">What it does</th>
          </tr>
        </thead>
        <tbody>
          {ENDPOINTS.map(([method, path, what]) => (
            <tr key={path}>
              <td>
                <code>
                  {method} {path}
                </code>
              </td>
              <td>{what}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p>
        The terminal that started the demo shows an API key and two <code>curl</code> lines to try.
      </p>
    </main>
  );
}
