import { document } from './_openapi/document.ts';

const TEXT = JSON.stringify(document);

/** The description of this API, for tools: OpenAPI 3.1. No I/O. */
export function GET(): Response {
  return new Response(TEXT, {
    headers: { 'content-type': 'application/json', 'cache-control': 'public, max-age=300' },
  });
}
