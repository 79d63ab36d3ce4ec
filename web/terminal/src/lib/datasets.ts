/** The files that the venue makes of its history, and how one is asked for. */
import { fileAddress } from './api.ts';
import { INTERVALS } from './candles.ts';
import { daysAfter } from './statistics.ts';

export type Filter = 'symbol' | 'from' | 'to' | 'interval' | 'every' | 'depth';
export type FileForm = 'csv' | 'parquet';

export interface Dataset {
  name: string;
  title: string;
  filters: Filter[];
  columns: { name: string; kind: string }[];
}

/** What the form says; empty texts narrow nothing down. `to` is the last day that is wanted. */
export interface Wanted {
  symbol: string;
  from: string;
  to: string;
  interval: string;
  every: string;
  depth: string;
}

export const ANYTHING: Wanted = { symbol: '', from: '', to: '', interval: '', every: '3600', depth: '25' };

/** Seconds between two books. */
export const STEPS = ['60', '900', '3600', '86400'] as const;
export const DEPTHS = ['5', '25', '100'] as const;
export const CANDLE_INTERVALS = INTERVALS;

/** The address of the file; only what narrows this dataset down goes with it. */
export function datasetAddress(dataset: Dataset, form: FileForm, wanted: Wanted): string {
  const given: Wanted = { ...wanted, to: wanted.to === '' ? '' : daysAfter(wanted.to, 1) };
  const query = dataset.filters.map((filter) => [filter, given[filter] === '' ? null : given[filter]] as const);
  return fileAddress(`/exports/${dataset.name}.${form}`, Object.fromEntries(query));
}

/** Whether the last day stands before the first. */
export function isBackwards({ from, to }: Wanted): boolean {
  return from !== '' && to !== '' && to < from;
}

/** Datasets whose `symbol` is a code of the index. */
export function isOfIndex(dataset: Dataset): boolean {
  return dataset.name.startsWith('index');
}
