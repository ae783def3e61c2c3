import { describe, expect, it } from 'vitest';
import { streamLooks } from '../../../api/_console/event-stream.ts';
import { createSampler, MAX_WATCHERS } from '../../../api/_console/sampler.ts';
import type { ConsoleSnapshot } from '../../../api/_console/snapshot.ts';
import { manualClock } from '../../../lib/testing/manual-clock.ts';
import { lookAt } from '../../support/console-look.ts';

function rig() {
  const clock = manualClock();
  const state = { holds: true, asked: 0, fails: false };
  const look = async (): Promise<ConsoleSnapshot> => {
    if (state.fails) throw new Error('gone');
    return lookAt(clock.now());
  };
  const sampler = createSampler({ look, clock });
  const leave = {
    holds: async () => {
      state.asked += 1;
      return state.holds;
    },
  };
  const open = (init: RequestInit = {}) =>
    streamLooks(new Request('https://example.test/api/console/stream', init), { sampler, leave, clock });
  return { clock, state, sampler, open };
}

const decoder = new TextDecoder();

/** What has come so far. */
async function textOf(reader: ReadableStreamDefaultReader<Uint8Array>, chunks: number): Promise<string> {
  let text = '';
  for (let index = 0; index < chunks; index += 1) text += decoder.decode((await reader.read()).value);
  return text;
}

/** How many there were before the end; does not answer without one. */
async function chunksOf(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<number> {
  for (let chunks = 0; ; chunks += 1) if ((await reader.read()).done) return chunks;
}

const readerOf = (response: Response) => {
  if (!response.body) throw new Error('no body');
  return response.body.getReader();
};

describe('the stream of looks', () => {
  it('is made of server-sent events that nothing on the way keeps, packs or holds back', () => {
    const { headers } = rig().open();
    expect(headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(headers.get('cache-control')).toBe('no-store, no-transform');
    expect(headers.get('x-accel-buffering')).toBe('no');
  });

  it('begins with what was seen before, says when to come back, and goes on with one look a second', async () => {
    const { clock, open } = rig();
    const first = readerOf(open());
    await clock.run(1_000);
    const at = clock.now();
    expect(await textOf(first, 3)).toBe(
      [
        'retry: 2000\nevent: history\ndata: []\n\n',
        ...[at - 1_000, at].map((id) => `id: ${id}\nevent: snapshot\ndata: ${JSON.stringify(lookAt(id))}\n\n`),
      ].join(''),
    );
    const second = readerOf(open());
    expect(await textOf(second, 1)).toContain(`"at":${at - 1_000},`);
  });

  it('leaves out of the history what the client has', async () => {
    const { clock, open } = rig();
    readerOf(open());
    await clock.run(2_000);
    const resumed = readerOf(open({ headers: { 'last-event-id': String(clock.now() - 1_000) } }));
    const text = await textOf(resumed, 1);
    expect([text.includes(`"at":${clock.now()},`), text.includes(`"at":${clock.now() - 1_000},`)]).toEqual([
      true,
      false,
    ]);
    for (const id of ['x', '-1', '1e9', '9'.repeat(400)]) {
      const answered = await textOf(readerOf(open({ headers: { 'last-event-id': id } })), 1);
      expect(answered).toContain(`"at":${clock.now() - 2_000},`);
    }
  });

  it('sends a comment where there is nothing to see', async () => {
    const { clock, state, open } = rig();
    state.fails = true;
    const reader = readerOf(open());
    await clock.run(0);
    expect(await textOf(reader, 2)).toMatch(/\n\n: no look\n\n$/);
  });

  it.each([
    ['reads no more', (reader: ReadableStreamDefaultReader<Uint8Array>) => void reader.cancel()],
    ['is gone', (_: unknown, gone: AbortController) => gone.abort()],
  ])('leaves nothing behind when its client %s', async (_, leave) => {
    const { clock, open } = rig();
    const gone = new AbortController();
    const reader = readerOf(open({ signal: gone.signal }));
    await clock.run(1_500);
    leave(reader, gone);
    expect(clock.pending()).toBe(0);
    gone.abort();
    await reader.cancel();
    await clock.run(5_000);
    expect(clock.pending()).toBe(0);
  });

  it('leaves nothing behind of a client that is gone before it begins', async () => {
    const { clock, open } = rig();
    for (let index = 0; index <= MAX_WATCHERS; index += 1) {
      expect(open({ signal: AbortSignal.abort() }).status).toBe(200);
    }
    await clock.run(1_000);
    expect(clock.pending()).toBe(0);
  });

  it('leaves a client that takes nothing', async () => {
    const { clock, open } = rig();
    const bytes = JSON.stringify(lookAt(clock.now())).length;
    const reader = readerOf(open());
    await clock.run(Math.ceil((4 * 1024 * 1024) / bytes) * 1_000 - 60_000);
    expect(clock.pending()).toBe(1);
    await clock.run(180_000);
    expect(clock.pending()).toBe(0);
    // Its place is another's now: 4 MB that wait for it, for as long as its connection stands, would be so for each of many.
    await expect(reader.read()).rejects.toThrow('reads too slowly');
  });

  it('ends within 5 seconds of the end of its leave, and a second for the look', async () => {
    const { clock, state, open } = rig();
    const reader = readerOf(open());
    await clock.run(12_000);
    expect(state.asked).toBe(2);
    state.holds = false;
    await clock.run(6_000);
    expect(clock.pending()).toBe(0);
    expect(await chunksOf(reader)).toBeLessThanOrEqual(1 + 18);
  });

  it('ends when the server is told to stop', async () => {
    const { clock, sampler, open } = rig();
    const reader = readerOf(open());
    await clock.run(0);
    sampler.end();
    expect(await chunksOf(reader)).toBe(2);
    expect(clock.pending()).toBe(0);
  });

  it('is refused with 503 and the time to wait when too many watch, and leaves them alone', async () => {
    const { clock, open } = rig();
    for (let index = 0; index < MAX_WATCHERS; index += 1) open();
    const response = open();
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('10');
    expect(await response.json()).toMatchObject({ code: 'console-busy' });
    await clock.run(1_000);
    expect(clock.pending()).toBe(1);
  });

  it('is not opened for a look at its headers', async () => {
    const { clock, open } = rig();
    const response = open({ method: 'HEAD' });
    expect([response.status, response.body]).toEqual([200, null]);
    await clock.run(0);
    expect(clock.pending()).toBe(0);
  });
});
