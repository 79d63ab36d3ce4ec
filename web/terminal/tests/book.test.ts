import { crc32 as zlibCrc32 } from 'node:zlib';
import { expect, test } from 'vitest';
import { Book, ladder, walk, type Level } from '../src/lib/book.ts';
import { crc32 } from '../src/lib/crc32.ts';
import { mergeCandles, type Candle } from '../src/lib/candles.ts';
import { affordable, estimateFee, storageOf } from '../src/lib/fees.ts';

const draw = (book: Book): string =>
  [...book.asks.toReversed().map((l) => `ask ${l[0]} ${l[1]}`), ...book.bids.map((l) => `bid ${l[0]} ${l[1]}`)].join(
    '\n',
  );

test('a book is a snapshot and the levels that replace its own', () => {
  const book = new Book();
  book.replace(
    [
      [233, 700, 2],
      [232, 100, 1],
    ],
    [[235, 400, 1]],
  );
  book.apply(
    [
      [234, 50, 1],
      [232, 0, 0],
    ],
    [
      [235, 350, 1],
      [236, 900, 3],
    ],
  );
  expect(draw(book)).toBe('ask 236 900\nask 235 350\nbid 234 50\nbid 233 700');
});

test('its checksum is that of the public face', () => {
  const book = new Book();
  expect(book.checksum()).toBe(zlibCrc32('|'));
  book.replace(
    [
      [233, 700, 2],
      [232, 100, 1],
    ],
    [[235, 400, 1]],
  );
  expect(book.checksum()).toBe(zlibCrc32('235:400|233:700,232:100'));
});

test('only the ten best levels of a side are in it', () => {
  const book = new Book();
  const levels = (from: number, step: number): Level[] =>
    Array.from({ length: 25 }, (_, i) => [from + step * i, 100 + i, 1] as Level);
  book.replace(levels(230, -1), levels(231, 1));
  const text = (side: Level[]) =>
    side
      .slice(0, 10)
      .map((l) => `${l[0]}:${l[1]}`)
      .join(',');
  expect(book.checksum()).toBe(zlibCrc32(`${text(levels(231, 1))}|${text(levels(230, -1))}`));
});

test('crc32 is what zlib computes', () => {
  for (const text of ['', '123456789', '2350:100,2360:7|2340:9']) expect(crc32(text)).toBe(zlibCrc32(text));
});

test('a ladder adds up from the best price', () => {
  const levels: Level[] = [
    [235, 400, 1],
    [236, 900, 3],
    [240, 10, 1],
  ];
  expect(ladder(levels, 2)).toEqual([
    { price: 235, quantity: 400, orders: 1, cumulative: 400 },
    { price: 236, quantity: 900, orders: 3, cumulative: 1300 },
  ]);
  expect(walk(levels, 500)).toEqual({ fen: 235n * 400n + 236n * 100n, filled: 500 });
  expect(walk(levels, 5000).filled).toBe(1310);
});

test('a fee is the rate rounded up, at least the minimum', () => {
  const schedule = { fee_rate_ppm: 500, fee_taker_rate_ppm: 500, fee_minimum_fen: 100 };
  expect(estimateFee(1_000_000n, schedule)).toBe(500n);
  expect(estimateFee(1_000_001n, schedule)).toBe(501n);
  expect(estimateFee(10n, schedule)).toBe(100n);
  expect(estimateFee(0n, schedule)).toBe(0n);
  expect(estimateFee(1_000_000n, { ...schedule, fee_taker_rate_ppm: 800 })).toBe(800n);
  expect(estimateFee(1_000_000n, { ...schedule, fee_taker_rate_ppm: 200 })).toBe(500n);
});

test('a part of a receipt pays its part of the storage, rounded up', () => {
  expect(storageOf(1_000n, 4n, 10_000n)).toBe(400n);
  expect(storageOf(1_000n, 1n, 3_000n)).toBe(334n);
  expect(storageOf(0n, 4n, 10_000n)).toBe(0n);
});

test('what money buys includes the fee', () => {
  const schedule = { fee_rate_ppm: 500, fee_taker_rate_ppm: 500, fee_minimum_fen: 100 };
  expect(affordable(100_000n, 200, schedule, 1)).toBe(499);
  expect(affordable(100_000n, 200, schedule, 10)).toBe(490);
  expect(affordable(150n, 200, schedule, 1)).toBe(0);
});

test('candles merge by their start', () => {
  const candle = (start: number, close: number): Candle => [start, 1, 2, 1, close, 5];
  expect(mergeCandles([candle(60, 1), candle(120, 1)], [candle(120, 2), candle(180, 1)])).toEqual([
    candle(60, 1),
    candle(120, 2),
    candle(180, 1),
  ]);
  expect(mergeCandles([candle(60, 1), candle(120, 1)], [], 1)).toEqual([candle(120, 1)]);
});
