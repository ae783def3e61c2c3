import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { document } from '../../api/_openapi/document.ts';
import * as door from '../../app/api/[...path]/route.ts';
import { middleware } from '../../middleware.ts';
import { handedBy } from './handed-by-next.ts';

/** A request as a client sends it. */
export interface Sent {
  readonly key?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; a text as it is. */
  readonly body?: unknown;
}

interface Answer {
  readonly description?: string;
  readonly $ref?: string;
  readonly content?: Readonly<Record<string, unknown>>;
}

interface Operation {
  readonly responses: Readonly<Record<string, Answer>>;
}

const described = document.paths as Readonly<Record<string, Readonly<Record<string, Operation>>>>;

/** Sends through the middleware to the handlers, as Next does. */
export async function send(method: string, path: string, { key, headers = {}, body }: Sent = {}): Promise<Response> {
  const isText = typeof body === 'string';
  const text = body === undefined || isText ? body : JSON.stringify(body);
  const request = new Request(`https://example.test${path}`, {
    method,
    headers: {
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
      ...(text !== undefined && { 'content-type': isText ? 'text/plain' : 'application/json' }),
      ...headers,
    },
    ...(text !== undefined && { body: text }),
  });
  const answer = await middleware(request.clone());
  if (answer.headers.get('x-middleware-next') !== '1') return answer;
  const { headers: handed } = handedBy(answer, request);
  const segments = new URL(request.url).pathname.split('/').slice(2).map(decodeURIComponent);
  const handler = { DELETE: door.DELETE, GET: door.GET, POST: door.POST }[method] ?? door.GET;
  const passed = new Request(request, { headers: handed });
  const response = await handler(passed, { params: Promise.resolve({ path: segments }) });
  for (const [name, value] of answer.headers) if (!name.startsWith('x-middleware-')) response.headers.set(name, value);
  return response;
}

/** Every operation, as `GET /api/keys/{id}`. */
export const operations: readonly string[] = Object.entries(described).flatMap(([path, item]) =>
  Object.keys(item).flatMap((method) => (method === 'parameters' ? [] : [`${method.toUpperCase()} ${path}`])),
);

/** The operation that a request is of. */
export function operationOf(method: string, path: string): string | undefined {
  const segments = path.split('?', 1)[0]?.split('/') ?? [];
  return operations.find((operation) => {
    const [verb, template = ''] = operation.split(' ');
    const parts = template.split('/');
    const isSame = parts.every((part, index) => part.startsWith('{') || part === segments[index]);
    return verb === method && parts.length === segments.length && isSame;
  });
}

const ajv = addFormats.default(new Ajv2020({ strict: false, allErrors: true })).addSchema({ ...document }, 'openapi');

/** What an answer has that the description does not allow; nothing when it is as described. */
export async function objectionsTo(operation: string, response: Response): Promise<readonly string[]> {
  const [verb = '', path = ''] = operation.split(' ');
  const method = verb.toLowerCase();
  const answer = described[path]?.[method]?.responses[response.status];
  if (!answer) return [`${operation} answers ${response.status}, which is not described`];
  const pointer =
    answer.$ref?.slice(2) ?? ['paths', path, method, 'responses', String(response.status)].map(escaped).join('/');
  const [type = ''] = (response.headers.get('content-type') ?? '').split(';');
  const validate = schemaAt(`${pointer}/content/${escaped(type)}/schema`);
  if (!validate) return [`${operation} ${response.status} is of the type ${type}, which is not described`];
  const text = await response.clone().text();
  const body: unknown = type.endsWith('json') ? JSON.parse(text) : text;
  return validate(body) ? [] : [`${operation} ${response.status}: ${ajv.errorsText(validate.errors)}`];
}

function schemaAt(pointer: string): ValidateFunction | undefined {
  try {
    return ajv.compile({ $ref: `openapi#/${pointer}` });
  } catch {
    return undefined;
  }
}

/** As a JSON pointer in a URI fragment has it. */
function escaped(segment: string): string {
  return encodeURIComponent(segment.replaceAll('~', '~0').replaceAll('/', '~1'));
}
