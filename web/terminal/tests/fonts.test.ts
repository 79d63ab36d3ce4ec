import { expect, test } from 'vitest';
import { chineseOnly } from '../fonts.ts';

const face = (range: string) => `@font-face {
  font-family: 'Noto Sans SC';
  src: url(./a.woff2) format('woff2'), url(./a.woff) format('woff');
  unicode-range: ${range};
}`;

test('a face of Chinese keeps its characters and the one format', () => {
  const css = chineseOnly(face('U+41-4d,U+3001-3002,U+4e00,U+2010-2027,U+9f??'));
  expect(css).toContain('unicode-range: U+3001-3002,U+4e00,U+9f00-9fff;');
  expect(css).toContain("url(./a.woff2) format('woff2');");
  expect(css).not.toContain('.woff)');
});

test('a range that begins before Chinese is cut', () => {
  expect(chineseOnly(face('U+2000-3000'))).toContain('unicode-range: U+2103,U+2e80-3000;');
});

test('a face without Chinese is left out', () => {
  expect(chineseOnly(face('U+0-ff,U+2000-206f')).trim()).toBe('');
});
