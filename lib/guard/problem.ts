/** RFC 9457 problem details. Says what the client can use, and nothing of the inside. */
export interface Problem {
  /** @default 'about:blank' */
  readonly type?: string | undefined;
  readonly title?: string | undefined;
  readonly extensions?: Readonly<Record<string, unknown>> | undefined;
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
};

/**
 * An answer as RFC 9457 has it: `code` says to programs what `detail` says to people. Neither may quote the request.
 */
export function problem(status: number, code: string, detail: string, options: Problem = {}): Response {
  const { type = 'about:blank', title = TITLES[status] ?? 'Error', extensions = {} } = options;
  const body = { type, title, status, detail, code, ...extensions };
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
  });
}
