import type { Role } from './types.ts';

export type Screen =
  | 'trade'
  | 'grower'
  | 'warehouse'
  | 'operator'
  | 'contracts'
  | 'receipts'
  | 'deliveries'
  | 'money'
  | 'market'
  | 'data'
  | 'more';

export type GrowerTab = 'lots' | 'list' | 'sell' | 'account';
export type WarehouseTab = 'intake' | 'load_out' | 'stock' | 'climate';
export type OperatorTab = 'overview' | 'approvals' | 'bank' | 'instruments';
export type MoneyTab = 'account' | 'withdrawals' | 'statement';
export type DataTab = 'index' | 'statistics' | 'downloads' | 'prices';

export type Route =
  | { screen: 'trade' | 'market'; symbol: string | null }
  | { screen: 'grower'; tab: GrowerTab; id: number | null }
  | { screen: 'warehouse'; tab: WarehouseTab; id: number | null }
  | { screen: 'operator'; tab: OperatorTab; id: number | null }
  | { screen: 'money'; tab: MoneyTab; id: number | null }
  | { screen: 'data'; tab: DataTab; id: number | null }
  | { screen: 'contracts' | 'receipts' | 'deliveries'; id: number | null }
  | { screen: 'more' };

/** The tabs of the screens that have some; the first is where the screen's own address leads. */
export const TABS = {
  grower: ['lots', 'list', 'sell', 'account'],
  warehouse: ['intake', 'load_out', 'stock', 'climate'],
  operator: ['overview', 'approvals', 'bank', 'instruments'],
  money: ['account', 'withdrawals', 'statement'],
  data: ['index', 'statistics', 'downloads', 'prices'],
} as const satisfies {
  grower: readonly GrowerTab[];
  warehouse: readonly WarehouseTab[];
  operator: readonly OperatorTab[];
  money: readonly MoneyTab[];
  data: readonly DataTab[];
};

/** The address bar's path as a route, or null where it names nothing. */
export function parseRoute(path: string): Route | null {
  const [screen, first, second] = path.split('/').filter((part) => part !== '');
  switch (screen) {
    case 'trade':
    case 'market':
      return { screen, symbol: first ?? null };
    case 'grower':
    case 'warehouse':
    case 'operator':
    case 'money':
    case 'data': {
      const tabs: readonly string[] = TABS[screen];
      const tab = first ?? tabs[0]!;
      return tabs.includes(tab) ? ({ screen, tab, id: idOf(second) } as Route) : null;
    }
    case 'contracts':
    case 'receipts':
    case 'deliveries':
      return { screen, id: idOf(first) };
    case 'more':
      return { screen };
    default:
      return null;
  }
}

function idOf(part: string | undefined): number | null {
  return part !== undefined && /^\d{1,15}$/.test(part) ? Number(part) : null;
}

/** The screens that a participant's roles open, the first being where signing in leads. */
export function screensOf(roles: readonly Role[]): Screen[] {
  const screens: Screen[] = [];
  if (roles.includes('trader')) screens.push('trade');
  if (roles.includes('grower')) screens.push('grower');
  if (roles.includes('warehouse')) screens.push('warehouse');
  if (roles.includes('operator')) screens.push('operator');
  if (roles.includes('trader') || roles.includes('grower'))
    screens.push('contracts', 'receipts', 'deliveries', 'money');
  else if (roles.includes('operator')) screens.push('contracts');
  // Who comes for figures alone finds them first.
  if (screens.length === 0 && roles.includes('analyst')) screens.push('data', 'market');
  else screens.push('market', 'data');
  if (roles.includes('trader')) screens.push('more');
  return screens;
}

/** A place that the bar at the foot of a phone leads to. */
export interface Place {
  address: string;
  screen: Screen;
  tab: string | null;
}

/** The bar of a phone, at most four places, by what somebody does most; `more` leads to the rest. */
export function barOf(roles: readonly Role[]): Place[] {
  const at = (screen: Screen, tab: string | null = null): Place => ({
    address: tab === null ? `/${screen}` : `/${screen}/${tab}`,
    screen,
    tab,
  });
  if (roles.includes('grower') && !roles.includes('trader')) return TABS.grower.map((tab) => at('grower', tab));
  if (roles.includes('trader')) return [at('trade'), at('contracts'), at('receipts'), at('more')];
  if (roles.includes('warehouse')) return TABS.warehouse.map((tab) => at('warehouse', tab));
  if (roles.includes('operator')) return [at('operator'), at('market'), at('data')];
  if (roles.includes('analyst')) return [at('data'), at('market')];
  return [];
}
