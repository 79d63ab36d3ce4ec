import { describe, expect, test } from 'vitest';
import { extremes, lines } from '../src/lib/readings.ts';
import type { Reading } from '../src/lib/settlement.ts';

const at = (text: string): number => Date.parse(text) * 1e6;
const reading = (text: string, temperature_dc: number, humidity_permille: number | null = null): Reading => ({
  logger_id: 'L',
  time_ns: at(text),
  temperature_dc,
  humidity_permille,
});

describe('the extremes of a day', () => {
  test('are those of the day in Shanghai, the newest day first', () => {
    const days = extremes([
      reading('2026-11-23T15:59:00Z', 131),
      reading('2026-11-23T16:00:00Z', 140, 900),
      reading('2026-11-24T01:00:00Z', 128, 950),
      reading('2026-11-24T02:00:00Z', 155),
    ]);
    expect(days).toEqual([
      { date: '2026-11-24', readings: 3, minimumDc: 128, maximumDc: 155, minimumHumidity: 900, maximumHumidity: 950 },
      { date: '2026-11-23', readings: 1, minimumDc: 131, maximumDc: 131, minimumHumidity: null, maximumHumidity: null },
    ]);
  });
});

test('a silence breaks the line, and warmth goes up', () => {
  const fromS = at('2026-11-24T00:00:00Z') / 1e9;
  const drawn = lines(
    [reading('2026-11-24T00:30:00Z', 150), reading('2026-11-24T00:00:00Z', 100), reading('2026-11-24T04:00:00Z', 125)],
    { fromS, toS: fromS + 4 * 3600, lowDc: 100, highDc: 150 },
    { width: 400, height: 100 },
    3600,
  );
  expect(drawn).toEqual(['0.0,100.0 50.0,0.0', '400.0,50.0']);
});
