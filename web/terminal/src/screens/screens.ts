import type { Component } from 'svelte';
import type { Route, Screen } from '../lib/route.ts';

type Loaded = { default: Component<never> };

/** Each screen is a file of its own, loaded when somebody first goes there: a grower's phone never carries the charts. */
const LOADERS: Record<Screen, () => Promise<Loaded>> = {
  trade: () => import('./Trader.svelte'),
  market: () => import('./Market.svelte'),
  grower: () => import('./Grower.svelte'),
  warehouse: () => import('./Warehouse.svelte'),
  operator: () => import('./Operator.svelte'),
  contracts: () => import('./Contracts.svelte'),
  receipts: () => import('./Receipts.svelte'),
  deliveries: () => import('./Deliveries.svelte'),
  money: () => import('./Money.svelte'),
  data: () => import('./Data.svelte'),
  more: () => import('./More.svelte'),
};

const loading = new Map<Screen, Promise<Component<Route>>>();

/** Rejects where the file cannot be had; asking again tries again. */
export function load(screen: Screen): Promise<Component<Route>> {
  let found = loading.get(screen);
  if (found === undefined) {
    found = LOADERS[screen]().then((module) => module.default as unknown as Component<Route>);
    found.catch(() => loading.delete(screen));
    loading.set(screen, found);
  }
  return found;
}
