/**
 * JSON whose money survives.
 *
 * The venue's money may reach 2⁶³−1, a JavaScript number is exact to 2⁵³−1 only. So a named integer beyond that is read as its
 * decimal text, and whatever shows or adds money goes through BigInt (`Amount` in format.ts). Times (`…_ns`) and what stands in
 * arrays (prices, kilograms, the start of a candle) stay numbers: the first are shown, never settled with, the others are small.
 */
export function parseJson(text: string): unknown {
  return JSON.parse(text.replace(LONG_INTEGER, quoteUnlessTime));
}

/**
 * In valid JSON a quote, a name, a quote and a colon can only be a key: inside a text its quotes would be escaped, and
 * the backslash is no name character. So no text is ever changed by this.
 */
const LONG_INTEGER = /"(\w+)"(\s*:\s*)(-?\d{16,})(?=\s*[,}])/g;

function quoteUnlessTime(whole: string, name: string, colon: string, digits: string): string {
  if (name.endsWith('_ns') || Number.isSafeInteger(Number(digits))) return whole;
  return `"${name}"${colon}"${digits}"`;
}
