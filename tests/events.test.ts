import { describe, expect, it, vi } from 'vitest';
import { type BreakwaterEvent, emit } from '../lib/events.ts';

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
});
