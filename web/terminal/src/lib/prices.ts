/** Prices of other markets: exact decimals in their own currency and unit, beside ours. */

export interface Series {
  series_id: number;
  source: string;
  origin: string;
  currency: string;
  unit: string;
  prices: number;
  first_date: string | null;
  last_date: string | null;
}

/** A day with a price on either side. `ours`: by `ours_unit` of the comparison; `converted`: fen per kilogram. */
export interface ComparedDay {
  date: string;
  price: number | null;
  scale: number | null;
  text: string | null;
  converted: number | null;
  ours: number | null;
}

export interface Comparison {
  series: Series;
  against: string;
  ours_unit: string;
  from_date: string;
  to_date: string;
  items: ComparedDay[];
}

export interface Reject {
  line: number;
  field: string | null;
  reason: string;
  detail: string;
  text: string;
}

export interface Counts {
  rows: number;
  added: number;
  existing: number;
  conflicts: number;
  rejected: number;
}

export interface Imported extends Counts {
  import_id: number;
  series: number;
  rejects: Reject[];
}

export interface ImportRecord extends Counts {
  import_id: number;
  source: string;
  file_name: string;
  imported_ns: number;
  imported_by: number | null;
}

/** A request may have a mebibyte, and base64 makes four bytes of three. */
export const MOST_BYTES = 700_000;

/** Where a series' price stands on a picture; whatever is read off is the text. */
export function drawn(day: Pick<ComparedDay, 'price' | 'scale'>): number | null {
  return day.price === null || day.scale === null ? null : day.price / 10 ** day.scale;
}

/** What still goes on before what has ended. */
export function newestFirst(a: Series, b: Series): number {
  const [one, other] = [a.last_date ?? '', b.last_date ?? ''];
  return one === other ? a.series_id - b.series_id : one < other ? 1 : -1;
}

/** A rate as the venue reads it: a decimal above zero; null where the text is none. */
export function parseRate(text: string): string | null {
  const cleaned = text
    .trim()
    .replace(/[，,]/g, '')
    .replace(/[．。]/g, '.');
  return /^\d{1,9}(\.\d{1,9})?$/.test(cleaned) && /[1-9]/.test(cleaned) ? cleaned : null;
}
