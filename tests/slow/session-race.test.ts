import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeBundle } from '../../bench/node-bundle.mjs';
import { type ChildOf, startChild } from '../support/process-calls.ts';
import { startRedis } from '../support/redis-server.ts';
import type { SessionProcess } from '../support/session-process.ts';

const PROCESSES = 4;
const ROUNDS = 150;

const processes: ChildOf<SessionProcess>[] = [];
const cleanUps: (() => unknown)[] = [];

beforeAll(async () => {
  const redis = await startRedis();
  cleanUps.push(redis.stop);
  const program = await nodeBundle('tests/support/session-process.ts');
  cleanUps.push(program.remove);
  processes.push(...Array.from({ length: PROCESSES }, () => startChild<SessionProcess>(program.path)));
  await Promise.all(processes.map(({ call }) => call.open(redis.url)));
});

afterAll(async () => {
  await Promise.all(processes.map((one) => one.stop()));
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
});

describe('sessions of four processes on one Redis', () => {
  it.each([
    ['is destroyed', (one: ChildOf<SessionProcess>, token: string) => one.call.end(token)],
    ['is revoked with all of its user', (one: ChildOf<SessionProcess>) => one.call.revoke('ada')],
  ])('one that %s while others save and rotate it is over in all of them, and stays so', async (_what, end) => {
    const [first, second, third, fourth] = processes;
    if (!first || !second || !third || !fourth) throw new Error('not started');
    let [saves, rotations] = [0, 0];
    for (let round = 0; round < ROUNDS; round += 1) {
      const { token, session } = await first.call.create('ada');
      // Whoever saves goes on until it is over: a session that came back would keep him here for good.
      const saving = [second, third].map(({ call }) => call.saveOn(token));
      const rotating = round % 3 === 0 ? null : fourth.call.rotate(session, round % 3 === 1 ? 0 : 30_000);
      const status = await end(first, token);
      const [rotated, ...counts] = await Promise.all([rotating, ...saving]);
      expect(['ended', 'revoked', 'none']).toContain(status);
      saves += counts.reduce((sum, count) => sum + count, 0);
      if (rotated !== null) rotations += 1;
      const tokens = rotated === null ? [token] : [token, rotated];
      const seen = await Promise.all(processes.flatMap(({ call }) => tokens.map((one) => call.statusOf(one))));
      expect(new Set(seen)).toEqual(new Set(['none']));
    }
    console.log(`${ROUNDS} ends met ${saves} saves and ${rotations} rotations`);
    expect(saves).toBeGreaterThan(0);
    expect(rotations).toBeGreaterThan(0);
  });
});
