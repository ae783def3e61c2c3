import type { IncomingMessage } from 'node:http';
import type { Command } from '../../lib/store/store.ts';
import { Refusal } from './refusal.ts';

export type RestMode = 'single' | 'pipeline' | 'multi-exec';

/** What an HTTP request asks for. A single command is a batch of one. */
export interface RestRequest {
  readonly mode: RestMode;
  readonly commands: readonly Command[];
}

export const MAX_BODY_BYTES: number = 10 * 1024 * 1024;

/** @throws Refusal with status 400, 405 or 413. */
export async function parseRequest(request: IncomingMessage): Promise<RestRequest> {
  const { path, query } = splitTarget(request.url ?? '/');
  const method = request.method ?? '';
  const takesBody = method === 'POST' || method === 'PUT';
  if (!takesBody && method !== 'GET' && method !== 'HEAD') {
    throw new Refusal(405, 'ERR method not allowed', 'HEAD, GET, POST, PUT');
  }
  const body = takesBody ? await readBody(request) : '';
  if (takesBody && (path === '/pipeline' || path === '/multi-exec')) {
    const mode = path === '/pipeline' ? 'pipeline' : 'multi-exec';
    return { mode, commands: parseBatch(body, mode) };
  }
  if (takesBody && path === '/') return { mode: 'single', commands: [parseCommand(parseJson(body))] };
  return { mode: 'single', commands: [pathCommand(path, query, body)] };
}

/** The token of `?_token=`, for places where no header can be set. */
export function queryToken(target: string): string | undefined {
  const pair = splitTarget(target).query.find(([name]) => name === '_token');
  return pair?.[1];
}

type QueryPair = readonly [name: string, value: string | undefined];

function splitTarget(target: string): { path: string; query: readonly QueryPair[] } {
  const mark = target.indexOf('?');
  if (mark < 0) return { path: target, query: [] };
  const pairs = target.slice(mark + 1).split('&');
  return { path: target.slice(0, mark), query: pairs.filter((pair) => pair !== '').map(queryPair) };
}

function queryPair(pair: string): QueryPair {
  const equals = pair.indexOf('=');
  const text = (part: string): string => decode(part.replaceAll('+', ' '));
  return equals < 0 ? [text(pair), undefined] : [text(pair.slice(0, equals)), text(pair.slice(equals + 1))];
}

/** `/SET/key?EX=100` with the value as body: `SET key <body> EX 100`. */
function pathCommand(path: string, query: readonly QueryPair[], body: string): Command {
  const segments = path.replace(/^\//, '').replace(/\/$/, '').split('/').map(decode);
  const [name = '', ...args] = segments;
  if (name === '') throw new Refusal(400, 'ERR empty command');
  if (body !== '') args.push(body);
  for (const [option, value] of query) {
    if (option === '_token') continue;
    args.push(option, ...(value === undefined ? [] : [value]));
  }
  return [name, ...args];
}

function parseBatch(body: string, mode: RestMode): readonly Command[] {
  const batch = parseJson(body);
  if (!Array.isArray(batch)) throw new Refusal(400, `ERR failed to parse ${mode} request: not an array`);
  if (batch.length === 0) throw new Refusal(400, `ERR empty ${mode} request`);
  return batch.map(parseCommand);
}

function parseCommand(value: unknown): Command {
  if (!Array.isArray(value)) throw new Refusal(400, 'ERR failed to parse command: not an array');
  const [name = '', ...args] = value.map(argumentText);
  if (name === '') throw new Refusal(400, 'ERR empty command');
  return [name, ...args];
}

function argumentText(value: unknown): string {
  if (typeof value === 'string') return value;
  try {
    return JSON.stringify(value);
  } catch {
    // What was parsed can only be nested deeper than the stack.
    throw new Refusal(400, 'ERR failed to parse command: nested too deep');
  }
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new Refusal(400, 'ERR failed to parse request: not JSON');
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Refusal(400, 'ERR malformed percent-encoding');
  }
}

/**
 * What is too large is read to its end and dropped: answering earlier would break the connection off before the client
 * had read the answer.
 */
async function readBody(request: IncomingMessage): Promise<string> {
  const tooLarge = new Refusal(413, `ERR max request size exceeded. Limit: ${MAX_BODY_BYTES} bytes`);
  let chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    const part = chunk as Buffer;
    bytes += part.length;
    if (bytes > 10 * MAX_BODY_BYTES) throw tooLarge;
    if (bytes > MAX_BODY_BYTES) chunks = [];
    else chunks.push(part);
  }
  if (bytes > MAX_BODY_BYTES) throw tooLarge;
  return Buffer.concat(chunks).toString('utf8');
}
