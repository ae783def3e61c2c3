/** A fenced block of code in a text that is Markdown. */
export interface CodeBlock {
  /** What stands behind the fence; `text` for nothing. */
  readonly language: string;
  /** 1-based, of the first line of code. */
  readonly line: number;
  /** Without the fence's indentation. */
  readonly code: string;
}

/** A part of a text, and the 1-based line where it stands. */
export interface Found {
  readonly text: string;
  readonly line: number;
}

const FENCE = /^(?<indent>\s*)(?<marks>`{3,})(?<language>[\w-]*)/;

/** All fenced blocks of a document, in order. */
export function codeBlocksOf(markdown: string): readonly CodeBlock[] {
  return partsOf(markdown).blocks;
}

/** The document line by line where it was, its fenced blocks and HTML comments blanked. */
export function proseOf(markdown: string): string {
  return partsOf(markdown)
    .prose.join('\n')
    .replaceAll(/<!--[\s\S]*?-->/g, (comment) => comment.replaceAll(/[^\n]/g, ' '));
}

function partsOf(markdown: string): { readonly blocks: readonly CodeBlock[]; readonly prose: readonly string[] } {
  const blocks: CodeBlock[] = [];
  const prose: string[] = [];
  let open: { indent: string; marks: string; language: string; line: number; code: string[] } | undefined;
  for (const [index, content] of markdown.split('\n').entries()) {
    const { indent = '', marks = '', language = '' } = FENCE.exec(content)?.groups ?? {};
    prose.push(open || marks !== '' ? '' : content);
    if (!open) {
      if (marks !== '') open = { indent, marks, language: language || 'text', line: index + 2, code: [] };
    } else if (content.trim() === open.marks) {
      blocks.push({ language: open.language, line: open.line, code: open.code.join('\n') });
      open = undefined;
    } else open.code.push(content.startsWith(open.indent) ? content.slice(open.indent.length) : content.trimStart());
  }
  if (open) throw new Error(`The block of code that begins in line ${open.line} has no end`);
  return { blocks, prose };
}

/** What stands between backticks in running text. */
export function codeSpansOf(markdown: string): readonly Found[] {
  return matches(proseOf(markdown), /(?<!`)`(?<text>[^`\n]+)`(?!`)/g);
}

/** Where the links of a document lead, images and references included. */
export function linksOf(markdown: string): readonly Found[] {
  const prose = proseOf(markdown).replaceAll(/`[^`\n]*`/g, (span) => ' '.repeat(span.length));
  return [
    ...matches(prose, /\]\(\s*<?(?<text>[^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g),
    ...matches(prose, /^\s*\[[^\]]+\]:\s*<?(?<text>\S+?)>?\s*$/gm),
    ...matches(prose, /<(?<text>[a-z]+:\/\/[^>\s]+)>/g),
    ...matches(prose, /\b(?:href|src)="(?<text>[^"]+)"/g),
  ];
}

/** The addresses on the web that a text names, links or not. */
export function webAddressesOf(text: string): readonly Found[] {
  return matches(text, /(?<text>\bhttps?:\/\/[^\s)>"'`\]|]+)/g);
}

/** The texts of the headings, as they are read. */
export function headingsOf(markdown: string): readonly string[] {
  return matches(proseOf(markdown), /^#{1,6}\s+(?<text>.+?)\s*#*$/gm).map(({ text }) =>
    text.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll(/[`*]/g, ''),
  );
}

function matches(text: string, pattern: RegExp): readonly Found[] {
  return [...text.matchAll(pattern)].map((match) => ({
    text: match.groups?.text ?? '',
    line: text.slice(0, match.index).split('\n').length,
  }));
}
