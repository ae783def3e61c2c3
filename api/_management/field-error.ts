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

/** Names of fields and policies, joined by dots. Anything else may be something of the client's that nobody should repeat. */
function isNameable(field: string): boolean {
  return field.length <= 80 && /^[a-z][a-z0-9-]{0,31}(\.[a-z][a-z0-9-]{0,31})*$/i.test(field);
}
