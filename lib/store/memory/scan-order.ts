/** Something with a place in the order. `present` is kept by the order. */
interface Placed {
  readonly id: number;
  present: boolean;
}

/** Items by the time of their arrival, to be walked in steps while others come and go. */
export interface ScanOrder<T extends Placed> {
  nextId(): number;
  /** The item carries the id just given. */
  add(item: T): void;
  remove(item: T): void;
  /** The first `count` items with an id above `cursor`; `cursor` is 0 where nothing follows them. */
  after(cursor: number, count: number): { readonly cursor: number; readonly items: readonly T[] };
  /** The next `count` items in an endless round. */
  rotate(count: number): readonly T[];
}

/** Gaps that are not worth closing. */
const SMALL = 32;

export function createScanOrder<T extends Placed>(): ScanOrder<T> {
  // Ids ascend. A removed item leaves a gap until gaps are the majority, so that removal costs nothing.
  let items: T[] = [];
  let lastId = 0;
  let gaps = 0;
  let hand = 0;

  const firstAbove = (id: number): number => {
    let low = 0;
    let high = items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((items[middle]?.id ?? 0) > id) high = middle;
      else low = middle + 1;
    }
    return low;
  };

  return {
    nextId() {
      lastId += 1;
      return lastId;
    },
    add(item) {
      items.push(item);
    },
    remove(item) {
      item.present = false;
      gaps += 1;
      if (gaps <= SMALL || gaps * 2 <= items.length) return;
      const next = items[hand]?.id ?? 0;
      items = items.filter(({ present }) => present);
      gaps = 0;
      hand = next === 0 ? 0 : firstAbove(next - 1);
    },
    after(cursor, count) {
      const page: T[] = [];
      for (let index = firstAbove(cursor); index < items.length; index += 1) {
        const item = items[index];
        if (!item?.present) continue;
        if (page.length === count) return { cursor: page.at(-1)?.id ?? 0, items: page };
        page.push(item);
      }
      return { cursor: 0, items: page };
    },
    rotate(count) {
      const turn: T[] = [];
      for (let step = Math.min(count, items.length); step > 0; step -= 1) {
        if (hand >= items.length) hand = 0;
        const item = items[hand];
        hand += 1;
        if (item?.present) turn.push(item);
      }
      return turn;
    },
  };
}
