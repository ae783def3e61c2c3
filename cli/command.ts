/** What a subcommand has of the outside world. */
export interface CommandIo {
  /** One line for people. */
  print(line: string): void;
  /** One line about what went wrong. */
  complain(line: string): void;
  /** Fires when the command is asked to stop. */
  readonly stop: AbortSignal;
}

/** One subcommand. Answers the exit status: 0, or 2 for arguments that cannot be right. */
export interface CliCommand {
  readonly summary: string;
  readonly usage: string;
  run(args: readonly string[], io: CommandIo): Promise<number>;
}
