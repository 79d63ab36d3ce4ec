import { expect, test } from 'vitest';
import { mergeCandles } from '../src/lib/candles.ts';
import { mergeTrades } from '../src/lib/trades.ts';
import type { Trade } from '../src/lib/types.ts';

function trade(trade_id: number, busted = false): Trade {
  return { trade_id, price: 230, quantity: 10, aggressor_side: 'buy', time_ns: 0, busted } as Trade;
}

const ids = (tape: Trade[]): number[] => tape.map((each) => each.trade_id);

test('a snapshot is shown newest first, and news goes in front', () => {
  const tape = mergeTrades([], [trade(1), trade(2), trade(3)], 50);
  expect(ids(tape)).toEqual([3, 2, 1]);
  expect(ids(mergeTrades(tape, [trade(4), trade(5)], 4))).toEqual([5, 4, 3, 2]);
});

test('a trade that was busted is marked where it stands, and not shown twice', () => {
  const tape = mergeTrades(mergeTrades([], [trade(1), trade(2), trade(3)], 50), [trade(2, true)], 50);
  expect(ids(tape)).toEqual([3, 2, 1]);
  expect(tape.map((each) => each.busted)).toEqual([false, true, false]);
});

test('a bust of a trade that has left the tape changes nothing', () => {
  expect(ids(mergeTrades([trade(9), trade(8)], [trade(2, true)], 50))).toEqual([9, 8]);
});

test('a candle whose trades were all busted goes away', () => {
  const kept = mergeCandles(
    [
      [0, 1, 1, 1, 1, 5],
      [60, 2, 2, 2, 2, 5],
    ],
    [[60, 2, 2, 2, 2, 0]],
  );
  expect(kept).toEqual([[0, 1, 1, 1, 1, 5]]);
});
