/** The last `size` of what was pushed, the oldest first. What was handed out never changes. */
export function pushed<T>(items: readonly T[], item: T, size: number): readonly T[] {
  return items.length < size ? [...items, item] : [...items.slice(items.length - size + 1), item];
}
