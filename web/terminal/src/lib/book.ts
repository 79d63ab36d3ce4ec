import { crc32 } from './crc32.ts';

/** Price in fen a kilogram, displayed kilograms, orders. */
export type Level = readonly [price: number, quantity: number, orders: number];

export interface Rung {
  price: number;
  quantity: number;
  orders: number;
  /** Kilograms at this price and better. */
  cumulative: number;
}

/**
 * One instrument's book as the feed tells it: a snapshot, then levels that replace their price's, quantity 0 removing it.
 *
 *     asks  2.36  900      best ask: lowest
 *           2.35  400  ◄──
 *     ────────────────
 *           2.33  700  ◄── best bid: highest
 *     bids  2.32  100
 */
export class Book {
  #bids = new Map<number, Level>();
  #asks = new Map<number, Level>();

  replace(bids: readonly Level[], asks: readonly Level[]): void {
    this.#bids = new Map(bids.map((level) => [level[0], level]));
    this.#asks = new Map(asks.map((level) => [level[0], level]));
  }

  apply(bids: readonly Level[], asks: readonly Level[]): void {
    put(this.#bids, bids);
    put(this.#asks, asks);
  }

  clear(): void {
    this.#bids.clear();
    this.#asks.clear();
  }

  /** Best first; O(n log n) in the levels held, which are at most what was subscribed. */
  get bids(): Level[] {
    return [...this.#bids.values()].sort((a, b) => b[0] - a[0]);
  }

  get asks(): Level[] {
    return [...this.#asks.values()].sort((a, b) => a[0] - b[0]);
  }

  /** CRC-32 of the best ten asks, `|`, the best ten bids, each level `price:quantity`, joined by commas. */
  checksum(): number {
    return crc32(`${side(this.asks)}|${side(this.bids)}`);
  }
}

/** The best `count` levels with what stands at each price or better. */
export function ladder(levels: readonly Level[], count: number): Rung[] {
  let cumulative = 0;
  return levels.slice(0, count).map(([price, quantity, orders]) => {
    cumulative += quantity;
    return { price, quantity, orders, cumulative };
  });
}

/** What `quantity` kilograms would cost against these levels, best first, and how much of it they hold. */
export function walk(levels: readonly Level[], quantity: number): { fen: bigint; filled: number } {
  let fen = 0n;
  let left = quantity;
  for (const [price, available] of levels) {
    if (left <= 0) break;
    const taken = Math.min(left, available);
    fen += BigInt(price) * BigInt(taken);
    left -= taken;
  }
  return { fen, filled: quantity - Math.max(left, 0) };
}

function put(levels: Map<number, Level>, changes: readonly Level[]): void {
  for (const level of changes) {
    if (level[1] === 0) levels.delete(level[0]);
    else levels.set(level[0], level);
  }
}

function side(levels: readonly Level[]): string {
  return levels
    .slice(0, 10)
    .map(([price, quantity]) => `${price}:${quantity}`)
    .join(',');
}
