import { describe, expect, it } from 'vitest';
import { stripUpstashFlags } from '../../lib/store/script-flags.ts';

describe('a script made fit for a stock Redis', () => {
  it.each([
    [
      'loses a first line that has only the flag of Upstash, not its line',
      '#!lua flags=allow-key-locking\nreturn 1',
      '\nreturn 1',
    ],
    [
      'keeps its other flags',
      '#!lua flags=no-writes,allow-key-locking,allow-stale\nreturn 1',
      '#!lua flags=no-writes,allow-stale\nreturn 1',
    ],
    ['keeps its name', '#!lua name=mine flags=allow-key-locking\nreturn 1', '#!lua name=mine\nreturn 1'],
    ['loses the flag before a carriage return', '#!lua flags=allow-key-locking\r\nreturn 1', '\nreturn 1'],
    ['is empty when it was nothing else', '#!lua flags=allow-key-locking', ''],
  ])('%s', (_, lua, expected) => {
    expect(stripUpstashFlags(lua)).toBe(expected);
  });

  it.each([
    ['without first line of its kind', "return 'flags=allow-key-locking'"],
    ['with flags that Redis knows', '#!lua flags=no-writes\nreturn 1'],
    ['with a bare first line', '#!lua\nreturn 1'],
    ['with odd spaces, none of them ours', '#!lua   flags=no-writes  \nreturn 1'],
    ['with a flag that only resembles it', '#!lua flags=allow-key-locking-x\nreturn 1'],
    ['that is empty', ''],
  ])('%s stays as it is', (_, lua) => {
    expect(stripUpstashFlags(lua)).toBe(lua);
  });
});
