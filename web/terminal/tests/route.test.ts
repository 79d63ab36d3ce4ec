import { expect, test } from 'vitest';
import { barOf, parseRoute, screensOf } from '../src/lib/route.ts';
import type { Role } from '../src/lib/types.ts';

test('an address leads to a screen', () => {
  expect(parseRoute('/trade/BXJ-1-SX1-26W47')).toEqual({ screen: 'trade', symbol: 'BXJ-1-SX1-26W47' });
  expect(parseRoute('/grower')).toEqual({ screen: 'grower', tab: 'lots', id: null });
  expect(parseRoute('/grower/sell/12')).toEqual({ screen: 'grower', tab: 'sell', id: 12 });
  expect(parseRoute('/data')).toEqual({ screen: 'data', tab: 'index', id: null });
  expect(parseRoute('/data/prices/3')).toEqual({ screen: 'data', tab: 'prices', id: 3 });
  expect(parseRoute('/grower/nothing')).toBeNull();
  expect(parseRoute('/')).toBeNull();
});

test('roles open screens', () => {
  expect(screensOf(['grower', 'trader'])).toEqual([
    'trade',
    'grower',
    'contracts',
    'receipts',
    'deliveries',
    'money',
    'market',
    'data',
    'more',
  ]);
  expect(screensOf(['analyst'])).toEqual(['data', 'market']);
  expect(screensOf(['warehouse', 'analyst'])).toEqual(['warehouse', 'market', 'data']);
});

test('a phone’s bar has four places at most, and each is a screen that the roles open', () => {
  const roles: Role[] = ['trader', 'grower', 'warehouse', 'operator', 'analyst'];
  for (let chosen = 1; chosen < 1 << roles.length; chosen += 1) {
    const some = roles.filter((_, index) => (chosen >> index) & 1);
    const bar = barOf(some);
    expect(bar.length).toBeLessThanOrEqual(4);
    for (const place of bar) {
      expect(parseRoute(place.address)?.screen).toBe(place.screen);
      expect(screensOf(some)).toContain(place.screen);
    }
  }
});
