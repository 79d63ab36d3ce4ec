import { describe, expect, test } from 'vitest';
import * as f from '../src/lib/format.ts';
import { parseJson } from '../src/lib/json.ts';
import { parseSymbol } from '../src/lib/symbol.ts';

describe('money', () => {
  test('is fen shown as yuan', () => {
    expect(f.formatMoney(0)).toBe('0.00');
    expect(f.formatMoney(5)).toBe('0.05');
    expect(f.formatMoney(123456789)).toBe('1,234,567.89');
    expect(f.formatMoney(-250)).toBe('−2.50');
  });
  test('beyond 2⁵³ keeps every fen from the wire to the screen', () => {
    const body = parseJson('{"items":[{"asset":"CNY","total": 9223372036854775807,"available":9007199254740993}]}') as {
      items: { total: f.Amount; available: f.Amount }[];
    };
    expect(f.formatMoney(body.items[0]!.total)).toBe('92,233,720,368,547,758.07');
    expect(f.formatMoney(body.items[0]!.available)).toBe('90,071,992,547,409.93');
  });
  test('reading leaves small numbers, times and texts as they are', () => {
    const text =
      '{"time_ns":1795413600123456789,"a":12,"b":-3,"c":"x \\"total\\":9223372036854775807, y","d":[1795413600000000000]}';
    expect(parseJson(text)).toEqual(JSON.parse(text));
  });
  test('is read from what people type', () => {
    expect(f.parseMoney('1,234.5')).toBe(123450);
    expect(f.parseMoney('１２。５')).toBe(1250);
    expect(f.parseMoney('0.005')).toBeNull();
    expect(f.parseMoney('')).toBeNull();
    expect(f.parseMoney('-1')).toBeNull();
    expect(f.parseMoney('1e3')).toBeNull();
    expect(f.parseMoney('99999999999999999')).toBeNull();
  });
});

describe('a price', () => {
  test('is yuan a kilogram or a jin', () => {
    expect(f.formatPrice(235, 'kg')).toBe('2.35');
    expect(f.formatPrice(235, 'jin')).toBe('1.175');
  });
  test('is read back into the same fen, or refused', () => {
    for (const price of [1, 5, 199, 235, 100000]) {
      for (const unit of ['kg', 'jin'] as const) expect(f.parsePrice(f.formatPrice(price, unit), unit)).toBe(price);
    }
    expect(f.parsePrice('1.171', 'jin')).toBeNull();
    expect(f.parsePrice('2.355', 'kg')).toBeNull();
  });
  test('change carries its sign', () => {
    expect(f.formatChange(5, 'kg')).toBe('+0.05');
    expect(f.formatChange(-5, 'kg')).toBe('−0.05');
    expect(f.formatChangePercent(5, 200)).toBe('+2.50%');
    expect(f.formatChangePercent(-5, 200)).toBe('−2.50%');
    expect(f.formatChangePercent(0, 200)).toBe('0.00%');
    expect(f.formatChangePercent(5, 0)).toBe(f.NOTHING);
  });
});

describe('a weight', () => {
  test('is kilograms or tonnes', () => {
    expect(f.formatQuantity(12345, 'kg')).toBe('12,345');
    expect(f.formatQuantity(12345, 't')).toBe('12.345');
    expect(f.parseQuantity('12.345', 't')).toBe(12345);
    expect(f.parseQuantity('1.5', 'kg')).toBeNull();
  });
  test('in grams is shown in kilograms without idle zeros', () => {
    expect(f.formatGrams(12340500)).toBe('12,340.5');
    expect(f.formatGrams(12340000)).toBe('12,340');
    expect(f.formatGrams(0)).toBe('0');
    expect(f.formatGrams(999)).toBe('0.999');
    expect(f.parseGrams('18.14')).toBe(18140);
    expect(f.wholeKilograms(1999)).toBe(1n);
  });
});

test('a temperature may be below zero', () => {
  expect(f.parseTemperature('13.5')).toBe(135);
  expect(f.parseTemperature('-2')).toBe(-20);
  expect(f.formatTemperature(-5)).toBe('−0.5');
});

describe('a time', () => {
  const at = (text: string): bigint => BigInt(Date.parse(text)) * 1_000_000n;
  test('is told in Shanghai', () => {
    expect(f.formatTime(at('2026-11-23T16:00:01Z'))).toBe('00:00:01');
    expect(f.formatDate(at('2026-11-23T16:00:01Z'))).toBe('2026-11-24');
    expect(f.formatMoment(at('2024-02-29T15:59:59Z'))).toBe('02-29 23:59');
    expect(f.formatDate(at('2099-12-31T16:00:00Z'))).toBe('2100-01-01');
    expect(f.formatDate(Number(at('2026-11-23T16:00:01Z')))).toBe('2026-11-24');
  });
  test('agrees with the platform on every day of ten years', () => {
    for (let day = 0; day < 3653; day++) {
      const seconds = Date.UTC(2020, 0, 1) / 1000 + day * 86_400;
      const c = f.civil(seconds - f.SHANGHAI_OFFSET_S);
      const expected = new Date(seconds * 1000);
      expect([c.year, c.month, c.day]).toEqual([
        expected.getUTCFullYear(),
        expected.getUTCMonth() + 1,
        expected.getUTCDate(),
      ]);
    }
  });
  test('has an age', () => {
    expect(f.age(at('2026-11-23T00:00:00Z'), at('2026-11-23T00:59:59Z'))).toEqual({ value: 59, unit: 'minute' });
    expect(f.age(at('2026-11-23T00:00:00Z'), at('2026-11-23T05:00:00Z'))).toEqual({ value: 5, unit: 'hour' });
    expect(f.age(at('2026-11-20T00:00:00Z'), at('2026-11-23T05:00:00Z'))).toEqual({ value: 3, unit: 'day' });
  });
});

test('a symbol says what it names', () => {
  expect(parseSymbol('BXJ-1-SX1-26W47')).toEqual({
    variety: 'BXJ',
    grade: '1',
    warehouse: 'SX1',
    year: 2026,
    week: 47,
  });
  expect(parseSymbol('BXJ-3-SX1-26W47')).toBeNull();
});

describe('the index', () => {
  test('is points, and prices finer than a fen, exact in both units', () => {
    expect(f.formatPoints(102839)).toBe('1,028.39');
    expect(f.formatPoints(-587)).toBe('−5.87');
    expect(f.formatFinePrice(29500, 'kg')).toBe('2.9500');
    expect(f.formatFinePrice(28773, 'kg')).toBe('2.8773');
    expect(f.formatFinePrice(28773, 'jin')).toBe('1.43865');
  });
});

test('permille are per cent with one decimal, growth with its sign', () => {
  expect(f.formatPermille(333)).toBe('33.3%');
  expect(f.formatPermille(1000)).toBe('100.0%');
  expect(f.formatGrowth(60)).toBe('+6.0%');
  expect(f.formatGrowth(-483)).toBe('−48.3%');
  expect(f.formatGrowth(0)).toBe('0.0%');
});
