import { readDuration } from './duration.ts';
import { Failure } from './failure.ts';

/** One option of a command. */
export interface Option<Value> {
  /** What stands for its value in help; a switch has none. */
  readonly placeholder?: string | undefined;
  readonly description: string;
  /** The value where it is not given. */
  readonly initial: Value;
  /** Whether it has to be given. @default false */
  readonly isRequired?: boolean | undefined;
  /** The option, as its name in the declaration, that cannot be given as well. */
  readonly excludes?: string | undefined;
  /** The value of `text`; `before` is that of the same option earlier on the line. @throws Failure naming `flag` */
  read(text: string, flag: string, before: Value): Value;
}

/** A switch. */
export function flag(description: string, { excludes }: { readonly excludes?: string } = {}): Option<boolean> {
  return { description, initial: false, excludes, read: () => true };
}

export function text(placeholder: string, description: string): Option<string | undefined> {
  return { placeholder, description, initial: undefined, read: (given) => given };
}

export function requiredText(placeholder: string, description: string): Option<string> {
  return { placeholder, description, initial: '', isRequired: true, read: (given) => given };
}

/** As often as needed. */
export function texts(placeholder: string, description: string): Option<readonly string[]> {
  return { placeholder, description, initial: [], read: (given, _flag, before) => [...before, given] };
}

export interface WholeOptions<Initial> {
  readonly from: number;
  readonly to: number;
  readonly initial: Initial;
}

/** A whole number in decimal digits. */
export function whole<Initial extends number | undefined>(
  placeholder: string,
  description: string,
  { from, to, initial }: WholeOptions<Initial>,
): Option<number | Initial> {
  return {
    placeholder,
    description,
    initial,
    read(given, name) {
      const number = /^(?:0|[1-9]\d{0,14})$/.test(given) ? Number(given) : Number.NaN;
      if (number >= from && number <= to) return number;
      throw new Failure(2, `${name} must be a whole number from ${from} to ${to}`);
    },
  };
}

/** A time such as `12h`, in milliseconds. */
export function duration<Initial extends number | undefined>(
  placeholder: string,
  description: string,
  initial: Initial,
): Option<number | Initial> {
  return { placeholder, description, initial, read: (given, name) => readDuration(name, given) };
}

/** One of these words. */
export function choice<const Word extends string>(
  placeholder: string,
  description: string,
  words: readonly [Word, ...Word[]],
  { excludes }: { readonly excludes?: string } = {},
): Option<Word> {
  return {
    placeholder,
    description,
    initial: words[0],
    excludes,
    read(given, name) {
      const word = words.find((one) => one === given);
      if (word !== undefined) return word;
      throw new Failure(2, `${name} must be one of ${words.join(', ')}`);
    },
  };
}

/** What all commands but some have. */
export const JSON_OPTION: Option<boolean> = flag('print one JSON document, and nothing else, on standard output');

/** `dailyQuota` as `--daily-quota`. */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
