import { answer, ref, refusals } from './responses.ts';

const id = { name: 'id', in: 'path', required: true, schema: ref('schemas/KeyId') };
const ADMIN = 'For keys with the scope `admin`.';
/** What the guard and every handler of keys may answer. */
const guarded = (...statuses: readonly number[]) => refusals(...statuses, 401, 403, 429, 503);

/** Managing API keys. */
export const keyPaths: Readonly<Record<string, unknown>> = {
  '/api/keys': {
    post: {
      operationId: 'createKey',
      tags: ['keys'],
      summary: 'Issue a key',
      description: `${ADMIN} The key is in the answer, and nowhere else.`,
      requestBody: { required: true, content: { 'application/json': { schema: ref('schemas/NewKey') } } },
      responses: {
        201: answer('The key, this once.', 'IssuedKey', { Location: { schema: { type: 'string' } } }),
        ...guarded(400, 408, 413, 415, 501),
      },
    },
    get: {
      operationId: 'listKeys',
      tags: ['keys'],
      summary: 'List active keys',
      description: ADMIN,
      parameters: [
        { name: 'limit', in: 'query', schema: { type: 'integer', minimum: 1, maximum: 1_000, default: 100 } },
        { name: 'after', in: 'query', schema: ref('schemas/KeyId'), description: 'The `next` of the page before.' },
      ],
      responses: { 200: answer('A page of keys.', 'KeyPage'), ...guarded(400, 501) },
    },
  },
  '/api/keys/{id}': {
    parameters: [id],
    get: {
      operationId: 'showKey',
      tags: ['keys'],
      summary: 'Show a key, revoked or not',
      description: ADMIN,
      responses: { 200: answer('What is on record.', 'ManagedKey'), ...guarded(404, 501) },
    },
    delete: {
      operationId: 'revokeKey',
      tags: ['keys'],
      summary: 'Revoke a key',
      description: `${ADMIN} It may be the one that asks.`,
      responses: {
        200: answer('It is revoked.', {
          type: 'object',
          properties: {
            revoked: { const: true },
            propagated: { type: 'boolean', description: 'Whether Redis has been told; else it is later.' },
          },
          required: ['revoked', 'propagated'],
          additionalProperties: false,
        }),
        ...guarded(404, 501),
      },
    },
  },
  '/api/keys/{id}/rotate': {
    parameters: [id],
    post: {
      operationId: 'rotateKey',
      tags: ['keys'],
      summary: 'Issue another key under the same id',
      description: ADMIN,
      requestBody: {
        content: {
          'application/json': {
            schema: {
              type: 'object',
              properties: {
                graceSeconds: { type: 'integer', minimum: 0, maximum: 31_536_000, description: 'For the key before.' },
              },
              additionalProperties: false,
            },
          },
        },
      },
      responses: { 200: answer('The new key, this once.', 'IssuedKey'), ...guarded(400, 404, 408, 413, 415, 501) },
    },
  },
  '/api/keys/{id}/usage': {
    parameters: [id],
    get: {
      operationId: 'showUsage',
      tags: ['keys'],
      summary: 'Requests of a key by day of UTC, today first',
      description: ADMIN,
      parameters: [{ name: 'days', in: 'query', schema: { type: 'integer', minimum: 1, maximum: 30, default: 30 } }],
      responses: {
        200: answer('One entry for each day.', {
          type: 'object',
          properties: {
            usage: {
              type: 'array',
              items: {
                type: 'object',
                properties: { day: { type: 'string', format: 'date' }, count: { type: 'integer', minimum: 0 } },
                required: ['day', 'count'],
                additionalProperties: false,
              },
            },
          },
          required: ['usage'],
          additionalProperties: false,
        }),
        ...guarded(400, 404, 501),
      },
    },
  },
};
