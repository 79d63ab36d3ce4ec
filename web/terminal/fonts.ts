/**
 * The Chinese font as this program wants it: Chinese characters alone, so that the machine's own font draws Latin although the
 * Chinese one is named first.
 *
 * It has to be named first. Chromium keeps what it shaped for a font list that begins with a system font, missing glyphs and all, and
 * does not look again when a later web font of the list arrives: on a machine without a Chinese font every word that was on the
 * screen too early stays a row of boxes.
 */

/** Where Chinese begins: radicals, punctuation, characters, full-width forms; and the degree sign that Chinese text uses. */
const CHINESE: readonly (readonly [number, number])[] = [
  [0x2103, 0x2103],
  [0x2e80, 0x10ffff],
];

/** Style sheet in, style sheet out: faces without Chinese left out, the others narrowed, and only the format that is wanted. */
export function chineseOnly(css: string): string {
  return css.replace(/@font-face\s*\{[^}]*\}/g, (face) => {
    const range = /unicode-range:\s*([^;}]+)/.exec(face);
    if (range === null) return '';
    const kept = narrowed(range[1]!);
    if (kept === '') return '';
    return face
      .replace(range[0], `unicode-range: ${kept}`)
      .replace(/,\s*url\([^)]*\.woff\)\s*format\(['"]?woff['"]?\)/g, '');
  });
}

function narrowed(ranges: string): string {
  const kept: string[] = [];
  for (const text of ranges.split(',')) {
    const [low, high] = bounds(text.trim());
    for (const [first, last] of CHINESE) {
      const [from, to] = [Math.max(low, first), Math.min(high, last)];
      if (from <= to) kept.push(from === to ? `U+${hex(from)}` : `U+${hex(from)}-${hex(to)}`);
    }
  }
  return kept.join(',');
}

/** `U+4E00`, `U+4E00-9FFF` or `U+4E??`. */
function bounds(range: string): [number, number] {
  const [low, high] = range.slice(2).split('-');
  return [parseInt(low!.replaceAll('?', '0'), 16), parseInt((high ?? low!).replaceAll('?', 'f'), 16)];
}

function hex(codePoint: number): string {
  return codePoint.toString(16);
}
