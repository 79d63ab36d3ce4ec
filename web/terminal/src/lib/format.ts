/**
 * Numbers and times as people read them, made by integer arithmetic alone.
 *
 * A price is fen per kilogram, a quantity kilograms, a weight grams, money fen, a time nanoseconds since 1970 UTC. What people
 * type is read back into the same integers, or refused: nothing is rounded on the way in.
 */

/** Money or a weight as it came: a number, decimal text beyond 2⁵³ (json.ts), or computed. */
export type Amount = number | string | bigint;
export type PriceUnit = 'kg' | 'jin';
export type WeightUnit = 'kg' | 't';

export const NOTHING = '—';
const MINUS = '−';

/** `123456` fen is `1,234.56`. */
export function formatMoney(fen: Amount): string {
  return decimal(BigInt(fen), 2);
}

/** A price in yuan per kilogram, or per jin (half a kilogram, so half a fen needs a third decimal). */
export function formatPrice(price: number, unit: PriceUnit): string {
  return unit === 'kg' ? decimal(BigInt(price), 2) : decimal(BigInt(price) * 5n, 3);
}

/** A difference of prices with its sign: colour is never the only sign. */
export function formatChange(difference: number, unit: PriceUnit): string {
  if (difference === 0) return formatPrice(0, unit);
  return `${difference > 0 ? '+' : ''}${formatPrice(difference, unit)}`;
}

/** A value of the index, in hundredths of a point: `102839` is `1,028.39`. */
export function formatPoints(hundredths: number): string {
  return decimal(BigInt(hundredths), 2);
}

/** A price of the index, in hundredths of a fen per kilogram and exact in either unit: `29500` is `2.9500`. */
export function formatFinePrice(hundredths: number, unit: PriceUnit): string {
  return unit === 'kg' ? decimal(BigInt(hundredths), 4) : decimal(BigInt(hundredths) * 5n, 5);
}

/** `123` is `12.3%`. */
export function formatPermille(permille: number): string {
  return `${decimal(BigInt(permille), 1)}%`;
}

/** By how much something has grown: `60` is `+6.0%`. */
export function formatGrowth(permille: number): string {
  return `${permille > 0 ? '+' : ''}${formatPermille(permille)}`;
}

/** A change in hundredths of a per cent of `base`, as `+1.25%`. */
export function formatChangePercent(difference: number, base: number): string {
  if (base <= 0) return NOTHING;
  const hundredths = (BigInt(difference) * 10_000n) / BigInt(base);
  return `${hundredths > 0n ? '+' : ''}${decimal(hundredths, 2)}%`;
}

export function formatQuantity(kilograms: Amount, unit: WeightUnit): string {
  return unit === 'kg' ? decimal(BigInt(kilograms), 0) : decimal(BigInt(kilograms), 3);
}

/** Grams in kilograms, without zeros that say nothing: `12340500` is `12,340.5`. */
export function formatGrams(grams: Amount): string {
  const text = decimal(BigInt(grams), 3);
  return text.replace(/\.?0+$/, '');
}

/** Grams as whole kilograms that can be sold: what is left below one stays on the receipt. */
export function wholeKilograms(grams: Amount): bigint {
  const value = BigInt(grams);
  return value < 0n ? 0n : value / 1000n;
}

/** Tenths of a degree. */
export function formatTemperature(tenths: number): string {
  return decimal(BigInt(tenths), 1);
}

/** `1000000` is `1,000,000`. */
export function formatInteger(value: Amount): string {
  return decimal(BigInt(value), 0);
}

/** The fen a kilogram that the text names, or null where it names none. */
export function parsePrice(text: string, unit: PriceUnit): number | null {
  if (unit === 'kg') return parseDecimal(text, 2);
  const milliyuan = parseDecimal(text, 3);
  return milliyuan === null || milliyuan % 5 !== 0 ? null : milliyuan / 5;
}

export function parseQuantity(text: string, unit: WeightUnit): number | null {
  return parseDecimal(text, unit === 'kg' ? 0 : 3);
}

/** Yuan to fen. */
export function parseMoney(text: string): number | null {
  return parseDecimal(text, 2);
}

/** Kilograms to grams. */
export function parseGrams(text: string): number | null {
  return parseDecimal(text, 3);
}

/** Degrees to tenths of a degree; the one quantity here that may be negative. */
export function parseTemperature(text: string): number | null {
  const negative = /^\s*[-−]/.test(text);
  const tenths = parseDecimal(negative ? text.replace(/[-−]/, '') : text, 1);
  return tenths === null ? null : negative ? 0 - tenths : tenths;
}

export function parseInteger(text: string): number | null {
  return parseDecimal(text, 0);
}

/** An input's plain text: no grouping, so that it can be edited. */
export function plain(text: string): string {
  return text.replaceAll(',', '');
}

function decimal(value: bigint, decimals: number): string {
  const negative = value < 0n;
  const digits = (negative ? -value : value).toString().padStart(decimals + 1, '0');
  const cut = digits.length - decimals;
  const whole = digits.slice(0, cut).replace(/\B(?=(\d{3})+$)/g, ',');
  return `${negative ? MINUS : ''}${whole}${decimals > 0 ? `.${digits.slice(cut)}` : ''}`;
}

/** Full-width digits and both commas are what a Chinese keyboard gives. */
function parseDecimal(text: string, decimals: number): number | null {
  const cleaned = text
    .trim()
    .replace(/[０-９]/g, (digit) => String.fromCharCode(digit.charCodeAt(0) - 0xfee0))
    .replace(/[，,]/g, '')
    .replace(/[．。]/g, '.');
  const match = /^(\d{1,16})(?:\.(\d*))?$/.exec(cleaned);
  if (!match) return null;
  const fraction = (match[2] ?? '').replace(/0+$/, '');
  if (fraction.length > decimals) return null;
  const value = Number(BigInt(match[1]! + fraction.padEnd(decimals, '0')));
  return Number.isSafeInteger(value) ? value : null;
}

// Times: the venue's clock is Asia/Shanghai, which has been eight hours ahead of UTC without summer time since 1991.

export interface Civil {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
}

export const SHANGHAI_OFFSET_S = 8 * 3600;

/** Nanoseconds as whole seconds; the number may have lost its last digits, and a second has nine to spare. */
export function secondsOf(timeNs: Amount): number {
  return Number(BigInt(timeNs) / 1_000_000_000n);
}

/** The civil time in Shanghai of seconds since 1970 UTC (days to civil date as in the proleptic Gregorian calendar). */
export function civil(seconds: number): Civil {
  const local = Math.floor(seconds) + SHANGHAI_OFFSET_S;
  const days = Math.floor(local / 86_400);
  const rest = local - days * 86_400;
  // Count from 1 March of year 0, so that the leap day is a year's last.
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1,
    hour: Math.floor(rest / 3600),
    minute: Math.floor(rest / 60) % 60,
    second: rest % 60,
  };
}

const two = (value: number): string => String(value).padStart(2, '0');

/** `13:05:09` */
export function formatTime(timeNs: Amount): string {
  const c = civil(secondsOf(timeNs));
  return `${two(c.hour)}:${two(c.minute)}:${two(c.second)}`;
}

/** `2026-11-24` */
export function formatDate(timeNs: Amount): string {
  const c = civil(secondsOf(timeNs));
  return `${c.year}-${two(c.month)}-${two(c.day)}`;
}

/** `11-24 13:05` */
export function formatMoment(timeNs: Amount): string {
  const c = civil(secondsOf(timeNs));
  return `${two(c.month)}-${two(c.day)} ${two(c.hour)}:${two(c.minute)}`;
}

/** A term that ends with a day ends at its 24:00: `11-26 24:00`; any other is a moment. */
export function formatTerm(timeNs: Amount): string {
  const c = civil(secondsOf(timeNs));
  if (c.hour + c.minute + c.second > 0) return formatMoment(timeNs);
  const before = civil(secondsOf(timeNs) - 1);
  return `${two(before.month)}-${two(before.day)} 24:00`;
}

/** Midnight in Shanghai at which the civil date of a time begins, in seconds since 1970 UTC. */
export function dayStart(seconds: number): number {
  return Math.floor((seconds + SHANGHAI_OFFSET_S) / 86_400) * 86_400 - SHANGHAI_OFFSET_S;
}

/** Whole minutes, hours or days between two times: what an age is told in. */
export function age(fromNs: Amount, toNs: Amount): { value: number; unit: 'minute' | 'hour' | 'day' } {
  const minutes = Math.max(0, Math.floor((secondsOf(toNs) - secondsOf(fromNs)) / 60));
  if (minutes < 60) return { value: minutes, unit: 'minute' };
  if (minutes < 48 * 60) return { value: Math.floor(minutes / 60), unit: 'hour' };
  return { value: Math.floor(minutes / 1440), unit: 'day' };
}
