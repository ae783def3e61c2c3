/** What a subcommand has of the outside world. */
export interface CommandIo {
  /** One line on standard output: what was asked for. */
  print(line: string): void;
  /** One line on standard error: what went wrong, or is worth knowing. */
  complain(line: string): void;
  /** The first line of standard input. Rejects when `stop` fires. */
  readLine(): Promise<string>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Fires when the command is asked to stop. */
  readonly stop: AbortSignal;
}

/** One subcommand. Answers the exit status: 0, 1 when it failed, or 2 for arguments that cannot be right. */
export interface CliCommand {
  readonly summary: string;
  readonly usage: string;
  run(args: readonly string[], io: CommandIo): Promise<number>;
}
