import type { Role } from './types.ts';

export type Screen = 'trade' | 'grower' | 'warehouse' | 'market' | 'operator';
export type GrowerTab = 'lots' | 'list' | 'sell' | 'account';

export type Route =
  | { screen: 'trade'; symbol: string | null }
  | { screen: 'market'; symbol: string | null }
  | { screen: 'grower'; tab: GrowerTab; id: number | null }
  | { screen: 'warehouse' }
  | { screen: 'operator' };

const GROWER_TABS: readonly string[] = ['lots', 'list', 'sell', 'account'] satisfies GrowerTab[];

/** The address bar's path as a route, or null where it names nothing. */
export function parseRoute(path: string): Route | null {
  const [screen, first, second] = path.split('/').filter((part) => part !== '');
  switch (screen) {
    case 'trade':
    case 'market':
      return { screen, symbol: first ?? null };
    case 'grower': {
      const tab = first ?? 'lots';
      if (!GROWER_TABS.includes(tab)) return null;
      const id = second !== undefined && /^\d{1,15}$/.test(second) ? Number(second) : null;
      return { screen, tab: tab as GrowerTab, id };
    }
    case 'warehouse':
    case 'operator':
      return { screen };
    default:
      return null;
  }
}

/** The screens that a participant's roles open, the first being where signing in leads. */
export function screensOf(roles: readonly Role[]): Screen[] {
  const screens: Screen[] = [];
  if (roles.includes('trader')) screens.push('trade');
  if (roles.includes('grower')) screens.push('grower');
  if (roles.includes('warehouse')) screens.push('warehouse');
  if (roles.includes('operator')) screens.push('operator');
  screens.push('market');
  return screens;
}
