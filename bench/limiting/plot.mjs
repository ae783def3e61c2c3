const WIDTH = 860;
const HEIGHT = 396;
const PANEL = { width: 330, height: 250, top: 60 };
const COLOURS = ['#1f6feb', '#d1570b', '#1a7f37', '#8250df'];

/**
 * Two panels beside each other, over τ in percent of the window: requests per check, and what is admitted beyond the
 * exact limit, beside what is promised. One line for each number of processes.
 *
 * @param {readonly { share: number, processes: number, requestsPerCheck: number, over: number }[]} rows
 */
export function leasePlot(rows) {
  const counts = [...new Set(rows.map(({ processes }) => processes))];
  const shares = [...new Set(rows.map(({ share }) => share))].sort((one, other) => one - other);
  const longest = Math.max(...shares);
  const lines = (read) =>
    counts.map((count, index) => ({
      name: `${count} ${count === 1 ? 'process' : 'processes'}`,
      colour: COLOURS[index % COLOURS.length],
      points: rows.filter(({ processes }) => processes === count).map((row) => [row.share, read(row)]),
    }));
  const promised = {
    name: 'promised at most',
    colour: '#6e7781',
    dash: true,
    points: [
      [0, 0],
      [longest, longest],
    ],
  };
  const requests = panel({
    left: 60,
    title: 'Requests to Redis per check, at 0.9 of the limit',
    lines: lines(({ requestsPerCheck }) => requestsPerCheck),
    longest,
    highest: 1,
    tick: (value) => value.toFixed(2),
  });
  const over = panel({
    left: 480,
    title: 'Admitted beyond the exact limit, at worst',
    lines: [promised, ...lines((row) => row.over)],
    longest,
    highest: longest,
    tick: (value) => `${Math.round(100 * value)} %`,
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="12">
<title>Requests per check and over-admission of leased permits, by τ and the number of processes</title>
<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>
${requests}
${over}
</svg>
`;
}

function panel({ left, title, lines, longest, highest, tick }) {
  const { width, height, top } = PANEL;
  const x = (share) => round(left + (share / longest) * width);
  const y = (value) => round(top + height - (Math.min(value, highest) / highest) * height);
  const steps = [0, 0.25, 0.5, 0.75, 1];
  const grid = steps.map((step) => {
    const at = y(step * highest);
    return `<line x1="${left}" y1="${at}" x2="${left + width}" y2="${at}" stroke="#d8dee4"/>
<text x="${left - 8}" y="${at + 4}" text-anchor="end" fill="#57606a">${tick(step * highest)}</text>`;
  });
  const marks = steps.map(
    (step) =>
      `<text x="${x(step * longest)}" y="${top + height + 18}" text-anchor="middle" fill="#57606a">${Math.round(100 * step * longest)} %</text>`,
  );
  const drawn = lines.map(({ name, colour, dash, points }, index) => {
    const path = points.map(([share, value]) => `${x(share)},${y(value)}`).join(' ');
    const dots = dash
      ? ''
      : points.map(([share, value]) => `<circle cx="${x(share)}" cy="${y(value)}" r="3" fill="${colour}"/>`).join('');
    const label = left + (index % 3) * 115;
    const row = top + height + 52 + Math.floor(index / 3) * 16;
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"${dash ? ' stroke-dasharray="5 4"' : ''}/>${dots}
<rect x="${label}" y="${row - 7}" width="10" height="3" fill="${colour}"/><text x="${label + 14}" y="${row}" fill="#24292f">${name}</text>`;
  });
  return `<text x="${left}" y="${top - 24}" font-size="13" font-weight="600" fill="#24292f">${title}</text>
${grid.join('\n')}
${marks.join('\n')}
<text x="${left + width}" y="${top + height + 34}" text-anchor="end" fill="#57606a">τ, as a share of the window</text>
${drawn.join('\n')}`;
}

function round(number) {
  return Math.round(number * 10) / 10;
}
