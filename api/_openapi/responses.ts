import type { Schema } from './schemas.ts';

type Responses = Readonly<Record<string, unknown>>;

const RATE_HEADERS = { RateLimit: ref('headers/RateLimit'), 'RateLimit-Policy': ref('headers/RateLimitPolicy') };

/** What answers say of themselves, see docs/http.md. */
export const headers: Readonly<Record<string, unknown>> = {
  RateLimit: {
    description: 'What is left of each policy: draft-ietf-httpapi-ratelimit-headers-11.',
    schema: { type: 'string', examples: ['"ip";r=298;t=60, "key";r=59;t=59'] },
  },
  RateLimitPolicy: {
    description: 'What is offered.',
    schema: { type: 'string', examples: ['"ip";q=300;w=60, "key";q=60;w=60'] },
  },
  RetryAfter: { description: 'Seconds.', schema: { type: 'integer', minimum: 1 } },
  Degraded: {
    description: 'What could not rest on Redis, which is away: `limit`, `keys`.',
    schema: { type: 'string', examples: ['keys, limit'] },
  },
};

/** Every refusal that several operations have in common. */
export const responses: Responses = {
  BadRequest: refusal('`path-malformed`, `body-malformed`, or `field-invalid` with the field’s name.'),
  Unauthorized: refusal(
    '`api-key-missing`, `api-key-malformed` or `api-key-invalid`; `identity-unverified`; `metrics-token-invalid`.',
    {
      'WWW-Authenticate': { schema: { type: 'string' } },
    },
  ),
  Forbidden: refusal('`scope-missing`, `address-denied` or `key-denied`.'),
  NoSuchKey: refusal('`key-not-found`, or `not-found` where something is off.'),
  BodyLate: refusal('`body-late`.'),
  TooLarge: refusal('`content-too-large`: at most 64 KB.'),
  UnsupportedMediaType: refusal('`unsupported-media-type`: JSON is wanted.'),
  TooManyRequests: refusal('`quota-exceeded`, with `violated-policies`; or `too-many-unknown-keys`.', {
    'Retry-After': ref('headers/RetryAfter'),
    ...RATE_HEADERS,
  }),
  NotManagedHere: refusal('`keys-not-managed-here`: keys are on record in a source that takes no changes.'),
  Unavailable: refusal('Redis is away and nobody can say, or `misconfigured`. Never because of the client.', {
    'Retry-After': ref('headers/RetryAfter'),
  }),
};

const NAMES: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NoSuchKey',
  408: 'BodyLate',
  413: 'TooLarge',
  415: 'UnsupportedMediaType',
  429: 'TooManyRequests',
  501: 'NotManagedHere',
  503: 'Unavailable',
};

/** The shared refusals of these statuses. */
export function refusals(...statuses: readonly number[]): Responses {
  return Object.fromEntries(statuses.map((status) => [String(status), ref(`responses/${NAMES[status]}`)]));
}

/** An answer in JSON. */
export function answer(description: string, schema: Schema | string, more: Responses = {}): unknown {
  return {
    description,
    headers: { ...RATE_HEADERS, 'X-Breakwater-Degraded': ref('headers/Degraded'), ...more },
    content: { 'application/json': { schema: typeof schema === 'string' ? ref(`schemas/${schema}`) : schema } },
  };
}

export function ref(path: string): Schema {
  return { $ref: `#/components/${path}` };
}

function refusal(description: string, more: Responses = {}): unknown {
  const content = { 'application/problem+json': { schema: ref('schemas/Problem') } };
  return { description, ...(Object.keys(more).length > 0 && { headers: more }), content };
}
