import { isObject, readJson } from '../../lib/client/json.ts';
import { type BodyBounds, bodyProblem, readBody } from '../../lib/guard/body.ts';
import { problem } from '../../lib/guard/problem.ts';
import { FieldError } from './field-error.ts';

/** A JSON object, checked for nothing but its names. */
export type Fields = Readonly<Record<string, unknown>>;

export interface JsonBodyOptions {
  /** The fields that there are. */
  readonly names: readonly string[];
  /** Whether a request without a body is one with no fields. @default false */
  readonly isOptional?: boolean | undefined;
}

const BOUNDS: BodyBounds = { maxBytes: 64 * 1024 };
/** What a key's record may be, which is less, is checked where it is made; functions that walk a value need some bound. */
const MAX_DEPTH = 128;

/**
 * The JSON object in the body of a request, or the answer to one that has none: 413, 415, 400.
 *
 * @throws FieldError for a field that there is not.
 */
export async function readFields(
  request: Request,
  { names, isOptional = false }: JsonBodyOptions,
): Promise<Fields | Response> {
  const type = request.headers.get('content-type');
  if (type !== null && !isJson(type)) return notJson();
  const body = await readBody(request, BOUNDS);
  if (!body.ok) return bodyProblem(body, BOUNDS);
  if (isOptional && body.text === '') return {};
  if (type === null) return notJson();
  const fields = readJson(body.text);
  if (!isObject(fields) || !isWithin(fields, MAX_DEPTH)) {
    return problem(400, 'body-malformed', 'The body must be a JSON object, and not nested too deep.');
  }
  const unknown = Object.keys(fields).find((name) => !names.includes(name));
  if (unknown !== undefined) throw new FieldError(unknown, 'is not known here');
  return fields;
}

function isJson(type: string): boolean {
  return type.split(';', 1)[0]?.trim().toLowerCase() === 'application/json';
}

function notJson(): Response {
  return problem(415, 'unsupported-media-type', 'Send the body as application/json.');
}

function isWithin(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return depth > 0 && Object.values(value).every((part) => isWithin(part, depth - 1));
}
