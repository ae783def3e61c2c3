import { describe, expect, it } from 'vitest';
import { type BatchSettings, createBatcher, type SubmitOptions } from '../../lib/client/batcher.ts';
import { ConfigError, DeadlineError, StoreError } from '../../lib/errors.ts';
import type { Command, Reply } from '../../lib/store/store.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';
import { allowNoUnhandledRejection } from '../support/unhandled-rejections.ts';

interface Request {
  readonly commands: readonly Command[];
  readonly signal: AbortSignal;
  answer(replies: readonly Reply[]): void;
  fail(error: unknown): void;
}

function batching(settings: BatchSettings = {}) {
  const clock = manualClock();
  clock.advance(3_600_000);
  const sent: Request[] = [];
  const seen: string[] = [];
  const batcher = createBatcher({
    ...settings,
    clock,
    timeoutMs: 1_000,
    send: (commands, { signal }) =>
      new Promise((resolve, reject) => {
        sent.push({ commands, signal, answer: resolve, fail: reject });
      }),
  });
  const submit = (commands: readonly Command[], options?: SubmitOptions) => {
    const promise = batcher.submit(commands, options);
    promise.then(
      (replies) => seen.push(`${commands[0]?.join(' ')}: ${JSON.stringify(replies)}`),
      (error: unknown) => seen.push(`${commands[0]?.join(' ')}! ${told(error)}`),
    );
    return promise;
  };
  /** What was sent, one text per request. */
  const wire = () => sent.map(({ commands }) => commands.map((command) => command.join(' ')).join(', '));
  const request = (index: number): Request => {
    const found = sent[index];
    if (!found) throw new Error(`there is no request ${index}`);
    return found;
  };
  return { clock, batcher, sent, seen, submit, wire, request };
}

function told(error: unknown): string {
  if (error instanceof DeadlineError) return `deadline, may have run: ${error.mayHaveRun}`;
  if (error instanceof StoreError) return `${error.kind}, may have run: ${error.mayHaveRun}`;
  return String(error);
}

/** Four requests that are under way, `r0` to `r3`. */
async function busy(settings: BatchSettings = {}) {
  const all = batching({ maxInFlight: 4, ...settings });
  for (let index = 0; index < 4; index += 1) {
    void all.submit([['GET', `r${index}`]]).catch(() => {});
    await all.clock.run(0);
  }
  expect(all.wire()).toEqual(['GET r0', 'GET r1', 'GET r2', 'GET r3']);
  expect(all.clock.pending()).toBe(0);
  return all;
}

allowNoUnhandledRejection();

describe('commands of one tick', () => {
  it('leave as one request, in order, and each caller gets its own replies', async () => {
    const { clock, seen, submit, wire, request } = batching();
    const all = [
      submit([['GET', 'a']]),
      submit([
        ['SET', 'b', 1],
        ['GET', 'b'],
      ]),
      submit([['INCR', 'c']]),
    ];
    expect(wire()).toEqual([]);
    await clock.run(0);
    expect(wire()).toEqual(['GET a, SET b 1, GET b, INCR c']);
    expect(clock.pending()).toBe(0);
    request(0).answer(['A', 'OK', '1', 7]);
    await Promise.all(all);
    expect(seen).toEqual(['GET a: ["A"]', 'SET b 1: ["OK","1"]', 'INCR c: [7]']);
  });

  it('do not wait for those of the tick before', async () => {
    const { clock, submit, wire } = batching();
    void submit([['GET', 'a']]);
    await clock.run(0);
    void submit([['GET', 'b']]);
    await clock.run(0);
    expect(wire()).toEqual(['GET a', 'GET b']);
  });

  it('leave in several requests where there are too many for one', async () => {
    const { clock, submit, wire } = batching({ maxCommands: 3 });
    for (let index = 0; index < 7; index += 1) void submit([['GET', `${index}`]]).catch(() => {});
    await clock.run(0);
    expect(wire()).toEqual(['GET 0, GET 1, GET 2', 'GET 3, GET 4, GET 5', 'GET 6']);
  });

  it('leave in several requests where they are too large for one', async () => {
    const value = 'x'.repeat(40);
    // SET + one letter + 40 is 44; a number counts as 8.
    const { clock, submit, wire } = batching({ maxSize: 88 });
    for (const key of ['a', 'b', 'c']) void submit([['SET', key, value]]);
    void submit([['SET', 'd', 1]]);
    await clock.run(0);
    expect(wire()).toEqual([`SET a ${value}, SET b ${value}`, `SET c ${value}, SET d 1`]);
  });

  it('stay together when they came from one caller, whatever the bounds', async () => {
    const { clock, submit, wire } = batching({ maxCommands: 2, maxSize: 10 });
    void submit([['GET', 'a']]);
    void submit([
      ['GET', 'b'],
      ['GET', 'c'],
      ['GET', 'a key that is longer than a request may be'],
    ]);
    void submit([['GET', 'd']]);
    await clock.run(0);
    expect(wire()).toEqual(['GET a', 'GET b, GET c, GET a key that is longer than a request may be', 'GET d']);
  });

  it("give nobody another's replies though a caller changes its array meanwhile", async () => {
    const { clock, batcher, submit, seen, wire, request } = batching();
    const careless: Command[] = [
      ['GET', 'a'],
      ['GET', 'b'],
    ];
    const mine = batcher.submit(careless);
    const other = submit([['GET', 'c']]);
    careless.pop();
    await clock.run(0);
    careless.pop();
    expect(wire()).toEqual(['GET a, GET b, GET c']);
    request(0).answer(['A', 'B', 'C']);
    await other;
    expect(await mine).toEqual(['A', 'B']);
    expect(seen).toEqual(['GET c: ["C"]']);
  });
});

describe('while all requests are out', () => {
  it('further commands gather, in order, and leave together when one returns', async () => {
    const { clock, seen, submit, wire, request } = await busy();
    for (const key of ['e', 'f', 'g']) {
      void submit([['GET', key]]);
      await clock.run(1);
    }
    expect(wire()).toHaveLength(4);
    request(2).answer(['R2']);
    await clock.run(0);
    expect(wire().slice(4)).toEqual(['GET e, GET f, GET g']);
    request(4).answer(['E', 'F', 'G']);
    await clock.run(0);
    expect(seen).toEqual(['GET r2: ["R2"]', 'GET e: ["E"]', 'GET f: ["F"]', 'GET g: ["G"]']);
    for (const index of [0, 1, 3]) request(index).answer([null]);
    await clock.run(0);
    expect(clock.pending()).toBe(0);
  });

  it('those are four, unless told otherwise', async () => {
    const { clock, submit, wire } = batching();
    for (let index = 0; index < 6; index += 1) {
      void submit([['GET', `${index}`]]).catch(() => {});
      await clock.run(0);
    }
    expect(wire()).toEqual(['GET 0', 'GET 1', 'GET 2', 'GET 3']);
  });

  it('a failed request makes room as well as an answered one', async () => {
    const { clock, submit, wire, request } = await busy();
    void submit([['GET', 'e']]).catch(() => {});
    request(0).fail(new StoreError('network', 'reset'));
    await clock.run(0);
    expect(wire().slice(4)).toEqual(['GET e']);
  });

  it('one request leaves for each that returns, first come first', async () => {
    const { clock, submit, wire, request } = await busy({ maxCommands: 2 });
    for (const key of ['e', 'f', 'g', 'h', 'i']) void submit([['GET', key]]).catch(() => {});
    request(0).answer([null]);
    await clock.run(0);
    expect(wire().slice(4)).toEqual(['GET e, GET f']);
    request(1).answer([null]);
    await clock.run(0);
    expect(wire().slice(4)).toEqual(['GET e, GET f', 'GET g, GET h']);
    request(2).answer([null]);
    await clock.run(0);
    expect(wire().slice(4)).toEqual(['GET e, GET f', 'GET g, GET h', 'GET i']);
  });

  it('what waits rejects at its own deadline, not before, and is never sent', async () => {
    const { clock, seen, submit, wire, request } = await busy();
    await clock.run(300);
    void submit([['SET', 'e', 1]]).catch(() => {});
    await clock.run(400);
    void submit([['SET', 'f', 1]]).catch(() => {});
    await clock.run(599);
    expect(seen).toEqual([]);
    await clock.run(1);
    expect(seen).toEqual(['SET e 1! deadline, may have run: false']);
    await clock.run(399);
    expect(seen).toHaveLength(1);
    await clock.run(1);
    expect(seen).toEqual(['SET e 1! deadline, may have run: false', 'SET f 1! deadline, may have run: false']);
    expect(clock.pending()).toBe(0);
    for (let index = 0; index < 4; index += 1) request(index).answer([null]);
    await clock.run(0);
    expect(wire()).toHaveLength(4);
  });

  it('what waits has a deadline of its own, also when it came a millisecond after the one before it', async () => {
    const { clock, seen, submit } = await busy();
    void submit([['GET', 'e']]).catch(() => {});
    await clock.run(1);
    void submit([['GET', 'f']]).catch(() => {});
    await clock.run(999);
    expect(seen).toEqual(['GET e! deadline, may have run: false']);
    await clock.run(1);
    expect(seen.slice(1)).toEqual(['GET f! deadline, may have run: false']);
  });

  it('one caller that joins late is not cut short by the deadline of the first in its batch', async () => {
    const { clock, seen, submit, request } = await busy();
    void submit([['SET', 'early', 1]]).catch(() => {});
    await clock.run(900);
    void submit([['SET', 'late', 1]]).catch(() => {});
    request(0).answer([null]);
    await clock.run(100);
    expect(seen).toEqual(['GET r0: [null]', 'SET early 1! deadline, may have run: true']);
    request(4).answer(['OK', 'OK']);
    await clock.run(0);
    expect(seen.slice(2)).toEqual(['SET late 1: ["OK"]']);
    expect(clock.pending()).toBe(0);
  });

  it('one caller that joins a place which everybody else has left has a deadline all the same', async () => {
    const { clock, seen, submit } = await busy();
    const controller = new AbortController();
    void submit([['GET', 'gone']], { signal: controller.signal }).catch(() => {});
    controller.abort('gone');
    void submit([['GET', 'stays']]).catch(() => {});
    await clock.run(1_000);
    expect(seen).toEqual(['GET gone! gone', 'GET stays! deadline, may have run: false']);
    expect(clock.pending()).toBe(0);
  });

  it('a write that left and was not answered in time may have run; a read never has', async () => {
    const { clock, seen, submit, wire, request } = await busy();
    void submit([['SET', 'e', 1]]).catch(() => {});
    void submit([['GET', 'f']]).catch(() => {});
    void submit([
      ['GET', 'g'],
      ['INCR', 'g'],
    ]).catch(() => {});
    request(0).answer([null]);
    await clock.run(1_000);
    expect(wire().slice(4)).toEqual(['SET e 1, GET f, GET g, INCR g']);
    expect(seen.slice(1)).toEqual([
      'SET e 1! deadline, may have run: true',
      'GET f! deadline, may have run: false',
      'GET g! deadline, may have run: true',
    ]);
    expect(request(4).signal.aborted).toBe(false);
    request(4).answer(['OK', null, null, 1]);
    await clock.run(0);
    expect(seen).toHaveLength(4);
    expect(clock.pending()).toBe(0);
  });

  it('no more than the bound may wait, and those who gave up do not count', async () => {
    const { clock, seen, submit, wire, request } = await busy({ maxQueued: 3 });
    const controller = new AbortController();
    void submit([['GET', 'e']], { signal: controller.signal }).catch(() => {});
    void submit([['GET', 'f']]);
    void submit([['GET', 'g']]);
    void submit([['SET', 'h', 1]]).catch(() => {});
    await clock.run(0);
    expect(seen).toEqual(['SET h 1! local, may have run: false']);
    controller.abort('gone');
    void submit([['GET', 'i']]);
    void submit([['GET', 'j']]).catch(() => {});
    await clock.run(0);
    expect(seen.slice(1)).toEqual(['GET e! gone', 'GET j! local, may have run: false']);
    request(0).answer([null]);
    await clock.run(0);
    expect(wire().slice(4)).toEqual(['GET f, GET g, GET i']);
    request(4).answer(['F', 'G', 'I']);
    await clock.run(0);
    expect(seen.slice(4)).toEqual(['GET f: ["F"]', 'GET g: ["G"]', 'GET i: ["I"]']);
  });

  it('no more than the bound may wait, however many have been answered before', async () => {
    const { clock, seen, submit, request } = await busy({ maxQueued: 2 });
    for (let index = 0; index < 4; index += 1) request(index).answer([null]);
    await clock.run(0);
    seen.splice(0);
    for (let index = 0; index < 4; index += 1) {
      void submit([['GET', `s${index}`]]);
      await clock.run(0);
    }
    for (const key of ['e', 'f', 'g']) void submit([['GET', key]]).catch(() => {});
    await clock.run(0);
    expect(seen).toEqual(['GET g! local, may have run: false']);
  });

  it('those who gave up and came again a thousand times take one place', async () => {
    const { clock, submit, wire, request } = await busy({ maxQueued: 2 });
    for (let index = 0; index < 1_000; index += 1) {
      const controller = new AbortController();
      const promise = submit([['GET', `${index}`]], { signal: controller.signal });
      controller.abort('gone');
      await expect(promise).rejects.toBe('gone');
    }
    expect(clock.pending()).toBe(0);
    void submit([['GET', 'last']]).catch(() => {});
    request(0).answer([null]);
    await clock.run(0);
    expect(wire().slice(4)).toEqual(['GET last']);
  });

  it.each<[string, BatchSettings]>([
    ['by count', { maxCommands: 2 }],
    ['by size', { maxSize: 10 }],
  ])('those who gave up leave their place in the batch to others, %s', async (_, settings) => {
    const { clock, submit, wire, request } = await busy(settings);
    const controller = new AbortController();
    void submit([['GET', 'dd']]).catch(() => {});
    void submit([['GET', 'ee']], { signal: controller.signal }).catch(() => {});
    controller.abort('gone');
    for (const key of ['ff', 'gg', 'hh']) void submit([['GET', key]]).catch(() => {});
    request(0).answer([null]);
    await clock.run(0);
    expect(wire().slice(4)).toEqual(['GET dd, GET ff']);
    request(1).answer([null]);
    await clock.run(0);
    expect(wire().slice(5)).toEqual(['GET gg, GET hh']);
  });

  it('requests that will never come back lose their places, so that others can leave', async () => {
    const { clock, seen, submit, wire, request } = await busy();
    await clock.run(1_500);
    void submit([['GET', 'e']]).catch(() => {});
    await clock.run(0);
    expect(wire()).toHaveLength(4);
    await clock.run(1);
    void submit([['GET', 'f']]).catch(() => {});
    await clock.run(0);
    expect(wire().slice(4)).toEqual(['GET e, GET f']);
    request(4).answer(['E', 'F']);
    await clock.run(0);
    expect(seen).toEqual(['GET e: ["E"]', 'GET f: ["F"]']);
  });
});

describe('a caller that gives up', () => {
  it('before the end of its tick is not sent', async () => {
    const { clock, seen, submit, wire, request } = batching();
    const controller = new AbortController();
    let left = false;
    const onSent = () => {
      left = true;
    };
    void submit([['SET', 'a', 1]], { signal: controller.signal, onSent }).catch(() => {});
    void submit([['GET', 'b']]);
    controller.abort('gone');
    await clock.run(0);
    expect(wire()).toEqual(['GET b']);
    expect(left).toBe(false);
    request(0).answer(['B']);
    await clock.run(0);
    expect(seen).toEqual(['SET a 1! gone', 'GET b: ["B"]']);
  });

  it('alone in its tick causes no request', async () => {
    const { clock, submit, wire } = batching();
    const controller = new AbortController();
    void submit([['GET', 'a']], { signal: controller.signal }).catch(() => {});
    controller.abort('gone');
    await clock.run(0);
    expect(wire()).toEqual([]);
    void submit([['GET', 'b']]);
    await clock.run(0);
    expect(wire()).toEqual(['GET b']);
  });

  it('after it was sent leaves the request to the others, and ends it as the last', async () => {
    const { clock, seen, submit, request } = batching();
    const controllers = [new AbortController(), new AbortController()];
    const left: number[] = [];
    for (const [index, { signal }] of controllers.entries()) {
      void submit([['GET', `${index}`]], { signal, onSent: () => left.push(index) }).catch(() => {});
    }
    await clock.run(0);
    expect(left).toEqual([0, 1]);
    controllers[0]?.abort('first');
    expect(request(0).signal.aborted).toBe(false);
    controllers[1]?.abort('last');
    expect(request(0).signal).toMatchObject({ aborted: true, reason: 'last' });
    request(0).fail('last');
    await clock.run(0);
    expect(seen).toEqual(['GET 0! first', 'GET 1! last']);
    expect(clock.pending()).toBe(0);
  });

  it('shifts nobody else to the wrong replies', async () => {
    const { clock, seen, submit, request } = batching();
    const controller = new AbortController();
    void submit([['GET', 'a']]);
    void submit([['MULTI'], ['EXEC']], { signal: controller.signal }).catch(() => {});
    void submit([['GET', 'c']]);
    await clock.run(0);
    controller.abort('gone');
    request(0).answer(['A', 'OK', [], 'C']);
    await clock.run(0);
    expect(seen).toEqual(['MULTI! gone', 'GET a: ["A"]', 'GET c: ["C"]']);
  });
});

describe('a request that is lost', () => {
  it('is lost for all its callers, and only those with a write are told that it may have run', async () => {
    const { clock, seen, submit, request } = batching();
    void submit([['GET', 'a']]).catch(() => {});
    void submit([
      ['GET', 'b'],
      ['INCR', 'c'],
    ]).catch(() => {});
    await clock.run(0);
    request(0).fail(new DeadlineError(1_000, true));
    await clock.run(0);
    expect(seen).toEqual(['GET a! deadline, may have run: false', 'GET b! deadline, may have run: true']);
  });
});

describe('the bounds of a batch', () => {
  it.each(['maxInFlight', 'maxCommands', 'maxSize', 'maxQueued'])(
    'must be whole numbers of at least 1: %s',
    (option) => {
      for (const value of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
        expect(() => batching({ [option]: value })).toThrow(ConfigError);
        expect(() => batching({ [option]: value })).toThrow(`batch.${option} must be a whole number of at least 1`);
      }
      expect(() => batching({ [option]: 1 })).not.toThrow();
    },
  );
});
