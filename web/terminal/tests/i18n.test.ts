import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'svelte/compiler';
import { describe, expect, test } from 'vitest';
import { explain, learn, preferredLanguage, translate } from '../src/lib/i18n.ts';
import { en } from '../src/lib/words/en.ts';
import { zh } from '../src/lib/words/zh.ts';

await learn('zh-CN');
await learn('en');

/**
 * What stays Latin in Chinese text: keys of the keyboard, kinds of files, the letter of candles (K线), and a name that the chart
 * library's licence wants shown.
 */
const LATIN_IN_CHINESE = new Set(['B', 'S', 'K', 'Esc', 'CSV', 'Parquet', 'TradingView', 'Lightweight', 'Charts']);

describe('the dictionaries', () => {
  test('have the same keys', () => {
    expect(Object.keys(en).sort()).toEqual(Object.keys(zh).sort());
  });

  test('fill in the same words', () => {
    const words = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();
    for (const [key, text] of Object.entries(zh))
      expect([key, words(text)]).toEqual([key, words(en[key as keyof typeof en])]);
  });

  test('leave no text empty', () => {
    for (const text of [...Object.values(zh), ...Object.values(en)]) expect(text.trim()).not.toBe('');
  });

  test('let no English into the Chinese, and no Chinese into the English', () => {
    for (const [key, text] of Object.entries(zh)) {
      const latin = text.replace(/\{\w+\}/g, '').match(/[A-Za-z]+/g) ?? [];
      expect([key, latin.filter((word) => !LATIN_IN_CHINESE.has(word))]).toEqual([key, []]);
    }
    for (const [key, text] of Object.entries(en)) expect([key, /\p{Script=Han}/u.test(text)]).toEqual([key, false]);
  });
});

test('a sentence is filled in', () => {
  expect(translate('zh-CN', 'warehouse.holder', { id: 7 })).toBe('持有人 7');
  expect(translate('en', 'warehouse.holder', { id: 7 })).toBe('holder 7');
});

test('a code is explained, an unknown one shown as it is', () => {
  expect(explain('zh-CN', 'insufficient_funds')).toBe('可用资金不足');
  expect(explain('en', 'busy')).toMatch(/busy/);
  expect(explain('en', 'brand_new')).toContain('brand_new');
});

test('the browser’s language decides, whatever its tag looks like', () => {
  expect(preferredLanguage(['en-US@posix'])).toBe('en');
  expect(preferredLanguage(['zh-Hans-CN', 'en'])).toBe('zh-CN');
  expect(preferredLanguage(['fr', 'en-GB'])).toBe('en');
  expect(preferredLanguage([])).toBe('zh-CN');
});

/** Every visible text of every component comes from the dictionaries: none is written into a template. */
describe('templates', () => {
  const source = join(import.meta.dirname, '../src');
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.svelte'));
  const SPOKEN = new Set(['title', 'placeholder', 'alt', 'aria-label', 'aria-description', 'label']);
  /** The names of the two languages are each in their own. */
  const AS_THEY_ARE = new Set(['中文', 'English']);

  interface Node {
    type?: string;
    name?: string;
    data?: string;
    [field: string]: unknown;
  }

  function texts(node: unknown, found: string[] = []): string[] {
    if (Array.isArray(node)) for (const child of node) texts(child, found);
    else if (typeof node === 'object' && node !== null) {
      const { type, name, data, ...rest } = node as Node;
      if (type === 'Text' && typeof data === 'string') found.push(data);
      if (type === 'Attribute' && !SPOKEN.has(name ?? '')) return found;
      for (const child of Object.values(rest)) texts(child, found);
    }
    return found;
  }

  test.each(files)('%s', (file) => {
    const { fragment } = parse(readFileSync(join(source, file), 'utf8'), { modern: true });
    const written = texts(fragment).map((text) => text.trim());
    expect(written.filter((text) => /\p{L}{2,}/u.test(text) && !AS_THEY_ARE.has(text))).toEqual([]);
  });
});
