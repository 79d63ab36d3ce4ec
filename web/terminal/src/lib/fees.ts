/** What an order's fee comes to if all of it trades at `notionalFen`: the rate rounded up, but at least the minimum. */
export function estimateFee(notionalFen: bigint, ratePpm: number, minimumFen: number): bigint {
  if (notionalFen <= 0n) return 0n;
  const byRate = (notionalFen * BigInt(ratePpm) + 999_999n) / 1_000_000n;
  const minimum = BigInt(minimumFen);
  return byRate > minimum ? byRate : minimum;
}

/** The most kilograms that `availableFen` pays for at `price`, fee included, on the lot; O(log) by bisection. */
export function affordable(
  availableFen: bigint,
  price: number,
  ratePpm: number,
  minimumFen: number,
  lotSize: number,
): number {
  if (price <= 0 || availableFen <= 0n) return 0;
  let low = 0n;
  let high = availableFen / (BigInt(price) * BigInt(lotSize));
  while (low < high) {
    const middle = (low + high + 1n) / 2n;
    const notional = middle * BigInt(lotSize) * BigInt(price);
    if (notional + estimateFee(notional, ratePpm, minimumFen) <= availableFen) low = middle;
    else high = middle - 1n;
  }
  return Number(low) * lotSize;
}
