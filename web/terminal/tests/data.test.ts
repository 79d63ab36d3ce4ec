import { describe, expect, test } from 'vitest';
import { byCode, mergeDays, readIndexDay, varietyOf, type IndexDay } from '../src/lib/banana_index.ts';
import { base64 } from '../src/lib/base64.ts';
import { ANYTHING, datasetAddress, isBackwards, type Dataset } from '../src/lib/datasets.ts';
import { drawn, newestFirst, parseRate, type Series } from '../src/lib/prices.ts';
import { daysAfter, shifted } from '../src/lib/statistics.ts';

const day = (date: string, value: number, more: Partial<IndexDay> = {}): IndexDay => ({
  code: 'SXBI',
  date,
  value,
  final: false,
  carried: false,
  constituents: [],
  ...more,
});

describe('the banana index', () => {
  test('a day that is told again replaces what was known of it, and a new one follows', () => {
    const known = [day('2026-11-23', 100000, { final: true }), day('2026-11-24', 101000)];
    const news = [day('2026-11-24', 101786, { final: true }), day('2026-11-25', 102000)];
    expect(mergeDays(known, news).map(({ date, value, final }) => [date, value, final])).toEqual([
      ['2026-11-23', 100000, true],
      ['2026-11-24', 101786, true],
      ['2026-11-25', 102000, false],
    ]);
  });

  test('is read from the feed; before there is a value there is no day', () => {
    const message = {
      symbol: 'SXBI-BXJ',
      date: '2026-11-23',
      value: 29800,
      final: false,
      carried: true,
      constituents: [['BXJ-1-SX1-26W47', 5400, 29800]],
    };
    expect(readIndexDay(message)).toEqual({
      code: 'SXBI-BXJ',
      date: '2026-11-23',
      value: 29800,
      final: false,
      carried: true,
      constituents: [['BXJ-1-SX1-26W47', 5400, 29800]],
    });
    expect(readIndexDay({ ...message, value: null })).toBeNull();
    expect(readIndexDay({ ...message, date: null, value: null })).toBeNull();
  });

  test('all varieties stand before each', () => {
    expect(['SXBI-FJ', 'SXBI-BXJ', 'SXBI'].sort(byCode)).toEqual(['SXBI', 'SXBI-BXJ', 'SXBI-FJ']);
    expect(varietyOf('SXBI-BXJ')).toBe('BXJ');
  });
});

describe('statistics', () => {
  test('a period leads to its neighbours', () => {
    expect(shifted('day', '2026-03-01', -1)).toBe('2026-02-28');
    expect(shifted('week', '2026-12-28', 1)).toBe('2027-01-04');
    expect(shifted('month', '2026-12-01', 1)).toBe('2027-01-01');
    expect(shifted('month', '2026-01-01', -1)).toBe('2025-12-01');
    expect(shifted('year', '2026-01-01', -1)).toBe('2025-01-01');
  });

  test('days are counted over the ends of months and leap years', () => {
    expect(daysAfter('2028-02-28', 1)).toBe('2028-02-29');
    expect(daysAfter('2027-01-01', -365)).toBe('2026-01-01');
  });
});

describe('a file of history', () => {
  const trades: Dataset = { name: 'trades', title: '', filters: ['symbol', 'from', 'to'], columns: [] };

  test('is asked for by what narrows it down, the last day included', () => {
    const wanted = { ...ANYTHING, symbol: 'BXJ-1-SX1-26W47', from: '2026-11-01', to: '2026-11-30', interval: '1h' };
    expect(datasetAddress(trades, 'csv', wanted)).toBe(
      '/api/v1/exports/trades.csv?symbol=BXJ-1-SX1-26W47&from=2026-11-01&to=2026-12-01',
    );
    expect(datasetAddress({ ...trades, filters: [] }, 'parquet', wanted)).toBe('/api/v1/exports/trades.parquet');
    expect(datasetAddress(trades, 'parquet', ANYTHING)).toBe('/api/v1/exports/trades.parquet');
  });

  test('does not end before it begins', () => {
    expect(isBackwards({ ...ANYTHING, from: '2026-11-02', to: '2026-11-01' })).toBe(true);
    expect(isBackwards({ ...ANYTHING, from: '2026-11-01', to: '2026-11-01' })).toBe(false);
    expect(isBackwards({ ...ANYTHING, from: '2026-11-02' })).toBe(false);
  });
});

describe('prices of other markets', () => {
  test('a rate is a decimal above zero, however it is typed', () => {
    expect(parseRate(' 9.15 ')).toBe('9.15');
    expect(parseRate('9。15')).toBe('9.15');
    for (const text of ['', '0', '0.00', '-9', 'nine', '9.1.5']) expect(parseRate(text)).toBeNull();
  });

  test('stand on a picture by their scale; a day without one is not drawn', () => {
    expect(drawn({ price: 86, scale: 2 })).toBeCloseTo(0.86);
    expect(drawn({ price: null, scale: null })).toBeNull();
  });

  test('series that go on come first', () => {
    const series = (series_id: number, last_date: string | null) => ({ series_id, last_date }) as Series;
    const sorted = [series(1, '2021-10-29'), series(2, null), series(3, '2026-11-24'), series(4, '2021-10-29')];
    expect(sorted.sort(newestFirst).map(({ series_id }) => series_id)).toEqual([3, 1, 4, 2]);
  });

  test('a file is sent byte for byte', async () => {
    expect(await base64(new Blob([new Uint8Array([0xa3, 0x2f, 0x6b, 0x67])]))).toBe('oy9rZw==');
  });
});
