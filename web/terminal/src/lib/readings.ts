import { formatDate } from './format.ts';
import type { Reading } from './settlement.ts';

/** A day of a logger: the least and the most that it read. */
export interface DayOfReadings {
  date: string;
  readings: number;
  minimumDc: number;
  maximumDc: number;
  minimumHumidity: number | null;
  maximumHumidity: number | null;
}

/** The extremes of each day in Shanghai, the newest first. O(readings). */
export function extremes(readings: readonly Reading[]): DayOfReadings[] {
  const days = new Map<string, DayOfReadings>();
  for (const { time_ns, temperature_dc, humidity_permille } of readings) {
    const date = formatDate(time_ns);
    const day = days.get(date);
    if (day === undefined) {
      days.set(date, {
        date,
        readings: 1,
        minimumDc: temperature_dc,
        maximumDc: temperature_dc,
        minimumHumidity: humidity_permille,
        maximumHumidity: humidity_permille,
      });
      continue;
    }
    day.readings += 1;
    day.minimumDc = Math.min(day.minimumDc, temperature_dc);
    day.maximumDc = Math.max(day.maximumDc, temperature_dc);
    if (humidity_permille !== null) {
      day.minimumHumidity = Math.min(day.minimumHumidity ?? humidity_permille, humidity_permille);
      day.maximumHumidity = Math.max(day.maximumHumidity ?? humidity_permille, humidity_permille);
    }
  }
  return [...days.values()].sort((a, b) => (a.date < b.date ? 1 : -1));
}

/**
 * Readings of one logger as lines of an SVG `width` by `height`: one a stretch without a silence longer than `gapS`. Time goes
 * from left to right over the span asked for, temperature from `lowDc` at the foot to `highDc` at the head.
 */
export function lines(
  readings: readonly Reading[],
  span: { fromS: number; toS: number; lowDc: number; highDc: number },
  size: { width: number; height: number },
  gapS: number,
): string[] {
  const found: string[] = [];
  let points: string[] = [];
  let before: number | null = null;
  for (const reading of readings.toSorted((a, b) => a.time_ns - b.time_ns)) {
    const second = reading.time_ns / 1e9;
    if (before !== null && second - before > gapS && points.length > 0) {
      found.push(points.join(' '));
      points = [];
    }
    before = second;
    const x = ((second - span.fromS) / (span.toS - span.fromS)) * size.width;
    const y = ((span.highDc - reading.temperature_dc) / (span.highDc - span.lowDc)) * size.height;
    points.push(`${x.toFixed(1)},${y.toFixed(1)}`);
  }
  if (points.length > 0) found.push(points.join(' '));
  return found;
}
