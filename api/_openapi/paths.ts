import { keyPaths } from './key-paths.ts';
import { answer, ref, refusals } from './responses.ts';
import { object } from './schemas.ts';

const NOBODY: readonly unknown[] = [];
const drained = { type: 'object', additionalProperties: ref('schemas/DrainSummary') };

/** Every path that is served, and what may come of it. */
export const paths: Readonly<Record<string, unknown>> = {
  '/api/health': {
    get: {
      operationId: 'health',
      tags: ['health'],
      summary: 'Liveness, and both circuit breakers',
      description: 'No I/O; 200 as long as the process answers. Middleware and handlers live in different memories.',
      security: NOBODY,
      responses: { 200: answer('The process answers.', 'Health') },
    },
  },
  '/api/health/redis': {
    get: {
      operationId: 'redisHealth',
      tags: ['health'],
      summary: 'Write a key to Redis and read it back',
      description: 'Three requests to Redis. 60 a minute for each address.',
      security: NOBODY,
      responses: {
        200: answer('Redis takes a value and gives it back.', 'RedisHealth'),
        503: answer('It does not.', 'RedisHealth'),
        ...refusals(429),
      },
    },
  },
  '/api/whoami': {
    get: {
      operationId: 'whoami',
      tags: ['identity'],
      summary: 'Who the key belongs to',
      responses: {
        200: answer('The identity that the middleware verified.', 'Identity'),
        ...refusals(400, 401, 403, 429, 503),
      },
    },
  },
  '/api/echo': {
    post: {
      operationId: 'echo',
      tags: ['identity'],
      summary: 'Send back what was sent',
      description: '20 times a minute for each key, beside the limits of the middleware.',
      requestBody: { content: { 'text/plain': { schema: { type: 'string', maxLength: 65_536 } } } },
      responses: {
        200: answer(
          'What was sent.',
          object(
            {
              owner: { type: 'string' },
              echo: { type: 'string' },
              remaining: { type: ['integer', 'null'], description: '`null` where nobody knows.' },
            },
            ['owner', 'echo', 'remaining'],
          ),
        ),
        ...refusals(400, 401, 403, 408, 413, 429, 503),
      },
    },
  },
  ...keyPaths,
  '/api/analytics/track': {
    post: {
      operationId: 'track',
      tags: ['analytics'],
      summary: 'Count an event',
      description:
        'While Redis is away it is kept for later, as far as there is room, and the answer is `approximate`.',
      requestBody: {
        required: true,
        content: {
          'application/json': {
            schema: object(
              {
                event: { type: 'string', minLength: 1 },
                dimensions: { type: 'object', description: 'Few, and of few values.' },
                id: { type: 'string', minLength: 1, maxLength: 128, description: 'Counts once within `ttlSeconds`.' },
                ttlSeconds: { type: 'integer', minimum: 1, maximum: 86_400, default: 300 },
              },
              ['event'],
            ),
          },
        },
      },
      responses: {
        200: answer(
          'It is counted, or was before.',
          object({ tracked: { type: 'boolean' }, reason: { const: 'duplicate' }, approximate: { const: true } }, [
            'tracked',
          ]),
        ),
        ...refusals(400, 401, 403, 408, 413, 415, 429, 503),
      },
    },
  },
  '/api/cron/sync-usage': {
    get: {
      operationId: 'syncUsage',
      tags: ['cron'],
      summary: 'Bring what was counted into PostgreSQL',
      security: [{ cronSecret: [] }],
      responses: {
        200: answer('All of it.', object({ synced: { const: true }, drained }, ['synced', 'drained'])),
        ...refusals(401, 429, 503),
      },
    },
  },
  '/api/metrics': {
    get: {
      operationId: 'metrics',
      tags: ['metrics'],
      summary: 'What was counted, for Prometheus',
      description:
        'Of the middleware and of the handlers, by `runtime`, and of Redis. Without BREAKWATER_METRICS_TOKEN there is nothing here in production, and it is open elsewhere.',
      security: [{ metricsToken: [] }],
      responses: {
        200: {
          description: 'Text format 0.0.4, or OpenMetrics 1.0 for who accepts it.',
          content: {
            'text/plain': { schema: { type: 'string' } },
            'application/openmetrics-text': { schema: { type: 'string' } },
          },
        },
        ...refusals(401, 404, 503),
      },
    },
  },
  '/api/openapi': {
    get: {
      operationId: 'openapi',
      tags: ['description'],
      summary: 'This description',
      security: NOBODY,
      responses: { 200: answer('OpenAPI 3.1.', { type: 'object' }), ...refusals(429) },
    },
  },
};
