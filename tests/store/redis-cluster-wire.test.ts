import { afterEach, describe, expect, it } from 'vitest';
import { createKv } from '../../lib/client/kv-client.ts';
import { keySlot } from '../../lib/store/cluster-slots.ts';
import { redisStore } from '../../lib/store/redis.ts';
import type { Store } from '../../lib/store/store.ts';
import { allSlotsAt, type FakeRedis, fakeRedis } from '../support/fake-redis.ts';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

type Answer = Parameters<typeof fakeRedis>[0];

/** Is a Cluster all by itself; the rest is up to `answer`. */
async function node(answer: Answer, slots = allSlotsAt): Promise<FakeRedis> {
  const fake = await fakeRedis((command, socket, name) => {
    if (command === 'PING') return '+PONG\r\n';
    if (command === 'CLUSTER SLOTS') return slots(Number(name.split(':')[1]));
    return answer(command, socket, name);
  });
  cleanUps.push(fake.stop);
  return fake;
}

function open(...fakes: readonly FakeRedis[]): Store {
  const store = redisStore({ cluster: { nodes: fakes.map(({ name }) => name) }, connectTimeoutMs: 300 });
  cleanUps.push(() => store.close());
  return store;
}

const sent = (fake: FakeRedis, name: string): number =>
  fake.received.filter((command) => command.startsWith(name)).length;

/** The lower half of the slots at one node, the upper at another. */
function halves(lower: FakeRedis, upper: () => FakeRedis | undefined) {
  const range = (first: number, last: number, port: number) =>
    `*3\r\n:${first}\r\n:${last}\r\n*2\r\n$9\r\n127.0.0.1\r\n:${port}\r\n`;
  return () => `*2\r\n${range(0, 8191, lower.port)}${range(8192, 16_383, upper()?.port ?? 1)}`;
}

describe('a cluster store of which all nodes have fallen silent', () => {
  it('asks a seed where they are now, however many they were', async () => {
    const silent = await Promise.all(Array.from({ length: 12 }, () => fakeRedis(() => undefined)));
    cleanUps.push(...silent.map(({ stop }) => stop));
    const span = Math.ceil(16_384 / silent.length);
    const range = ({ port }: FakeRedis, index: number) =>
      `*3\r\n:${index * span}\r\n:${Math.min(16_383, (index + 1) * span - 1)}\r\n*2\r\n$9\r\n127.0.0.1\r\n:${port}\r\n`;
    let isReplaced = false;
    const seed = await node(
      () => '$1\r\n1\r\n',
      (port) => (isReplaced ? allSlotsAt(port) : `*${silent.length}\r\n${silent.map(range).join('')}`),
    );
    const store = open(seed);
    await expect(store.execute([['GET', 'a']])).rejects.toMatchObject({ kind: 'network' });
    isReplaced = true;
    expect(await store.execute([['GET', 'a']])).toEqual(['1']);
  });
});

describe('what a cluster store writes', () => {
  it('is not written again when the connection is lost before the reply', async () => {
    const fake = await node((_, socket) => {
      socket.destroy();
      return undefined;
    });
    const store = open(fake);
    const calls = [
      store.execute([
        ['INCR', 'a'],
        ['INCR', 'b'],
      ]),
      store.execute([['INCR', 'c']]),
    ];
    for (const call of calls) await expect(call).rejects.toMatchObject({ kind: 'network', mayHaveRun: true });
    await expect(store.execute([['GET', 'x']])).rejects.toMatchObject({ kind: 'network' });
    for (const name of ['INCR a', 'INCR b', 'INCR c']) expect(sent(fake, name)).toBe(1);
  });

  it('is not written again for a Cluster that is down or about to move keys: those are replies', async () => {
    const fake = await node((command) =>
      command.endsWith('a') ? '-CLUSTERDOWN The cluster is down\r\n' : '-TRYAGAIN x\r\n',
    );
    expect(
      await open(fake).execute([
        ['INCR', 'a'],
        ['INCR', 'b'],
      ]),
    ).toEqual([{ error: 'CLUSTERDOWN The cluster is down' }, { error: 'TRYAGAIN x' }]);
    expect(sent(fake, 'INCR')).toBe(2);
  });

  it('is written five times more at most for nodes that send it round in circles', async () => {
    const fake = await node((command, _, name) => {
      return command.startsWith('INCR') ? `-MOVED ${keySlot('a')} ${name}\r\n` : ':7\r\n';
    });
    expect(
      await open(fake).execute([
        ['INCR', 'a'],
        ['DECR', 'b'],
      ]),
    ).toEqual([{ error: `MOVED ${keySlot('a')} ${fake.name}` }, 7]);
    expect([sent(fake, 'INCR'), sent(fake, 'DECR')]).toEqual([6, 1]);
  });

  it.each(['MOVED', 'ASK'])(
    'counts as an outage of the Cluster when that many times %s were not enough',
    async (kind) => {
      const fake = await node((command, _, name) => {
        return command === 'ASKING' ? '+OK\r\n' : `-${kind} ${keySlot('a')} ${name}\r\n`;
      });
      const kv = createKv({ store: open(fake) });
      await expect(kv.command(['INCR', 'a'])).rejects.toMatchObject({ code: 'STORE', kind: 'unavailable' });
      expect(kv.circuit.state()).toMatchObject({ consecutiveFailures: 1, lastFailure: { kind: 'unavailable' } });
      expect(sent(fake, 'INCR')).toBe(6);
    },
  );

  it('is not written where it moved to when the caller has given up on the way', async () => {
    let letIn = (): void => undefined;
    const target = await fakeRedis((command, socket) => {
      if (command !== 'PING') return ':1\r\n';
      letIn = () => socket.write('+PONG\r\n');
      return undefined;
    });
    cleanUps.push(target.stop);
    const source = await node(() => `-MOVED ${keySlot('a')} ${target.name}\r\n`);
    const store = open(source);
    const caller = new AbortController();
    const call = store.execute([['INCR', 'a']], { signal: caller.signal });
    await expect.poll(() => target.received).toEqual(['PING']);
    caller.abort();
    await expect(call).rejects.toMatchObject({ kind: 'aborted', mayHaveRun: false });
    letIn();
    await store.execute([['GET', 'a']]).catch(() => undefined);
    expect([sent(source, 'INCR'), sent(target, 'INCR')]).toEqual([1, 0]);
  });

  it('may have run when the rest of its batch did and the node that it is asked for at is not there', async () => {
    const fake = await node((command) => (command.endsWith(' a') ? '-ASK 15495 127.0.0.1:1\r\n' : ':1\r\n'));
    await expect(open(fake).execute([['INCR', 'a']])).rejects.toMatchObject({ kind: 'network', mayHaveRun: false });
    await expect(
      open(fake).execute([
        ['INCR', 'a'],
        ['INCR', 'b'],
      ]),
    ).rejects.toMatchObject({
      kind: 'network',
      mayHaveRun: true,
    });
    expect(sent(fake, 'INCR b')).toBe(1);
  });

  it('is nothing at all while one of the nodes of a batch cannot be reached', async () => {
    let slots = (): string => '';
    const lower = await node(
      () => ':1\r\n',
      () => slots(),
    );
    slots = halves(lower, () => undefined);
    const store = open(lower);
    const batch = store.execute([
      ['INCR', 'b'],
      ['INCR', 'a'],
    ]);
    await expect(batch).rejects.toMatchObject({ kind: 'network', mayHaveRun: false });
    expect(sent(lower, 'INCR')).toBe(0);
    expect(await store.execute([['INCR', 'b']])).toEqual([1]);
  });

  it('has left entirely or never will when the caller is told that a part of it was lost', async () => {
    let slots = (): string => '';
    let upper: FakeRedis | undefined;
    let reply = (): void => undefined;
    const lower = await node(
      (_, socket) => {
        reply = () => socket.write(':1\r\n');
        return undefined;
      },
      () => slots(),
    );
    upper = await node((_, socket) => {
      socket.destroy();
      return undefined;
    });
    slots = halves(lower, () => upper);
    let told = false;
    const batch = open(lower)
      .execute([
        ['INCR', 'b'],
        ['INCR', 'a'],
      ])
      .finally(() => {
        told = true;
      });
    const outcome = expect(batch).rejects.toMatchObject({ kind: 'network', mayHaveRun: true });
    await expect.poll(() => upper?.sockets.every((socket) => socket.destroyed)).toBe(true);
    await expect.poll(() => sent(lower, 'INCR')).toBe(1);
    expect(told).toBe(false);
    reply();
    await outcome;
  });

  it('goes where a silent node is not asked: the slots are learnt from another', async () => {
    const silent = await fakeRedis(() => undefined);
    cleanUps.push(silent.stop);
    const fake = await node(() => ':1\r\n');
    expect(await open(silent, fake).execute([['INCR', 'a']])).toEqual([1]);
  });

  it('is preceded by a question for the slots after something has moved, to a node that lives', async () => {
    let slots = (): string => '';
    const seed = await node(
      () => ':1\r\n',
      () => slots(),
    );
    let moved = false;
    const only = await node((command, _, name) => {
      if (moved || command !== 'INCR a') return ':1\r\n';
      moved = true;
      return `-MOVED ${keySlot('a')} ${name}\r\n`;
    });
    slots = () => allSlotsAt(only.port);
    const store = open(seed);
    expect(await store.execute([['INCR', 'a']])).toEqual([1]);
    expect([sent(seed, 'CLUSTER'), sent(only, 'CLUSTER')]).toEqual([1, 0]);
    seed.stop();
    await store.execute([['GET', 'a']]);
    await store.execute([['GET', 'b']]);
    expect([sent(seed, 'CLUSTER'), sent(only, 'CLUSTER')]).toEqual([1, 1]);
  });

  it('ends with the signal, also while nobody says where the slots are', async () => {
    const silent = await fakeRedis(() => undefined);
    cleanUps.push(silent.stop);
    const call = open(silent).execute([['INCR', 'a']], { signal: AbortSignal.timeout(50) });
    await expect(call).rejects.toMatchObject({ kind: 'aborted', mayHaveRun: false });
    await expect(open(silent).execute([['INCR', 'a']])).rejects.toMatchObject({ kind: 'network', mayHaveRun: false });
  });
});
