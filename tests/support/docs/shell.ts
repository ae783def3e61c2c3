/** A command as a shell would start it: its words, without the variables that are set for it alone. */
export interface ShellCommand {
  readonly words: readonly string[];
  /** 1-based, in the script. */
  readonly line: number;
}

const TOKEN = new RegExp(
  [
    String.raw`(?<skipped>\\\n\s*|(?<=^|\s)#[^\n]*|\d?[<>]{1,2}&?\s*[^\s|;&()]+)`,
    String.raw`'(?<single>[^']*)'|"(?<double>(?:\\.|[^"\\])*)"`,
    String.raw`(?<end>\$\(|&&|\|\||[|;&()\n])`,
    String.raw`(?<space>\s)|(?<letter>.)`,
  ].join('|'),
  'gy',
);
const ASSIGNMENT = /^[A-Za-z_]\w*=/;

/**
 * The commands of a script, those in `$(…)` included. So much of a shell's grammar as documents need: quotes, comments,
 * backslashes at the end of lines, redirections, variables before a command. What `$` stands for is left as it is.
 */
export function shellCommands(script: string): readonly ShellCommand[] {
  const commands: ShellCommand[] = [];
  let words: string[] = [];
  let word: string | undefined;
  let line = 1;
  const endWord = (): void => {
    if (word !== undefined) words.push(word);
    word = undefined;
  };
  const endCommand = (): void => {
    endWord();
    const first = words.findIndex((one) => !ASSIGNMENT.test(one));
    if (first >= 0) commands.push({ words: words.slice(first), line });
    words = [];
  };
  for (const { 0: token, groups: { skipped, single, double, end, space, letter } = {} } of script.matchAll(TOKEN)) {
    if (end !== undefined) endCommand();
    else if (space !== undefined || skipped !== undefined) endWord();
    else word = (word ?? '') + (single ?? double ?? letter ?? '');
    line += token.split('\n').length - 1;
  }
  endCommand();
  return commands;
}
