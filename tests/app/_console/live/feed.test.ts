import { afterEach, describe, expect, it, vi } from 'vitest';
import { retryAfterMs } from '../../../../app/_console/live/connection.ts';
import {
  askOnce,
  POLL_MS,
  POLLS_BETWEEN_STREAMS,
  pause,
  SILENCE_MS,
  SNAPSHOT_PATH,
  STREAM_PATH,
  startFeed,
} from '../../../../app/_console/live/feed.ts';
import { eventually } from '../../../support/eventually.ts';
import { look } from '../../../support/looks.ts';
import { feedRig, writtenStream } from '../../../support/looks-feed.ts';

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

function started(headers: Record<string, string> = {}) {
  const rig = feedRig();
  const stream = writtenStream();
  rig.answer(stream.response);
  const end = startFeed({ headers, ...rig });
  ends.push(end);
  return { ...rig, stream, end };
}

const heard = (told: readonly string[], count: number) => eventually(() => told.length >= count);

describe('one look', () => {
  it.each([
    ['a look', () => Response.json(look(3)), 3],
    ['a refusal', () => new Response(null, { status: 403 }), undefined],
    ['what is no look', () => Response.json({ at: 3 }), undefined],
    ['what cannot be read', () => new Response('<html>'), undefined],
    ['nobody', () => new TypeError('fetch failed'), undefined],
  ])('is what %s answers, and never an error', async (_, answer, at) => {
    const rig = feedRig();
    rig.answer(answer());
    expect((await askOnce({ headers: { a: 'b' }, fetch: rig.fetch }))?.at).toBe(at);
    expect(rig.asked.map(({ path, headers }) => [path, headers])).toEqual([[SNAPSHOT_PATH, { a: 'b' }]]);
  });
});

describe('the feed of looks', () => {
  it('reads one stream, with the headers that it was given', async () => {
    const { stream, asked, told } = started({ authorization: 'Bearer key' });
    stream.write('history', [look(1), look(2)]);
    stream.write('snapshot', look(3));
    await heard(told, 5);
    expect(asked.map(({ path, headers }) => [path, headers])).toEqual([[STREAM_PATH, { authorization: 'Bearer key' }]]);
    expect(told).toEqual(['connecting', 'history 1,2', 'live stream', 'look 3', 'live stream']);
  });

  it('says that it is lost when the stream ends, and reads another one', async () => {
    const { stream, told, asked, clock, answer } = started();
    stream.write('snapshot', look(1));
    stream.end();
    await heard(told, 4);
    expect(told.slice(3)).toEqual(['lost server']);
    const again = writtenStream();
    answer(again.response);
    clock.advance(retryAfterMs(1));
    again.write('history', [look(2)]);
    await heard(told, 6);
    expect(told.slice(4)).toEqual(['history 2', 'live stream']);
    expect(asked).toHaveLength(2);
  });

  it('asks at growing distances while nobody answers, and never stops', async () => {
    const { stream, told, asked, clock, answer } = started();
    stream.end();
    for (let failures = 1; failures <= 6; failures++) {
      await eventually(() => told.length === 1 + failures);
      expect(asked).toHaveLength(failures);
      clock.advance(retryAfterMs(failures) - 1);
      expect(asked).toHaveLength(failures);
      answer(new TypeError('fetch failed'));
      clock.advance(1);
    }
    expect(told.slice(0, 3)).toEqual(['connecting', 'lost server', 'lost network']);
    expect([1, 2, 3, 4, 5, 99].map(retryAfterMs)).toEqual([500, 1_000, 2_000, 4_000, 5_000, 5_000]);
  });

  it('takes a stream that has gone silent for lost', async () => {
    const { stream, told, asked, clock } = started();
    stream.write('snapshot', look(1));
    await heard(told, 3);
    await eventually(() => clock.pending() > 0);
    clock.advance(SILENCE_MS);
    await heard(told, 4);
    expect(told.at(-1)).toBe('lost silent');
    expect(asked[0]?.signal.aborted).toBe(true);
  });

  it('asks for each look where the stream does not come through, and tries that again after a while', async () => {
    const { told, asked, clock, answer } = started();
    for (let at = 1; at <= POLLS_BETWEEN_STREAMS; at++) answer(Response.json(look(at)));
    await eventually(() => {
      clock.advance(SILENCE_MS);
      return asked.length > 1;
    });
    for (let at = 1; at <= POLLS_BETWEEN_STREAMS; at++) {
      await eventually(() => told.includes(`look ${at}`) && clock.pending() > 0);
      clock.advance(POLL_MS);
    }
    await eventually(() => asked.length === POLLS_BETWEEN_STREAMS + 2);
    expect(asked.map(({ path }) => path)).toEqual([
      STREAM_PATH,
      ...Array.from({ length: POLLS_BETWEEN_STREAMS }, () => SNAPSHOT_PATH),
      STREAM_PATH,
    ]);
    expect(told.slice(0, 3)).toEqual(['connecting', 'look 1', 'live polling']);
    expect(told.some((line) => line.startsWith('lost'))).toBe(false);
  });

  it('asks for each look where the stream brings its history, and is held back after that', async () => {
    const { stream, told, asked, clock, answer } = started();
    stream.write('history', [look(1)]);
    await heard(told, 3);
    answer(Response.json(look(2)));
    await eventually(() => {
      clock.advance(SILENCE_MS);
      return told.length >= 5;
    });
    expect(told.slice(3)).toEqual(['look 2', 'live polling']);
    expect(asked[0]?.signal.aborted).toBe(true);
  });

  it('gives up a look whose answer does not begin, or ends in the middle, and leaves no request behind', async () => {
    for (const first of [undefined, new Response(new ReadableStream())]) {
      const { told, asked, clock, answer } = started();
      if (first) answer(first);
      await eventually(() => {
        if (told.length === 1) clock.advance(SILENCE_MS);
        return told.length >= 2;
      });
      expect(told).toEqual(['connecting', 'lost silent']);
      expect(asked.map(({ path, signal }) => [path, signal.aborted])).toEqual([
        [STREAM_PATH, true],
        [SNAPSHOT_PATH, true],
      ]);
    }
  });

  it('leaves no listener behind, however many looks it asks for', async () => {
    const added = vi.spyOn(AbortSignal.prototype, 'addEventListener');
    const removed = vi.spyOn(AbortSignal.prototype, 'removeEventListener');
    vi.useFakeTimers();
    const { signal } = new AbortController();
    for (let waited = 0; waited < 100; waited++) {
      const over = pause(POLL_MS, signal);
      vi.advanceTimersByTime(POLL_MS);
      await over;
    }
    vi.useRealTimers();
    expect(added).toHaveBeenCalledTimes(100);
    expect(removed).toHaveBeenCalledTimes(100);
    vi.restoreAllMocks();
  });

  it.each([401, 403, 404])('asks no more after %i, which nothing here changes', async (status) => {
    const rig = feedRig();
    rig.answer(new Response(null, { status }));
    ends.push(startFeed({ headers: {}, ...rig }));
    await heard(rig.told, 2);
    expect(rig.told).toEqual(['connecting', 'refused']);
    rig.clock.advance(3_600_000);
    expect(rig.asked).toHaveLength(1);
  });

  it.each([
    [429, 'lost limited'],
    [503, 'lost server'],
  ])('asks again after %i', async (status, says) => {
    const rig = feedRig();
    rig.answer(new Response(null, { status }));
    ends.push(startFeed({ headers: {}, ...rig }));
    await heard(rig.told, 2);
    expect(rig.told.at(-1)).toBe(says);
    await eventually(() => rig.clock.pending() > 0);
    rig.clock.advance(retryAfterMs(1));
    await eventually(() => rig.asked.length === 2);
  });

  it('does not break at what is no look, and reconnects at what cannot be read', async () => {
    const { stream, told } = started();
    stream.write('history', [null, { at: 'x' }, look(7)]);
    stream.write('snapshot', { at: 8 });
    stream.write('news', look(9));
    stream.writeText('event: snapshot\ndata: {"at":\n\n');
    await heard(told, 4);
    expect(told).toEqual(['connecting', 'history 7', 'live stream', 'lost unreadable']);
  });

  it('ends with all that it began, and tells nothing after', async () => {
    const { stream, told, asked, clock, end } = started();
    stream.write('snapshot', look(1));
    await heard(told, 3);
    end();
    await eventually(() => asked[0]?.signal.aborted === true && clock.pending() === 0);
    stream.write('snapshot', look(2));
    await new Promise((resolve) => setTimeout(resolve));
    expect(told).toHaveLength(3);
    expect(asked).toHaveLength(1);
  });
});
