import type { Venue } from './types.ts';

/** What a venue's fee depends on: who rests pays one rate, who takes another. */
export type Schedule = Pick<Venue, 'fee_rate_ppm' | 'fee_taker_rate_ppm' | 'fee_minimum_fen'>;

/**
 * What an order's fee comes to at most if all of it trades at `notionalFen`: the dearer of both rates rounded up, but at
 * least the minimum. So much the venue reserves.
 */
export function estimateFee(notionalFen: bigint, schedule: Schedule): bigint {
  if (notionalFen <= 0n) return 0n;
  const ratePpm = Math.max(schedule.fee_rate_ppm, schedule.fee_taker_rate_ppm);
  const byRate = (notionalFen * BigInt(ratePpm) + 999_999n) / 1_000_000n;
  const minimum = BigInt(schedule.fee_minimum_fen);
  return byRate > minimum ? byRate : minimum;
}

/** The most kilograms that `availableFen` pays for at `price`, fee included, on the lot; O(log) by bisection. */
export function affordable(availableFen: bigint, price: number, schedule: Schedule, lotSize: number): number {
  if (price <= 0 || availableFen <= 0n) return 0;
  let low = 0n;
  let high = availableFen / (BigInt(price) * BigInt(lotSize));
  while (low < high) {
    const middle = (low + high + 1n) / 2n;
    const notional = middle * BigInt(lotSize) * BigInt(price);
    if (notional + estimateFee(notional, schedule) <= availableFen) low = middle;
    else high = middle - 1n;
  }
  return Number(low) * lotSize;
}

/** What part of a receipt pays of the storage that the whole of it owes, rounded up to the fen. */
export function storageOf(dueFen: bigint, kilograms: bigint, weightG: bigint): bigint {
  return weightG <= 0n ? 0n : (dueFen * kilograms * 1_000n + weightG - 1n) / weightG;
}
