import { paths } from './paths.ts';
import { headers, responses } from './responses.ts';
import { schemas } from './schemas.ts';

/** The OpenAPI 3.1 description of all that `api/` serves. */
export const document = {
  openapi: '3.1.0',
  info: {
    title: 'Breakwater',
    version: '1.0.0',
    description: 'Refusals are RFC 9457 problem details. An outage of Redis is never a 401 or a 429.',
    license: { name: 'MIT', identifier: 'MIT' },
  },
  servers: [{ url: '/' }],
  security: [{ bearer: [] }, { apiKey: [] }],
  paths,
  components: {
    securitySchemes: {
      bearer: { type: 'http', scheme: 'bearer', description: 'An API key.' },
      apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key' },
      cronSecret: { type: 'http', scheme: 'bearer', description: 'CRON_SECRET, as the platform shows it.' },
      metricsToken: { type: 'http', scheme: 'bearer', description: 'BREAKWATER_METRICS_TOKEN.' },
    },
    headers,
    responses,
    schemas,
  },
} as const;
