/** One metric of what Prometheus is told. */
export interface ExposedFamily {
  /** As samples have it: with `_total`, without `_bucket` and the like. */
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly samples: readonly ExposedSample[];
}

export interface ExposedSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/y;
const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (-?(?:\d+(?:\.\d+)?(?:e[+-]\d+)?|Inf)|NaN)$/;
const SUFFIXES: Readonly<Record<string, RegExp>> = {
  counter: /^(?:_total)?$/,
  gauge: /^$/,
  histogram: /^_(?:bucket|sum|count)$/,
};

/** Reads text format 0.0.4 and OpenMetrics 1.0, and throws for what is neither. */
export function readExposition(text: string): readonly ExposedFamily[] {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const families: (ExposedFamily & { readonly samples: ExposedSample[] })[] = [];
  const described = new Set<string>();
  const seen = new Set<string>();
  const lines = text.slice(0, -1).split('\n');
  for (const [index, line] of lines.entries()) {
    if (line === '# EOF' && index === lines.length - 1) continue;
    const [, help, about] = /^# HELP (\S+) (.+)$/.exec(line) ?? [];
    if (help !== undefined && about !== undefined) {
      const [, type] = new RegExp(`^# TYPE ${help} (counter|gauge|histogram)$`).exec(lines[index + 1] ?? '') ?? [];
      if (type === undefined) throw new Error(`no type follows: ${line}`);
      if (described.has(help)) throw new Error(`twice: ${line}`);
      described.add(help);
      const name = type === 'counter' && !help.endsWith('_total') ? `${help}_total` : help;
      families.push({ name, help: about, type, samples: [] });
      continue;
    }
    if (line.startsWith('# TYPE ')) continue;
    const family = families.at(-1);
    const sample = sampleOf(line);
    if (!family?.type || !sample.name.startsWith(family.name)) throw new Error(`out of place: ${line}`);
    if (!SUFFIXES[family.type]?.test(sample.name.slice(family.name.length))) throw new Error(`suffix: ${line}`);
    const series = line.slice(0, line.lastIndexOf(' '));
    if (seen.has(series)) throw new Error(`twice: ${series}`);
    seen.add(series);
    family.samples.push(sample);
  }
  return families;
}

function sampleOf(line: string): ExposedSample {
  const [, name, pairs = '', value] = SAMPLE.exec(line) ?? [];
  if (name === undefined) throw new Error(`no sample: ${line}`);
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < pairs.length) {
    const [, label, text] = LABEL.exec(pairs) ?? [];
    if (label === undefined || text === undefined || label in labels) throw new Error(`labels: ${line}`);
    labels[label] = text.replace(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char));
  }
  return { name, labels, value: Number(value) };
}
