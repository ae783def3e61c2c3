import { describe, expect, it } from 'vitest';
import { createPlanMeter, type PlanSettings, usedBytes } from '../../lib/client/plan-meter.ts';
import type { BreakwaterEvent } from '../../lib/events.ts';
import { manualClock } from '../../lib/testing/manual-clock.ts';

function metering(plan: PlanSettings) {
  const events: BreakwaterEvent[] = [];
  const clock = manualClock();
  return { meter: createPlanMeter(plan, clock, (event) => events.push(event)), clock, events };
}

describe('the meter of a plan', () => {
  it('tells of commands and of bytes apart, each by its own limit', () => {
    const { meter, clock, events } = metering({ commandsPerDay: 10, maxBytes: 1_000 });
    const at = clock.now();
    meter.count(8);
    meter.weigh(1_000);
    expect(events).toEqual([
      { type: 'plan', at, resource: 'commands', used: 8, limit: 10, share: 0.8 },
      { type: 'plan', at, resource: 'bytes', used: 1_000, limit: 1_000, share: 0.8 },
      { type: 'plan', at, resource: 'bytes', used: 1_000, limit: 1_000, share: 1 },
    ]);
  });

  it.each<[keyof PlanSettings]>([['commandsPerDay'], ['maxBytes']])(
    'may have one of something, and no less: %s',
    (option) => {
      expect(() => metering({ [option]: 1 })).not.toThrow();
      expect(() => metering({ [option]: 0 })).toThrow(`plan.${option} must be a whole number of at least 1, got 0`);
    },
  );
});

describe('the bytes that Redis holds', () => {
  it.each([
    ['# Memory\r\nused_memory:1024\r\nused_memory_human:1K\r\n', 1_024],
    ['used_memory:7\nused_memory_rss:9\n', 7],
    ['used_memory:5', 5],
    ['used_memory_rss:9\r\nmem_used_memory:8\r\n', undefined],
    ['used_memory:12K\r\n', undefined],
    ['used_memory:\r\n', undefined],
    ['', undefined],
    [null, undefined],
    [42, undefined],
    [['used_memory:5'], undefined],
  ])('of %j are %s', (info, bytes) => {
    expect(usedBytes(info)).toBe(bytes);
  });
});
