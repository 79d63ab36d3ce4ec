/** The county's statistics as the venue tells them: volumes in kilograms, money in fen, prices in fen per kilogram, the rest permille. */
import type { Query } from './api.ts';
import type { Amount } from './format.ts';

export const DIMENSIONS = ['varieties', 'grades', 'warehouses', 'origins', 'buyer-regions'] as const;
export const PERIODS = ['day', 'week', 'month', 'year'] as const;
export const ORDERS = ['volume', 'turnover', 'price', 'trades', 'growth_week', 'growth_month', 'growth_year'] as const;
export const GROWN = ['volume', 'turnover', 'price'] as const;
export const SPANS = ['week', 'month', 'year'] as const;

export type Dimension = (typeof DIMENSIONS)[number];
export type Period = (typeof PERIODS)[number];
export type OrderBy = (typeof ORDERS)[number];
export type Grown = (typeof GROWN)[number];

/** Told two days later, and only where nobody can be found in it. */
export const OF_PEOPLE: ReadonlySet<string> = new Set<Dimension>(['origins', 'buyer-regions']);

export interface Growth {
  volume_permille: number | null;
  turnover_permille: number | null;
  price_permille: number | null;
}

export interface Figures {
  volume: number;
  turnover_fen: Amount;
  average_price: number | null;
  trades: number;
  week: Growth;
  month: Growth;
  year: Growth;
}

export interface Row extends Figures {
  rank: number | null;
  key: string;
  name_zh: string;
  name_en: string;
  /** What is told together. */
  other: boolean;
  share_permille: number | null;
}

export interface Table {
  dimension: Dimension;
  from_date: string;
  to_date: string;
  /** The last day that is counted; null where none is. */
  through: string | null;
  items: Row[];
  total: Figures;
}

export interface About {
  first_date: string | null;
  last_date: string | null;
  disclosed_through: string;
  minimum_participants: number;
  unregistered: string;
}

export interface Asked {
  dimension: Dimension;
  period: Period;
  /** A day in the period; null: the newest. */
  date: string | null;
  orderBy: OrderBy;
}

export function queryOf({ period, date, orderBy }: Asked): Query {
  return { period, date, order_by: orderBy };
}

/** A day in the period before or after: from a month's first day, so that none is jumped over. */
export function shifted(period: Period, firstDay: string, by: 1 | -1): string {
  const [year, month, day] = firstDay.split('-').map(Number) as [number, number, number];
  switch (period) {
    case 'day':
      return iso(year, month, day + by);
    case 'week':
      return iso(year, month, day + 7 * by);
    case 'month':
      return iso(year, month + by, 1);
    case 'year':
      return iso(year + by, 1, 1);
  }
}

/** A date as many days later; earlier where they are negative. */
export function daysAfter(date: string, days: number): string {
  const [year, month, day] = date.split('-').map(Number) as [number, number, number];
  return iso(year, month, day + days);
}

/** Months and days beyond their ends run on. */
function iso(year: number, month: number, day: number): string {
  return new Date(Date.UTC(year, month - 1, day)).toISOString().slice(0, 10);
}
