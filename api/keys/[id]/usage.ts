import { getApiKeyUsage } from '../../../lib/auth.ts';
import { FieldError } from '../../_management/field-error.ts';
import { noSuchKey, readKeyId } from '../../_management/key-path.ts';
import { answer, managed } from '../../_management/managed.ts';

interface Wanted {
  readonly id: string;
  readonly days: number;
}

/** How often a key passed the front door on each of the last `?days=`, 30 by default, today first. */
export const GET: (request: Request) => Promise<Response> = managed(readWanted, async ({ id, days }) => {
  const usage = await getApiKeyUsage(id, days);
  return usage ? answer({ usage }) : noSuchKey();
});

function readWanted(request: Request): Wanted | Response {
  const id = readKeyId(request, 2);
  if (id instanceof Response) return id;
  const days = new URL(request.url).searchParams.get('days') || '30';
  if (!/^\d{1,2}$/.test(days)) throw new FieldError('days', 'must be a whole number from 1 to 30');
  return { id, days: Number(days) };
}
