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
/** Words of the grammar: behind these there is a command, and behind those there is none. */
const BEFORE_COMMAND = new Set(['do', 'then', 'else', 'if', 'while', 'until', '!', '{']);
const NO_COMMAND = new Set(['for', 'done', 'fi', '}']);
const FUNCTION = /^\s*(?<name>\w+)\(\)/gm;

/**
 * The commands of a script, those in `$(…)` included. So much of a shell's grammar as documents need: quotes, comments,
 * backslashes at the end of lines, redirections, variables before a command, loops. Of functions there is what they call. What
 * `$` stands for is left as it is.
 */
export function shellCommands(script: string): readonly ShellCommand[] {
  const functions = new Set([...script.matchAll(FUNCTION)].map(({ groups }) => groups?.name));
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
    const first = words.findIndex((one) => !ASSIGNMENT.test(one) && !BEFORE_COMMAND.has(one));
    const program = words[first] ?? '';
    if (program !== '' && !NO_COMMAND.has(program) && !functions.has(program)) {
      commands.push({ words: words.slice(first), line });
    }
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
