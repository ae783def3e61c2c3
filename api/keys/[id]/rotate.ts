import { rotateApiKey } from '../../../lib/auth.ts';
import { FieldError } from '../../_management/field-error.ts';
import { readFields } from '../../_management/json-body.ts';
import { noSuchKey, readKeyId } from '../../_management/key-path.ts';
import { answer, managed } from '../../_management/managed.ts';

interface Rotation {
  readonly id: string;
  readonly graceSeconds: number | undefined;
}

/** A new key under the same id. The old one works for `graceSeconds` more, without a body not at all. */
export const POST: (request: Request) => Promise<Response> = managed(readRotation, async ({ id, graceSeconds }) => {
  const issued = await rotateApiKey(id, { graceSeconds });
  return issued ? answer(issued) : noSuchKey();
});

async function readRotation(request: Request): Promise<Rotation | Response> {
  const id = readKeyId(request, 2);
  if (id instanceof Response) return id;
  const fields = await readFields(request, { names: ['graceSeconds'], isOptional: true });
  if (fields instanceof Response) return fields;
  const { graceSeconds } = fields;
  if (graceSeconds !== undefined && typeof graceSeconds !== 'number') {
    throw new FieldError('graceSeconds', 'must be a number');
  }
  return { id, graceSeconds };
}
