import { access, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { routes } from '../app/api/[...path]/routes.ts';

interface Deployment {
  readonly framework: string;
  readonly crons: readonly { readonly path: string; readonly schedule: string }[];
  readonly functions: Readonly<Record<string, { readonly maxDuration: number }>>;
  readonly headers: readonly { readonly source: string }[];
}

const deployment = JSON.parse(await readFile('vercel.json', 'utf8')) as Deployment;

describe('vercel.json', () => {
  it('names the framework: without it Vercel takes the middleware for a function of its own', () => {
    expect(deployment.framework).toBe('nextjs');
  });

  it('calls by cron what is served, once an hour', () => {
    expect(deployment.crons).not.toEqual([]);
    for (const { path, schedule } of deployment.crons) {
      expect(routes.get(path.replace('/api/', ''))?.GET).toBeTypeOf('function');
      expect(schedule).toMatch(/^\d+ \* \* \* \*$/);
    }
  });

  it('gives time to functions that there are', async () => {
    for (const path of Object.keys(deployment.functions)) await access(path);
  });

  it('says the headers of all that api/ answers there: those of next.config.ts are for what Next serves', () => {
    expect(deployment.headers.map(({ source }) => source)).toContain('/api/(.*)');
  });
});
