import type { ReactNode } from 'react';
import { HEIGHT, WIDTH } from './path.ts';

export interface PlotProps {
  /** What the chart shows by now, in a sentence, for those who do not see it. */
  readonly label: string;
  /** From the top to the bottom, evenly spaced, with their unit. */
  readonly yLabels: readonly string[];
  /** From the left to the right, evenly spaced. */
  readonly xLabels: readonly string[];
  /** What is said in place of a chart that has nothing to show. */
  readonly empty?: string | undefined;
  readonly children: ReactNode;
}

/** The frame of a chart: axes, lines of the grid, and whatever is drawn in a box of `WIDTH` × `HEIGHT`. */
export function Plot({ label, yLabels, xLabels, empty, children }: PlotProps) {
  return (
    <div className="plot">
      <div className="y-axis" aria-hidden="true">
        {yLabels.map((text) => (
          <span key={text}>{text}</span>
        ))}
      </div>
      <div className="plot-box">
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
          <path className="grid" d={gridPath(yLabels.length)} />
          {children}
        </svg>
        {empty === undefined ? null : <p className="plot-empty">{empty}</p>}
      </div>
      <div className="x-axis" aria-hidden="true">
        {xLabels.map((text) => (
          <span key={text}>{text}</span>
        ))}
      </div>
    </div>
  );
}

function gridPath(lines: number): string {
  return Array.from({ length: lines }, (_, at) => `M0 ${(at * HEIGHT) / (lines - 1)}H${WIDTH}`).join('');
}
