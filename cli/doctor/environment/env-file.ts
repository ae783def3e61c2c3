/** Variables by their names. */
export type Environment = Readonly<Record<string, string | undefined>>;

const LINE = /^\s*(?:export\s+)?([A-Za-z_][\w.]*)\s*=[^\S\n]*(.*)$/;

/** The variables of a `.env` file. Values in quotes may go on over lines; nothing is expanded. */
export function parseEnvFile(text: string): Environment {
  const variables: Record<string, string> = {};
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  for (let at = 0; at < lines.length; at += 1) {
    const [, name, rest = ''] = LINE.exec(lines[at] ?? '') ?? [];
    if (name === undefined) continue;
    const quote = /^["'`]/.exec(rest)?.[0];
    if (quote === undefined) {
      variables[name] = rest.replace(/(?:^|\s)#.*$/, '').trim();
      continue;
    }
    let value = rest.slice(1);
    while (!value.includes(quote) && at + 1 < lines.length) {
      at += 1;
      value += `\n${lines[at]}`;
    }
    const end = value.indexOf(quote);
    value = end === -1 ? value : value.slice(0, end);
    variables[name] = quote === '"' ? value.replaceAll('\\n', '\n') : value;
  }
  return variables;
}
