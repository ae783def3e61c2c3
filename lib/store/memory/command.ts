import type { Reply } from '../store.ts';
import type { Keyspace } from './keyspace.ts';

/** @throws ReplyError where Redis refuses. */
export type CommandRun = (keyspace: Keyspace, args: readonly string[]) => Reply;

export interface CommandSpec {
  /** In lower case; a subcommand as `script|load`. */
  readonly name: string;
  /** Words including the name; negative for "at least so many". As in COMMAND INFO. */
  readonly arity: number;
  readonly run: CommandRun;
  /** Redis refuses it to scripts. */
  readonly noScript?: boolean;
}

/** One command. Its arguments are as many as `arity` demands before `run` sees them. */
export function command(name: string, arity: number, run: CommandRun): CommandSpec {
  return { name, arity, run };
}
