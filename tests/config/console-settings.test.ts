import { describe, expect, it } from 'vitest';
import { isLoopback } from '../../lib/config/console-settings.ts';
import { readConsoleSettings } from '../../lib/config.ts';

const SECRET = 'hunter2-'.repeat(4);
const DEMO = {
  BREAKWATER_DEMO_TOKEN: SECRET,
  BREAKWATER_DEMO_CONTROL: 'http://127.0.0.1:4001',
  BREAKWATER_DEMO_SECRET: SECRET,
};

function refusal(env: Readonly<Record<string, string>>): string {
  try {
    readConsoleSettings(env);
  } catch (error) {
    return error instanceof Error ? error.message : '';
  }
  throw new Error('it was accepted');
}

describe('the console, as the environment has it', () => {
  it('is off, and no demo, unless the environment says so', () => {
    for (const env of [{}, { BREAKWATER_CONSOLE: ' ' }, { BREAKWATER_CONSOLE: 'off' }, { NODE_ENV: 'development' }]) {
      expect(readConsoleSettings(env)).toEqual({ isOn: false, origin: undefined, demo: undefined });
    }
    expect(readConsoleSettings({ BREAKWATER_CONSOLE: 'ON' }).isOn).toBe(true);
  });

  it('finds this server by the port that Next says, or where it is told', () => {
    expect(readConsoleSettings({ PORT: '3000' }).origin?.href).toBe('http://127.0.0.1:3000/');
    for (const port of ['0', '65536', '3000/x', 'pipe']) {
      expect(readConsoleSettings({ PORT: port }).origin).toBeUndefined();
    }
    const told = { PORT: '3000', BREAKWATER_CONSOLE_ORIGIN: 'https://inner.example:8443/base' };
    expect(readConsoleSettings(told).origin?.href).toBe('https://inner.example:8443/base');
  });

  it('is that of the demo when the demo has set all that belongs to it', () => {
    expect(readConsoleSettings(DEMO).demo).toEqual({
      token: SECRET,
      control: new URL('http://127.0.0.1:4001'),
      secret: SECRET,
    });
  });

  it.each([
    ['BREAKWATER_CONSOLE', { BREAKWATER_CONSOLE: 'hunter2' }],
    ['BREAKWATER_CONSOLE_ORIGIN', { BREAKWATER_CONSOLE_ORIGIN: 'hunter2' }],
    ['BREAKWATER_CONSOLE_ORIGIN', { BREAKWATER_CONSOLE_ORIGIN: 'http://me:hunter2@inner.example' }],
    ['BREAKWATER_CONSOLE_ORIGIN', { BREAKWATER_CONSOLE_ORIGIN: 'ftp://hunter2.example' }],
    ['BREAKWATER_DEMO_TOKEN', { BREAKWATER_DEMO_TOKEN: SECRET }],
    ['BREAKWATER_DEMO_TOKEN', { ...DEMO, BREAKWATER_DEMO_TOKEN: 'hunter2' }],
    ['BREAKWATER_DEMO_SECRET', { ...DEMO, BREAKWATER_DEMO_SECRET: 'hunter2' }],
    ['BREAKWATER_DEMO_CONTROL', { ...DEMO, BREAKWATER_DEMO_CONTROL: 'http://hunter2.example' }],
  ])('is refused by the name of %s, never by its value: %o', (name, env) => {
    const message = refusal(env as Record<string, string>);
    expect(message).toContain(name);
    expect(message).not.toContain('hunter2');
  });
});

describe('a name of this machine itself', () => {
  it('is one of three, with a port or without', () => {
    for (const host of ['localhost', 'LOCALHOST:3000', '127.0.0.1', '127.0.0.1:80', '[::1]', '[::1]:65535']) {
      expect(isLoopback(host)).toBe(true);
    }
    const others = [
      '',
      'localhost.evil.example',
      'evil.example:127',
      '127.0.0.1.nip.io',
      'localhost.',
      '0.0.0.0',
      '::1',
    ];
    for (const host of [...others, 'localhost:x', 'localhost:3000:1', 'user@localhost']) {
      expect(isLoopback(host)).toBe(false);
    }
  });
});
