export type Column<Row> = readonly [title: string, cell: (row: Row) => string | number];

/** Lines of a table under its titles: the first column to the left, numbers in the others to the right. */
export function tabulate<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): readonly string[] {
  const padded = columns.map(([title, cell], index) => {
    const cells = [title, ...rows.map((row) => String(cell(row)))];
    const width = Math.max(...cells.map(({ length }) => length));
    return cells.map((text) => (index === 0 ? text.padEnd(width) : text.padStart(width)));
  });
  return [undefined, ...rows].map((_, line) => padded.map((cells) => cells[line] ?? '').join('  '));
}
