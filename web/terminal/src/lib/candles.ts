/** `[start_ns, open, high, low, close, volume]`; prices in fen a kilogram, volume in kilograms. */
export type Candle = readonly [startNs: number, open: number, high: number, low: number, close: number, volume: number];

export const INTERVALS = ['1m', '5m', '15m', '1h', '1d', '1w'] as const;
export type Interval = (typeof INTERVALS)[number];

/**
 * History and news as one ascending series: a candle replaces the one that began at the same time, and one whose trades
 * were all busted (volume 0) takes it away. At most `limit` are kept, the newest. O(n) when the news is at the end, as it always is while live.
 */
export function mergeCandles(history: readonly Candle[], news: readonly Candle[], limit = 1500): Candle[] {
  const byStart = new Map(history.map((candle) => [candle[0], candle]));
  for (const candle of news) byStart.set(candle[0], candle);
  const merged = [...byStart.values()].filter((candle) => candle[5] > 0).sort((a, b) => a[0] - b[0]);
  return merged.slice(-limit);
}
