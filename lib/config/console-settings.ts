import { ConfigError } from '../errors.ts';
import type { Read } from './variables.ts';

/** Whether there is a console, and for whom. */
export interface ConsoleSettings {
  /** For everybody with an API key that has the scope `admin`. */
  readonly isOn: boolean;
  /** Where this server hears itself, base path included; `undefined` where nobody can say. */
  readonly origin: URL | undefined;
  /** Only in an application that the demo has started. */
  readonly demo: DemoSettings | undefined;
}

export interface DemoSettings {
  /** Made for that run. Who shows it may watch, and take the store away. */
  readonly token: string;
  /** The port of the demo's own process, on the loopback interface, and what that wants to be shown. */
  readonly control: URL;
  readonly secret: string;
}

const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);
const MIN_LENGTH = 32;

/** @throws ConfigError naming the variable, never its value. */
export function readConsole(read: Read): ConsoleSettings {
  const word = read('BREAKWATER_CONSOLE')?.toLowerCase() ?? 'off';
  if (word !== 'on' && word !== 'off') throw new ConfigError('BREAKWATER_CONSOLE', 'must be on or off');
  return { isOn: word === 'on', origin: readOrigin(read), demo: readDemo(read) };
}

/** Whether a host, with its port or without, is a name of this machine itself: no other can be made to lead here. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.has(host.replace(/:\d{1,5}$/, '').toLowerCase());
}

/** `next start` says on which port it listens. */
function readOrigin(read: Read): URL | undefined {
  const origin = read('BREAKWATER_CONSOLE_ORIGIN');
  if (origin !== undefined) return readUrl('BREAKWATER_CONSOLE_ORIGIN', origin);
  const port = read('PORT');
  return port !== undefined && /^[1-9]\d{0,4}$/.test(port) && Number(port) < 65_536
    ? new URL(`http://127.0.0.1:${port}`)
    : undefined;
}

function readDemo(read: Read): DemoSettings | undefined {
  const names = ['BREAKWATER_DEMO_TOKEN', 'BREAKWATER_DEMO_CONTROL', 'BREAKWATER_DEMO_SECRET'] as const;
  const [token, control, secret] = names.map(read);
  if (token === undefined && control === undefined && secret === undefined) return undefined;
  if (token === undefined || control === undefined || secret === undefined) {
    throw new ConfigError(
      'BREAKWATER_DEMO_TOKEN',
      'is set by the demo, with all that belongs to it, and by nobody else',
    );
  }
  if (token.length < MIN_LENGTH) throw new ConfigError('BREAKWATER_DEMO_TOKEN', `must have ${MIN_LENGTH} characters`);
  if (secret.length < MIN_LENGTH) throw new ConfigError('BREAKWATER_DEMO_SECRET', `must have ${MIN_LENGTH} characters`);
  const url = readUrl('BREAKWATER_DEMO_CONTROL', control);
  if (!isLoopback(url.host)) throw new ConfigError('BREAKWATER_DEMO_CONTROL', 'must be on the loopback interface');
  return { token, control: url, secret };
}

function readUrl(name: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    throw new ConfigError(name, 'must be a URL with http or https, and without user and password');
  }
  return url;
}
