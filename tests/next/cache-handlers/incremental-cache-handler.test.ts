import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CacheHandler, CacheHandlerContext } from 'next/dist/server/lib/incremental-cache/index.js';
import { afterAll, describe, expect, it } from 'vitest';
import { createKv } from '../../../lib/client/kv-client.ts';
import type { BreakwaterEvent } from '../../../lib/events.ts';
import { createIncrementalCacheHandler } from '../../../lib/next/cache-handlers/incremental-cache-handler.ts';
import { memoryStore } from '../../../lib/store/memory/memory-store.ts';
import type { Store } from '../../../lib/store/store.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { onEveryStore } from '../../support/every-store.ts';

type Value = NonNullable<Parameters<CacheHandler['set']>[1]>;
type GetContext = Parameters<CacheHandler['get']>[1];
type SetContext = Parameters<CacheHandler['set']>[2];

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** What Next passes for a request to the build `id`; without one as in development. */
function contextOf(id?: string): CacheHandlerContext {
  const folder = mkdtempSync(join(tmpdir(), 'breakwater-build-'));
  folders.push(folder);
  mkdirSync(join(folder, 'server'));
  if (id !== undefined) writeFileSync(join(folder, 'BUILD_ID'), `${id}\n`);
  const fs = { readFileSync } as CacheHandlerContext['fs'];
  return { serverDistDir: join(folder, 'server'), revalidatedTags: [], _requestHeaders: {}, ...(fs && { fs }) };
}

const BUILD = contextOf('build');
const PAGE_TAGS = { 'x-next-cache-tags': '_N_T_/page,mine' };
const page = (html: string) =>
  ({
    kind: 'APP_PAGE',
    html,
    rscData: Buffer.from([1, 2, 255]),
    headers: PAGE_TAGS,
    postponed: undefined,
    status: 200,
    segmentData: new Map([['/_tree', Buffer.from('segment')]]),
  }) as unknown as Value;
const fetched = (body: string) =>
  ({
    kind: 'FETCH',
    data: { headers: { a: 'b' }, body, status: 200, url: 'https://example.com/' },
    revalidate: 60,
    tags: ['own'],
  }) as unknown as Value;

const GET_PAGE = { kind: 'APP_PAGE', isFallback: false } as unknown as GetContext;
const GET_FETCH = {
  kind: 'FETCH',
  isFallback: false,
  tags: ['own'],
  softTags: ['_N_T_/page'],
} as unknown as GetContext;
const SET_PAGE: SetContext = { cacheControl: { revalidate: 60, expire: 3_600 } };
const SET_FETCH: SetContext = { fetchCache: true, tags: ['own'] };

function world(store: (clock: ReturnType<typeof manualClock>) => Store = (clock) => memoryStore({ clock })) {
  const clock = manualClock();
  const opened = store(clock);
  const events: BreakwaterEvent[] = [];
  const process = () => {
    const kv = createKv({ store: opened, clock, onEvent: (event) => events.push(event) });
    return createIncrementalCacheHandler({ kv, now: clock.now });
  };
  return { clock, process, events, store: opened };
}

/** As Next does it: one handler for one request, which looks, and then makes what it has not found. */
async function fill(handler: CacheHandler, value: Value, get: GetContext, set: SetContext) {
  await handler.get('key', get);
  await handler.set('key', value, set);
}

describe('a value', () => {
  it.each([
    ['page', page('<p>'), GET_PAGE, SET_PAGE],
    ['fetch', fetched('body'), GET_FETCH, SET_FETCH],
    [
      'response',
      { kind: 'APP_ROUTE', body: Buffer.from([0, 255]), headers: {}, status: 201 } as unknown as Value,
      { kind: 'APP_ROUTE', isFallback: false } as unknown as GetContext,
      SET_PAGE,
    ],
    [
      'page of the pages router',
      {
        kind: 'PAGES',
        html: '<p>',
        pageData: { rscData: 'x', bytes: { type: 'Buffer' } },
        headers: {},
        status: 200,
      } as unknown as Value,
      { kind: 'PAGES', isFallback: false } as unknown as GetContext,
      SET_PAGE,
    ],
    [
      'image',
      { kind: 'IMAGE', etag: 'a', upstreamEtag: 'b', buffer: Buffer.from([9]), extension: 'png' } as unknown as Value,
      { kind: 'IMAGE', isFallback: false } as unknown as GetContext,
      SET_PAGE,
    ],
  ])('that is a %s is read by another process as it was', async (_, value, get, set) => {
    const { clock, process } = world();
    const [One, Other] = [process(), process()];
    await fill(new One(BUILD), value, get, set);
    const found = await new Other(BUILD).get('key', get);
    expect(found?.value).toEqual(value);
    expect(found?.lastModified).toBe(clock.now());
    expect(found?.cacheControl).toEqual('cacheControl' in set ? set.cacheControl : undefined);
  });

  it('may be that there is nothing', async () => {
    const { process } = world();
    const Handler = process();
    await new Handler(BUILD).get('key', GET_PAGE);
    await new Handler(BUILD).set('key', null, SET_PAGE);
    expect(await new Handler(BUILD).get('key', GET_PAGE)).toMatchObject({ value: null });
  });

  it('belongs to its build if it is a page, and to all of them if it was fetched', async () => {
    const { process } = world();
    const Handler = process();
    await fill(new Handler(BUILD), page('<p>'), GET_PAGE, SET_PAGE);
    expect(await new Handler(contextOf('next')).get('key', GET_PAGE)).toBeNull();
    expect(await new Handler(contextOf()).get('key', GET_PAGE)).toBeNull();
    expect(await new Handler(contextOf('build')).get('key', GET_PAGE)).not.toBeNull();
    await fill(new Handler(BUILD), fetched('x'), GET_FETCH, SET_FETCH);
    expect(await new Handler(contextOf('next')).get('key', GET_FETCH)).not.toBeNull();
  });

  it('that is damaged is a miss and an event', async () => {
    const { process, store, events } = world();
    const Handler = process();
    await fill(new Handler(BUILD), fetched('x'), GET_FETCH, SET_FETCH);
    const [text] = await store.execute([['GET', 'cache:next:fetch:key']]);
    const damages = [
      String(text).slice(0, -1),
      String(text).replace('"kind"', '"k"'),
      String(text).replace('lastModified', 'l'),
      String(text).replace('"bytes":{}', '"bytes":1'),
      String(text).replace('"bytes":{}', '"bytes":{"body":1}'),
      String(text).replace('"maps":{}', '"maps":{"segmentData":1}'),
      String(text).replace('"maps":{}', '"maps":{"segmentData":[1]}'),
      String(text).replace('"maps":{}', '"maps":{"segmentData":[["a"]]}'),
    ];
    for (const damaged of damages) {
      await store.execute([['SET', 'cache:next:fetch:key', damaged]]);
      expect(await new Handler(BUILD).get('key', GET_FETCH)).toBeNull();
    }
    expect(events.map(({ type }) => type)).toEqual(damages.map(() => 'unreadable'));
  });
});

describe('a revalidation', () => {
  it.each([
    ['of a tag of its page ends a page', 'mine', page('<p>'), GET_PAGE, SET_PAGE],
    ['of its path ends a page', '_N_T_/page', page('<p>'), GET_PAGE, SET_PAGE],
    ['of its own tag ends what was fetched', 'own', fetched('x'), GET_FETCH, SET_FETCH],
    ['of the path that asks ends what was fetched', '_N_T_/page', fetched('x'), GET_FETCH, SET_FETCH],
  ])('%s, in every process', async (_, tag, value, get, set) => {
    const { process } = world();
    const [One, Other] = [process(), process()];
    await fill(new One(BUILD), value, get, set);
    await new Other(BUILD).revalidateTag('another');
    expect(await new Other(BUILD).get('key', get)).not.toBeNull();
    await new One(BUILD).revalidateTag([tag]);
    expect([await new One(BUILD).get('key', get), await new Other(BUILD).get('key', get)]).toEqual([null, null]);
    await fill(new One(BUILD), value, get, set);
    expect(await new Other(BUILD).get('key', get)).not.toBeNull();
  });

  it('of a tag that is no well-formed Unicode reaches every process, and ends no other tag', async () => {
    const { process } = world();
    const [One, Other] = [process(), process()];
    await new One(BUILD).get('another', GET_FETCH);
    for (const tag of ['\ud800', '\ufffd']) {
      await new One(BUILD).set(tag, fetched('x'), { fetchCache: true, tags: [tag] });
    }
    const tagged = (tag: string) => ({ kind: 'FETCH', isFallback: false, tags: [tag] }) as unknown as GetContext;
    expect(await new Other(BUILD).get('\ud800', tagged('\ud800'))).not.toBeNull();
    await new One(BUILD).revalidateTag('\ud800');
    expect(await new Other(BUILD).get('\ud800', tagged('\ud800'))).toBeNull();
    expect(await new Other(BUILD).get('\ufffd', tagged('\ufffd'))).not.toBeNull();
  });

  it('between a request and what it has made ends that', async () => {
    const { process } = world();
    const [One, Other] = [process(), process()];
    const request = new One(BUILD);
    await request.get('key', GET_FETCH);
    await new Other(BUILD).revalidateTag('own');
    // Another request of the process learns of it meanwhile.
    await new One(BUILD).get('another', GET_FETCH);
    await request.set('key', fetched('old'), SET_FETCH);
    expect(await new One(BUILD).get('key', GET_FETCH)).toBeNull();
  });

  it('ends what a request makes that has not looked for it first, if it began before', async () => {
    const { process } = world();
    const [One, Other] = [process(), process()];
    await new One(BUILD).get('another', GET_FETCH);
    const request = new One(BUILD);
    await new Other(BUILD).revalidateTag('own');
    await new One(BUILD).get('another', GET_FETCH);
    await request.set('key', fetched('old'), SET_FETCH);
    expect(await new Other(BUILD).get('key', GET_FETCH)).toBeNull();
    await new One(BUILD).set('key', fetched('new'), SET_FETCH);
    expect(await new Other(BUILD).get('key', GET_FETCH)).not.toBeNull();
  });

  it('by a profile leaves it to be served in a form that Next takes for outdated', async () => {
    const { clock, process } = world();
    const Handler = process();
    await fill(new Handler(BUILD), page('<p>'), GET_PAGE, SET_PAGE);
    await fill(new Handler(BUILD), fetched('x'), GET_FETCH, SET_FETCH);
    clock.advance(5);
    await new Handler(BUILD).revalidateTag(['mine', 'own'], { expire: 300 });
    const stalePage = await new Handler(BUILD).get('key', GET_PAGE);
    expect(stalePage).toMatchObject({
      lastModified: clock.now() - 2_000,
      cacheControl: { revalidate: 1, expire: 3_600 },
    });
    const staleFetch = await new Handler(BUILD).get('key', GET_FETCH);
    expect(staleFetch?.lastModified).toBe(clock.now() - 61_000);
    const asked = await new Handler(BUILD).get('key', { ...GET_FETCH, revalidate: 500 } as unknown as GetContext);
    expect(asked?.lastModified).toBe(clock.now() - 501_000);
    clock.advance(299_999);
    expect(await new Handler(BUILD).get('key', GET_PAGE)).not.toBeNull();
    clock.advance(1);
    expect(await new Handler(BUILD).get('key', GET_PAGE)).toBeNull();
  });
});

onEveryStore("Next's classic cache", (current) => {
  it('keeps pages and what was fetched for all processes until it is revalidated', async () => {
    const { process } = world(() => current());
    const [One, Other] = [process(), process()];
    await fill(new One(BUILD), page('<p>'), GET_PAGE, SET_PAGE);
    expect((await new Other(BUILD).get('key', GET_PAGE))?.value).toEqual(page('<p>'));
    await new Other(BUILD).revalidateTag('mine');
    expect(await new One(BUILD).get('key', GET_PAGE)).toBeNull();
    expect(One.stats()).toMatchObject({ writes: 1, revalidated: 1, pendingRevalidations: 0 });
  });
});
