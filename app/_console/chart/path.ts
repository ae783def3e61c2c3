/** One place in a chart: both from 0 to 1, `x` from the left, `y` from the bottom. `null` is a gap. */
export interface Place {
  readonly x: number;
  readonly y: number | null;
}

/** Charts are drawn in a box of this size, and stretched to where they stand. */
export const WIDTH = 600;
export const HEIGHT = 100;

/** A line through the places, interrupted where nobody knows, and where nothing was seen for longer than `maxGap`. */
export function linePath(places: readonly Place[], maxGap: number): string {
  let path = '';
  let last: Place | undefined;
  for (const place of places) {
    if (place.y !== null) {
      const goesOn = last !== undefined && last.y !== null && place.x - last.x <= maxGap;
      path += `${goesOn ? 'L' : 'M'}${at(place.x * WIDTH)} ${at((1 - place.y) * HEIGHT)}`;
      // A point alone is a line without length, which round caps make visible.
      if (!goesOn) path += 'h0';
    }
    last = place;
  }
  return path;
}

/** A column of a stack: where it stands, and from where to where it reaches. */
export interface Column {
  readonly x: number;
  readonly from: number;
  readonly to: number;
}

/** Columns of one width, which end at their `x`. Those without height are left out. */
export function columnsPath(columns: readonly Column[], width: number): string {
  let path = '';
  for (const { x, from, to } of columns) {
    const height = (to - from) * HEIGHT;
    if (height <= 0 || x <= 0) continue;
    const right = x * WIDTH;
    path += `M${at(right - width * WIDTH)} ${at((1 - to) * HEIGHT)}H${at(right)}v${at(height)}H${at(right - width * WIDTH)}z`;
  }
  return path;
}

/** A tenth of a unit is less than a pixel, and a third of the text. */
function at(value: number): number {
  return Math.round(value * 10) / 10;
}
