/** An answer that ends a request early. */
export class Refusal extends Error {
  readonly status: number;
  readonly allow: string | undefined;

  constructor(status: number, message: string, allow?: string) {
    super(message);
    this.name = 'Refusal';
    this.status = status;
    this.allow = allow;
  }
}
