import { describe, expect, it, vi } from 'vitest';
import { type BreakwaterEvent, emit } from '../lib/events.ts';
import { allowNoUnhandledRejection } from './support/unhandled-rejections.ts';

allowNoUnhandledRejection();

const EVENT: BreakwaterEvent = { type: 'quota', at: 1 };

describe('a listener', () => {
  it('that throws costs nobody anything, and what it threw is reported', () => {
    const report = vi.fn();
    const thrown = new Error('mine');
    emit(
      () => {
        throw thrown;
      },
      EVENT,
      report,
    );
    expect(report).toHaveBeenCalledExactlyOnceWith(thrown);
  });

  it('that answers with a rejected promise is reported as well, and leaves no unhandled rejection', async () => {
    const report = vi.fn();
    const thrown = new Error('later');
    emit(async () => Promise.reject(thrown), EVENT, report);
    await vi.waitFor(() => expect(report).toHaveBeenCalledExactlyOnceWith(thrown));
  });

  it('for errors of listeners that throws itself is the end of it', () => {
    const fail = () => {
      throw new Error('again');
    };
    expect(() => emit(fail, EVENT, fail)).not.toThrow();
  });

  it('for errors of listeners that rejects is the end of it too', async () => {
    let reports = 0;
    // No mock: that would look after its promises.
    emit(
      async () => Promise.reject(new Error('later')),
      EVENT,
      async () => {
        reports += 1;
        throw new Error('again');
      },
    );
    await vi.waitFor(() => expect(reports).toBe(1));
  });
});
