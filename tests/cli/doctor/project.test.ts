import { execFileSync } from 'node:child_process';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { FindingCode } from '../../../cli/doctor/finding.ts';
import { coversApi, matchersIn } from '../../../cli/doctor/project/matcher.ts';
import { changed, diagnose, HEALTHY, HEALTHY_FILES, ON_NODE, projectFolder } from '../../support/doctor-run.ts';

type Files = Readonly<Record<string, string | undefined>>;

const API = 'app/api/hello/route.ts';
const SECRET = `BREAKWATER_IDENTITY_SECRET=${HEALTHY.BREAKWATER_IDENTITY_SECRET}\n`;

async function look(files: Files, tracked: readonly string[] = []) {
  const folder = await projectFolder(files, tracked);
  return diagnose(HEALTHY, ['--offline', '--project', folder]);
}

describe('one thing that is wrong in a project', () => {
  it.each<[FindingCode, string, Files, (readonly string[])?]>([
    ['middleware-and-proxy', 'both names', { ...HEALTHY_FILES, 'proxy.ts': '' }],
    [
      'middleware-misplaced',
      'a middleware in the root beside src/app',
      { ...HEALTHY_FILES, [API]: undefined, 'src/app/api/hello/route.ts': '' },
    ],
    [
      'middleware-misplaced',
      'a middleware in src beside app',
      { ...HEALTHY_FILES, 'middleware.ts': undefined, 'src/middleware.ts': '' },
    ],
    [
      'matcher-without-api',
      'a matcher of another folder',
      { ...HEALTHY_FILES, 'middleware.ts': "export const config = { matcher: '/dashboard/:path*' };" },
    ],
    [
      'matcher-without-api',
      'the matcher that everybody copies',
      {
        ...HEALTHY_FILES,
        'middleware.ts':
          "export const config = {\n  matcher: [\n    /* all but */ '/((?!api|_next/static|_next/image|favicon.ico).*)',\n  ],\n};",
      },
    ],
    ['env-file-in-git', 'a secret in git', { ...HEALTHY_FILES, '.env.production': SECRET }, ['.env.production']],
    [
      'env-file-in-git',
      'a password in a URL in git',
      { ...HEALTHY_FILES, '.env': 'DATABASE_URL="postgres://me:opensesame@db/x"\n' },
      ['.env'],
    ],
    [
      'public-secret',
      'a secret for browsers in a file',
      { ...HEALTHY_FILES, '.env': `NEXT_PUBLIC_KEY="Bearer ${HEALTHY.CRON_SECRET}"\n` },
    ],
  ])('is named, and nothing else: %s, %s', async (code, _, files, tracked) => {
    const { status, codes } = await look(files, tracked);
    expect({ status, codes }).toEqual({ status: 1, codes: [code] });
  });

  it('is that a file names the Redis, and was not read', async () => {
    const folder = await projectFolder({ ...HEALTHY_FILES, '.env.local': 'REDIS_URL=redis://localhost\n' });
    const env = changed(HEALTHY, { NODE_ENV: '', KV_REST_API_URL: '', KV_REST_API_TOKEN: '' });
    const { codes, report } = await diagnose(env, ['--offline', '--project', folder]);
    expect(codes).toEqual(['no-redis', 'env-file-unread']);
    // As it has to be typed where the command was run.
    expect(JSON.stringify(report)).toContain(
      `doctor --project ${relative('', folder)} --env ${relative('', join(folder, '.env.local'))}"`,
    );
  });

  it('is not waited for where a pipe stands for a file', async () => {
    const folder = await projectFolder(HEALTHY_FILES);
    execFileSync('mkfifo', [join(folder, '.env')]);
    expect((await diagnose(HEALTHY, ['--offline', '--project', folder])).codes).toEqual([]);
  });
});

describe('a project that is as it should be', () => {
  it.each<[string, Files, (readonly string[])?]>([
    ['on Node', ON_NODE],
    [
      'below src',
      {
        ...HEALTHY_FILES,
        'middleware.ts': undefined,
        'src/middleware.ts': '',
        [API]: undefined,
        'src/app/api/a/route.ts': '',
      },
    ],
    [
      'whose matcher has conditions before it names the API',
      {
        ...HEALTHY_FILES,
        'middleware.ts':
          "export const config = { matcher: [{ source: '/((?!api).*)', missing: [{ type: 'header', key: 'purpose' }], }, '/api/:path*'] };",
      },
    ],
    ['with src for other things', { ...HEALTHY_FILES, 'src/lib/a.ts': '' }],
    [
      'without anything under /api',
      {
        ...HEALTHY_FILES,
        [API]: undefined,
        'app/page.tsx': '',
        'middleware.ts': "export const config = { matcher: '/a' };",
      },
    ],
    ['with secrets in a file that git does not have', { ...HEALTHY_FILES, '.env.local': SECRET }, ['package.json']],
    ['with examples in git', { ...HEALTHY_FILES, '.env.example': SECRET }, ['.env.example']],
    [
      'with settings in git',
      { ...HEALTHY_FILES, '.env': 'KV_REQUEST_TIMEOUT_MS=500\nDATABASE_URL=postgres://db/x\n' },
      ['.env'],
    ],
    [
      'with what opens nothing elsewhere in git',
      {
        ...HEALTHY_FILES,
        '.env': 'CRON_SECRET="encrypted:BE9Y7LKANx77X1pv1HnEoil93fPa5c9rp"\nKV_REST_API_TOKEN=$TOKEN_OF_OTHERS\n',
        '.env.development':
          'DATABASE_URL=postgres://postgres:postgres@localhost:5432/x\nREDIS_URL=redis://:opensesame@127.0.0.1\n',
        '.env.test': 'KV_REST_API_URL=http://localhost:8079\nKV_REST_API_TOKEN=token-of-this-machine\n',
      },
      ['.env', '.env.development', '.env.test'],
    ],
    ['with variables for browsers', { ...HEALTHY_FILES, '.env': 'NEXT_PUBLIC_NAME=Breakwater\n' }],
    [
      'without Breakwater in front',
      { ...HEALTHY_FILES, 'package.json': '{}', 'middleware.ts': "export const config = { matcher: '/a' };" },
    ],
    ['that is no project', {}],
  ])('has nothing said against it: one %s', async (_, files, tracked) => {
    expect((await look(files, tracked)).codes).toEqual([]);
  });
});

describe('the matchers of a middleware file', () => {
  it.each<[string, readonly string[] | undefined]>([
    ["export const config = { matcher: '/a' };", ['/a']],
    ['export const config = { runtime: "nodejs", matcher: ["/a", "/b/:path*",], };', ['/a', '/b/:path*']],
    [
      "export const config: ProxyConfig = { matcher: [{ source: '/a', has: [{ type: 'header', key: '/x' }] }] };",
      ['/a'],
    ],
    ["// export const config = { matcher: '/old' };\nexport const config = { matcher: `/a` };", ['/a']],
    ["export const config = { matcher: '/((?!api\\\\.).*)' };", ['/((?!api\\.).*)']],
    [
      "export const config = { matcher: ['/api/:path*', { source: '/a', missing: [{ type: 'header', key: '/x' }], locale: false }, '/b'] };",
      ['/api/:path*', '/a', '/b'],
    ],
    ["export const config = { 'matcher': { source: '/a//b' /* 'c' */ } };", ['/a//b']],
    ['export const config = { matcher: MATCHER };', undefined],
    ['export const config = { matcher: [...MATCHERS] };', undefined],
    ['export function middleware() {}', undefined],
  ])('are read off: %s', (source, matchers) => {
    expect(matchersIn(source)).toEqual(matchers);
  });

  it.each([
    ['/api/:path*', true],
    ['/api/:path+', true],
    ['/api/(.*)', true],
    ['/:path*', true],
    ['/(api|trpc)(.*)', true],
    ['/((?!_next/static|favicon.ico).*)', true],
    ['/((?!.+\\.[\\w]+$|_next).*)', true],
    ['/:section(api|admin)/:rest*', true],
    ['/api/one/route', true],
    ['/api', true],
    ['/', false],
    ['/about/:path*', false],
    ['/apis/:path*', false],
    ['/((?!api/|_next).*)', false],
    ['/((?!api|_next).*)', false],
    ['/(unbalanced', true],
  ])('cover /api or not: %s, %s', (matcher, covers) => {
    expect(coversApi([matcher])).toBe(covers);
  });
});
