export interface LegendItem {
  readonly name: string;
  /** The class that gives the colour. */
  readonly tone: string;
  readonly value?: string | undefined;
}

/** What the colours of a chart mean, each with its value of now. */
export function Legend({ items }: { readonly items: readonly LegendItem[] }) {
  return (
    <ul className="legend">
      {items.map(({ name, tone, value }) => (
        <li key={name}>
          <svg className={`swatch ${tone}`} viewBox="0 0 8 8" aria-hidden="true">
            <rect width="8" height="8" rx="1" />
          </svg>
          {name}
          {value === undefined ? null : <b>{value}</b>}
        </li>
      ))}
    </ul>
  );
}
