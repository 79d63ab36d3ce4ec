import type { Place } from '../lib/route.ts';
import { app } from './app.svelte.ts';

/** Follow a link inside the terminal; what opens a new tab stays the browser's. */
export function follow(event: MouseEvent, address: string): void {
  if (event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  app.go(address);
}

/** Outlines of 24 × 24 for the bar of a phone. */
const SIGNS: Record<string, string> = {
  'grower lots': 'M4 8l8-4 8 4v9l-8 4-8-4zM4 8l8 4 8-4M12 12v9',
  'grower list': 'M12 5v14M5 12h14',
  'grower sell': 'M4 12l8-8h8v8l-8 8zM16 8h.01',
  'grower account': 'M3 7h18v12H3zM3 11h18M7 15h4',
  'warehouse intake': 'M4 20V9l8-5 8 5v11M9 20v-6h6v6M12 5v6',
  'warehouse load_out': 'M2 7h11v9H2zM13 10h5l3 3v3h-8M6 16v2M17 16v2',
  'warehouse stock': 'M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z',
  'warehouse climate': 'M12 4v10M9 6a3 3 0 0 1 6 0v8a5 5 0 1 1-6 0z',
  trade: 'M5 20V10M10 20V4M15 20v-8M20 20V7',
  contracts: 'M6 3h9l4 4v14H6zM9 12h7M9 16h7M9 8h3',
  receipts: 'M5 3v18l3-2 2 2 2-2 2 2 2-2 3 2V3zM9 8h6M9 12h6',
  deliveries: 'M2 7h11v9H2zM13 10h5l3 3v3h-8M6 16v2M17 16v2',
  operator: 'M12 3l8 4v5c0 5-4 8-8 9-4-1-8-4-8-9V7zM9 12l2 2 4-4',
  market: 'M3 17l5-6 4 4 8-9M15 6h5v5',
  data: 'M4 4h16v16H4zM4 10h16M10 10v10',
  more: 'M5 12h.01M12 12h.01M19 12h.01',
};

export function signOf(place: Place): string {
  return SIGNS[place.tab === null ? place.screen : `${place.screen} ${place.tab}`] ?? '';
}
