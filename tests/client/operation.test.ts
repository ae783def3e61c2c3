import { describe, expect, it } from 'vitest';
import { type ClientInstrumentation, UNTOLD } from '../../lib/client/instrumented.ts';
import type { Lane } from '../../lib/client/lane.ts';
import { runOperation } from '../../lib/client/operation.ts';
import type { OperationEnd } from '../../lib/client/telemetry.ts';
import { CommandError, StoreError } from '../../lib/errors.ts';
import type { Reply } from '../../lib/store/store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';

/** What is told of one operation that `lane` answers. */
async function toldOf(lane: Lane, signal?: AbortSignal): Promise<OperationEnd | undefined> {
  let told: OperationEnd | undefined;
  const instrumentation: ClientInstrumentation = {
    ...UNTOLD,
    active: true,
    operation: (_commands, _atomic, work) => {
      work();
      return (end: OperationEnd) => {
        told = end;
      };
    },
    waited() {},
    request() {},
    coalesced() {},
    transition() {},
    close() {},
  };
  await runOperation({ instrumentation, clock: manualClock(), lane }, [['PING']], { signal }).catch(() => {});
  return told;
}

const answering = (replies: readonly Reply[]) => toldOf({ ask: async () => replies });

describe('what is told of an operation', () => {
  it('is its own error where the caller has left too late to matter', async () => {
    const controller = new AbortController();
    const error = new StoreError('network', 'reset');
    const lane: Lane = {
      async ask() {
        controller.abort('left');
        throw error;
      },
    };
    expect(await toldOf(lane, controller.signal)).toEqual({ durationMs: 0, error, aborted: false });
  });

  it('is that the caller has left where that is what ended it', async () => {
    const controller = new AbortController();
    const lane: Lane = {
      async ask() {
        controller.abort('left');
        throw controller.signal.reason;
      },
    };
    expect(await toldOf(lane, controller.signal)).toEqual({ durationMs: 0, error: 'left', aborted: true });
  });

  it('is the first error, but a script that Redis asks for only where there is no other', async () => {
    const noScript = { error: 'NOSCRIPT No matching script.' };
    expect(await answering(['OK', noScript, { error: 'WRONGTYPE of 2' }, { error: 'ERR of 3' }])).toMatchObject({
      error: { replyCode: 'WRONGTYPE' },
    });
    expect((await answering(['OK', noScript]))?.error).toBeInstanceOf(CommandError);
    expect((await answering(['OK', null]))?.error).toBeUndefined();
  });
});
