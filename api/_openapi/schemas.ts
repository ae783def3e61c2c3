/** JSON Schema 2020-12, as OpenAPI 3.1 has it. */
export type Schema = Readonly<Record<string, unknown>>;

const instant: Schema = { type: 'integer', description: 'Unix milliseconds.' };
const count: Schema = { type: 'integer', minimum: 0 };
const circuitName: Schema = { enum: ['CLOSED', 'OPEN', 'HALF_OPEN'] };

const quota = object(
  {
    limit: { type: 'integer', minimum: 1, description: 'Permits of a window.' },
    windowMs: { type: 'integer', minimum: 1, description: 'In milliseconds.' },
    burst: { type: 'integer', minimum: 1, description: 'Permits at once. `limit` unless said.' },
  },
  ['limit', 'windowMs'],
);

const limits: Schema = {
  type: 'object',
  additionalProperties: { $ref: '#/components/schemas/Quota' },
  description: 'Other numbers than the policy’s, by its name.',
};

const scopes: Schema = { type: 'array', items: { type: 'string' }, maxItems: 64 };

const record = {
  id: { $ref: '#/components/schemas/KeyId' },
  owner: { type: 'string', maxLength: 256 },
  scopes,
  limits,
  config: { description: 'The application’s own payload; `null` for none.' },
  dailyQuota: {
    type: ['integer', 'null'],
    minimum: 1,
    description: 'Requests of a day of UTC; `null` for any number.',
  },
  generation: { ...count, description: 'Raised by each rotation and by revocation.' },
  createdAt: instant,
  expiresAt: { ...instant, type: ['integer', 'null'], description: 'Unix milliseconds; `null` for never.' },
  display: { type: 'string', description: 'Prefix and last four characters: what may be shown of the key.' },
};

const required = Object.keys(record);

/** What requests and answers are made of. */
export const schemas: Readonly<Record<string, Schema>> = {
  Problem: {
    type: 'object',
    description: 'RFC 9457. Says what the client can use, and nothing of the inside.',
    properties: {
      type: { type: 'string', description: '`about:blank`, or the URI of a registered type.' },
      title: { type: 'string' },
      status: { type: 'integer', minimum: 400, maximum: 599 },
      detail: { type: 'string', description: 'For people.' },
      code: { type: 'string', pattern: '^[a-z][a-z-]*$', description: 'For programs: stays as it is.' },
      field: { type: 'string', description: 'With `field-invalid`: which one. Never its value.' },
      'violated-policies': { type: 'array', items: { type: 'string' }, description: 'With `quota-exceeded`.' },
      'may-have-changed': { type: 'boolean', description: 'The change may have been made: look before repeating it.' },
    },
    required: ['type', 'title', 'status', 'detail', 'code'],
  },
  Quota: quota,
  KeyId: { type: 'string', pattern: '^key_[0-9A-Za-z]{16}$', description: 'Names a key, and opens nothing.' },
  Identity: object({ id: { $ref: '#/components/schemas/KeyId' }, owner: { type: 'string' }, scopes }, [
    ...['id', 'owner', 'scopes'],
  ]),
  ApiKey: object(record, required),
  ManagedKey: object({ ...record, status: { enum: ['active', 'revoked'] } }, [...required, 'status']),
  IssuedKey: object(
    {
      key: { type: 'string', description: 'The key itself. Shown here once, and stored nowhere.' },
      record: { $ref: '#/components/schemas/ApiKey' },
    },
    ['key', 'record'],
  ),
  NewKey: object(
    {
      owner: { type: 'string', minLength: 1, maxLength: 256, description: 'Whose key it is.' },
      scopes,
      limits,
      dailyQuota: record.dailyQuota,
      config: { description: 'The application’s own payload.' },
      expiresAt: {
        oneOf: [instant, { type: 'string', format: 'date-time' }, { type: 'null' }],
        description: 'Unix milliseconds, or ISO 8601 with its zone.',
      },
      expiresInSeconds: { type: 'integer', minimum: 1, description: 'In the place of `expiresAt`.' },
    },
    ['owner'],
  ),
  KeyPage: object(
    {
      keys: { type: 'array', items: { $ref: '#/components/schemas/ApiKey' }, description: 'Active, the oldest first.' },
      next: { type: ['string', 'null'], description: 'The `after` of the next page; `null` after the last.' },
    },
    ['keys', 'next'],
  ),
  Circuit: {
    type: 'object',
    properties: {
      state: circuitName,
      mode: { enum: ['AUTO', 'FORCED_OPEN', 'DISABLED', 'METRICS_ONLY'] },
      isHealthy: { type: 'boolean', description: '`false` only while OPEN.' },
      retryAfterMs: { type: 'number', description: 'Until a request can be let through; only while they are refused.' },
    },
    required: ['state', 'mode', 'isHealthy'],
  },
  Health: object(
    {
      status: { enum: ['ok', 'degraded'] },
      middleware: { oneOf: [{ $ref: '#/components/schemas/Circuit' }, { type: 'null' }] },
      handler: { $ref: '#/components/schemas/Circuit' },
    },
    ['status', 'middleware', 'handler'],
  ),
  RedisHealth: object(
    { status: { enum: ['ok', 'unavailable'] }, latencyMs: { type: ['number', 'null'] }, circuit: circuitName },
    ['status', 'latencyMs', 'circuit'],
  ),
  DrainSummary: object({ status: { enum: ['drained', 'unavailable', 'failed'] }, rows: count }, ['status', 'rows']),
};

export function object(properties: Readonly<Record<string, Schema>>, requiredNames: readonly string[]): Schema {
  return { type: 'object', properties, required: requiredNames, additionalProperties: false };
}
