import { createServer } from 'node:http';
import { createNodeGuard } from 'breakwater/server';

const guard = createNodeGuard({
  policies: [{ name: 'key', limit: 60, windowMs: 60_000 }],
  protect: [{ path: '/api/*', limits: { key: 'key' } }],
});

const server = createServer(async (request, response) => {
  const passage = await guard(request, response);
  if (passage) response.setHeader('content-type', 'application/json').end(JSON.stringify(passage.decision.identity));
});
server.listen(0, '127.0.0.1', () => console.log(`Listening on http://127.0.0.1:${server.address().port}`));
