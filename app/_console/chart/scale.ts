/** A scale that begins at 0 and ends at a round number: 1, 2 or 5 and zeros. */
export function roundTop(highest: number, least: number): number {
  const wanted = Math.max(highest, least);
  const power = 10 ** Math.floor(Math.log10(wanted));
  return ([1, 2, 5, 10].find((step) => step * power >= wanted) ?? 10) * power;
}

/** Where `value` stands between 0 and `top`: 0 at the bottom, 1 at the top. */
export function linear(value: number, top: number): number {
  return clamp(value / top);
}

/** Where `value` stands between two powers of ten. What is not above `bottom`, 0 too, stands at the bottom. */
export function logarithmic(value: number, bottom: number, top: number): number {
  return value <= bottom ? 0 : clamp(Math.log10(value / bottom) / Math.log10(top / bottom));
}

function clamp(share: number): number {
  return Math.min(1, Math.max(0, share));
}
