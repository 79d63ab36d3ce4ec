import type { Trade } from './types.ts';

/** The tape, newest first: a trade that is told again (busted) stands where it stood, new ones go in front. O(tape). */
export function mergeTrades(tape: readonly Trade[], news: readonly Trade[], limit: number): Trade[] {
  const again = new Map(news.map((trade) => [trade.trade_id, trade]));
  const kept = tape.map((trade) => {
    const told = again.get(trade.trade_id);
    if (told !== undefined) again.delete(trade.trade_id);
    return told ?? trade;
  });
  const oldest = tape.at(-1)?.trade_id ?? 0;
  const fresh = [...again.values()].filter((trade) => trade.trade_id > oldest).sort((a, b) => b.trade_id - a.trade_id);
  return [...fresh, ...kept].slice(0, limit);
}
