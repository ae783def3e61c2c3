import { ConfigError } from '../errors.ts';

/** The value of a variable without the white space around it; `undefined` for an empty one, which is an unset one. */
export type Read = (name: string) => string | undefined;

/** A list separated by commas, without what is empty in it. */
export function readList(text: string): readonly string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean);
}

/** @throws ConfigError for what is no number of milliseconds. */
export function readMs(read: Read, name: string): number | undefined {
  const text = read(name);
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new ConfigError(name, 'must be a whole number of milliseconds of at least 1');
  return Number(text);
}

/** @throws ConfigError for what is no whole number, of at most fifteen digits. */
export function readCount(read: Read, name: string): number | undefined {
  const text = read(name);
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new ConfigError(name, 'must be a whole number of at least 1');
  return Number(text);
}

/** @throws ConfigError for what is neither `true` nor `false`. */
export function readSwitch(read: Read, name: string, fallback: boolean): boolean {
  const text = read(name)?.toLowerCase();
  if (text === undefined) return fallback;
  if (text !== 'true' && text !== 'false') throw new ConfigError(name, 'must be true or false');
  return text === 'true';
}

/** Lets the one who will get the value say what it accepts, and says it of the variable instead of the option. */
export function underName(variables: Readonly<Record<string, string>>, check: () => unknown): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const expectation = error.message.slice(error.setting.length + 1);
    throw new ConfigError(variables[error.setting] ?? error.setting, expectation);
  }
}
