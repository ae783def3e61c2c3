import { problem } from '../../lib/guard/problem.ts';

/** A field of a request that cannot be what the client has sent. Names the field, never its value. */
export class FieldError extends Error {
  readonly field: string;

  constructor(field: string, expectation: string) {
    const name = isNameable(field) ? field : 'A field';
    super(`${name} ${expectation}`);
    this.name = 'FieldError';
    this.field = name;
  }
}

/** The answer to a field that cannot be. */
export function fieldProblem(field: string, message: string): Response {
  return problem(400, 'field-invalid', `${message}.`, { extensions: { field } });
}

/** Names of fields and policies, joined by dots. Anything else may be something of the client's that nobody should repeat. */
function isNameable(field: string): boolean {
  return field.length <= 80 && /^[a-z][a-z0-9-]{0,31}(\.[a-z][a-z0-9-]{0,31})*$/i.test(field);
}
