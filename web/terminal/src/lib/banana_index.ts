/**
 * The Suixi banana index as history and feed tell it: one code, a value a trading day. `SXBI` is of all varieties, in hundredths
 * of a point; `SXBI-BXJ` is what a variety cost, in hundredths of a fen per kilogram.
 */

/** What a value is made of: a variety's code (of `SXBI`) or a symbol, its kilograms, its price in hundredths of a fen per kilogram. */
export type Constituent = readonly [name: string, weightKg: number, price: number];

export interface IndexDay {
  code: string;
  date: string;
  value: number;
  /** A later trading day has begun. */
  final: boolean;
  /** Too little was traded, so the last value stands. */
  carried: boolean;
  constituents: readonly Constituent[];
}

export const OVERALL = 'SXBI';

export function isOverall(code: string): boolean {
  return code === OVERALL;
}

/** `BXJ` of `SXBI-BXJ`. */
export function varietyOf(code: string): string {
  return code.slice(OVERALL.length + 1);
}

/** What the feed says of a code on a day; null while there is no value. */
export function readIndexDay(message: Record<string, unknown>): IndexDay | null {
  const { symbol, date, value, final, carried, constituents } = message;
  if (typeof symbol !== 'string' || typeof date !== 'string' || typeof value !== 'number') return null;
  return {
    code: symbol,
    date,
    value,
    final: final === true,
    carried: carried === true,
    constituents: (constituents ?? []) as readonly Constituent[],
  };
}

/** Days of one code, ascending; a day that is told again replaces what was known of it. */
export function mergeDays(known: readonly IndexDay[], news: readonly IndexDay[]): IndexDay[] {
  const byDate = new Map([...known, ...news].map((day) => [day.date, day]));
  return [...byDate.values()].sort((a, b) => (a.date < b.date ? -1 : 1));
}

/** All varieties first, then each by its code. */
export function byCode(a: string, b: string): number {
  return Number(isOverall(b)) - Number(isOverall(a)) || (a < b ? -1 : 1);
}
