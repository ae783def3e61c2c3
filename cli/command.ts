import type { Option } from './option.ts';

/** What a command has of the outside world. */
export interface CommandIo {
  /** One line on standard output: what was asked for. */
  print(line: string): void;
  /** One line on standard error: what went wrong, or is worth knowing. */
  complain(line: string): void;
  /**
   * What is going on, on the last line of the terminal that standard error is, in the place of what was said so before;
   * nothing with an empty line. @default standard error is no terminal, and nobody is told
   */
  readonly progress?: ((line: string) => void) | undefined;
  /** The first line of standard input. Rejects when `stop` fires. */
  readLine(): Promise<string>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Fires when the command is asked to stop. */
  readonly stop: AbortSignal;
  /** The terminal that standard output is. @default it is none: help is plain, and 80 columns wide */
  readonly terminal?: { readonly columns: number; readonly colours: boolean } | undefined;
}

export type Options = Readonly<Record<string, Option<unknown>>>;

/** What a command was given, checked. */
export interface Given<O extends Options = Options> {
  /** By their names in the declaration; what was not given is what that says. */
  readonly options: { readonly [Name in keyof O]: O[Name] extends Option<infer Value> ? Value : never };
  /** At most as many as are declared. */
  readonly positionals: readonly string[];
}

export interface Positional {
  /** In capitals. */
  readonly name: string;
  readonly description: string;
  /** What is said where it is missing. @default it may be */
  readonly missing?: string | undefined;
}

/** The meanings of exit statuses. */
export type Statuses = Readonly<Partial<Record<0 | 1 | 2 | 3, string>>>;

/** What is named in help, and what is said of it. */
export type Note = readonly [name: string, meaning: string];

/** One command: what it is given, what help says of it, and what it does. The one place where any of that is written. */
export interface CliCommand<O extends Options = Options> {
  readonly name: string;
  /** One line without an end, for the list that it stands in. */
  readonly summary: string;
  /** Whole sentences. */
  readonly description: string;
  readonly positionals?: readonly Positional[] | undefined;
  /** By their names in camel case: `fromEnv` is `--from-env`. */
  readonly options: O;
  /** Command lines without `breakwater`, and what each of them does. */
  readonly examples: readonly Note[];
  /** Variables that it reads. */
  readonly environment?: readonly Note[] | undefined;
  /** In other words than {@link STATUSES}, or besides them. */
  readonly statuses?: Statuses | undefined;
  /** Whether an argument may look like an API key without being one. @default false */
  readonly takesToken?: boolean | undefined;
  /** Answers the exit status. @throws Failure, or what goes wrong with Redis */
  run(given: Given<O>, io: CommandIo): Promise<number>;
}

/** Commands under one word. */
export interface CommandGroup {
  readonly name: string;
  readonly summary: string;
  readonly description: string;
  readonly commands: readonly CliCommand[];
}

export const STATUSES: Statuses = {
  0: 'done',
  1: 'Redis could not be asked, or it could not be done',
  2: 'wrong arguments or environment',
};

/** Declares a command whose `run` knows the types of its options. */
export function declareCommand<const O extends Options>(command: CliCommand<O>): CliCommand {
  return command;
}
