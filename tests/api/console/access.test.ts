import { describe, expect, it, vi } from 'vitest';
import { consoleAccess } from '../../../api/_console/access.ts';
import { useDefaultEnvironment } from '../../support/default-environment.ts';

useDefaultEnvironment();

const TOKEN = 'the token of this run, with 32 characters';
const at = (host?: string) => consoleAccess(new Headers(host === undefined ? {} : { host }));

function startedByDemo(): void {
  vi.stubEnv('BREAKWATER_DEMO_TOKEN', TOKEN);
  vi.stubEnv('BREAKWATER_DEMO_SECRET', TOKEN);
  vi.stubEnv('BREAKWATER_DEMO_CONTROL', 'http://127.0.0.1:4001');
}

describe('who finds a console', () => {
  it('is nobody unless it is switched on, on this machine neither', () => {
    expect(at('localhost:3000')).toEqual({ mode: 'off' });
  });

  it('is everybody with a key once it is on', () => {
    vi.stubEnv('BREAKWATER_CONSOLE', 'on');
    expect(at('app.example')).toEqual({ mode: 'key' });
  });

  it('is who sits at the machine where the demo runs, and gets its token', () => {
    startedByDemo();
    for (const host of ['localhost:3000', '127.0.0.1:3000', '[::1]:3000']) {
      expect(at(host)).toEqual({ mode: 'demo', token: TOKEN });
    }
  });

  it('is nobody in the demo by a name that somebody else has made lead here, switched on or not', () => {
    startedByDemo();
    vi.stubEnv('BREAKWATER_CONSOLE', 'on');
    for (const host of ['rebound.example:3000', 'localhost.example', undefined]) {
      expect(at(host)).toEqual({ mode: 'off' });
    }
  });
});
