import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createNodeGuard, type Passage } from 'breakwater/server';

const guard = createNodeGuard({
  policies: [
    { name: 'ip', limit: 300, windowMs: 60_000 },
    { name: 'key', limit: 10, windowMs: 60_000 },
  ],
  protect: [{ path: '/api/*', limits: { ip: 'ip', key: 'key' } }],
});

const server = createServer(async (request, response) => {
  const passage = await guard(request, response);
  // It has been answered: 401, 429, 503 …
  if (!passage) return;
  try {
    await handle(request, response, passage);
  } catch {
    // A client that goes away in the middle of its body, say: not caught, that ends the process.
    if (!response.headersSent) response.statusCode = 500;
    response.end();
  }
});

async function handle(request: IncomingMessage, response: ServerResponse, passage: Passage): Promise<unknown> {
  switch (`${request.method} ${request.url}`) {
    case 'GET /':
      return response.end('Open to everybody.\n');
    case 'GET /api/health':
      return sendJson(response, { status: 'ok' });
    case 'GET /api/whoami':
      return sendJson(response, passage.decision.identity);
    case 'POST /api/echo': {
      let echo = '';
      for await (const chunk of request.setEncoding('utf8')) echo += chunk;
      return sendJson(response, { echo });
    }
    default:
      response.statusCode = 404;
      return response.end('Not found.\n');
  }
}

function sendJson(response: ServerResponse, body: unknown): void {
  response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
}

server.listen(Number(process.env.PORT ?? 3000), () => console.log('http://localhost:%s', process.env.PORT ?? 3000));
