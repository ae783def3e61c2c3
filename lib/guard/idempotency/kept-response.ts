import { bytesOfBody, isBodiless, isStoredBody, storedBody } from '../../cache/http/stored-body.ts';
import { isField } from '../../cache/http/stored-response.ts';
import { isObject, readJson } from '../../client/json.ts';

export const REPLAYED_HEADER = 'idempotency-replayed';

/** Longer ones are left out, all of them: what is stored is bounded. */
const MAX_HEADER_LENGTH = 16_384;

/** A response as text. @param body all of it, `null` for none, `undefined` where it could not be kept */
export function keepResponse(
  { status, headers }: Response,
  body: Uint8Array | null | undefined,
  kept: readonly string[],
): string {
  const fields = kept.flatMap((name) => {
    const value = headers.get(name);
    return value === null ? [] : [[name, value] as const];
  });
  const length = fields.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (body === undefined || length > MAX_HEADER_LENGTH) return JSON.stringify({ status });
  return JSON.stringify({ status, headers: fields, body: body && storedBody(body) });
}

/** The response that was kept; `undefined` where only that there was one is known. */
export function replayResponse(text: string | undefined): Response | undefined {
  const stored = readJson(text);
  if (!isObject(stored)) return undefined;
  const { status, headers, body } = stored;
  if (!Number.isSafeInteger(status) || Number(status) < 200 || Number(status) > 599) return undefined;
  if (!Array.isArray(headers) || !headers.every(isField)) return undefined;
  if (body !== null && (isBodiless(Number(status)) || !isStoredBody(body))) return undefined;
  const fields = new Headers(headers.map(([name, value]): [string, string] => [name, value]));
  fields.set(REPLAYED_HEADER, 'true');
  return new Response(body === null ? null : bytesOfBody(body), { status: Number(status), headers: fields });
}
