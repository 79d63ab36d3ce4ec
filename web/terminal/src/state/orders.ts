import { formatPrice, formatQuantity } from '../lib/format.ts';
import { Once } from '../lib/once.ts';
import type { Order, Side } from '../lib/types.ts';
import { account } from './account.svelte.ts';
import { app } from './app.svelte.ts';
import { prefs, reason, t } from './prefs.svelte.ts';

/** What a form asks for; the id is added here. */
export interface Draft {
  symbol: string;
  side: Side;
  quantity: number;
  kind: 'limit' | 'market';
  price: number | null;
  time_in_force: string;
  lots?: number[] | null;
}

/** Places drafts so that none is placed twice. */
export class Placer {
  readonly #once = new Once();

  async place(draft: Draft): Promise<Order> {
    const order = await this.#once.send(draft, (name) =>
      app.api.post<Order>('/orders', { client_order_id: name, ...draft }),
    );
    account.take(order);
    return order;
  }
}

export async function cancel(order: Order): Promise<void> {
  try {
    account.take(await app.api.delete<Order>(`/orders/${order.order_id}`));
    app.tell(t('result.cancel_done'));
  } catch (error) {
    app.complain(error);
  }
}

export async function cancelAll(symbol: string | null): Promise<void> {
  try {
    const { items } = await app.api.delete<{ items: Order[] }>('/orders', { symbol });
    for (const order of items) account.take(order);
    app.tell(t('result.cancel_all_done', { count: items.length }));
  } catch (error) {
    app.complain(error);
  }
}

export async function amend(order: Order, change: { price?: number; quantity?: number }): Promise<boolean> {
  try {
    account.take(await app.api.patch<Order>(`/orders/${order.order_id}`, change));
    app.tell(t('result.amend_done'));
    return true;
  } catch (error) {
    app.complain(error);
    return false;
  }
}

/** What became of an order, in a sentence. */
export function outcome(order: Order): { text: string; good: boolean } {
  const filled = `${formatQuantity(order.filled, prefs.weightUnit)} ${t(`unit.weight.${prefs.weightUnit}`)}`;
  switch (order.status) {
    case 'filled':
      return { text: t('result.filled', { quantity: filled, price: averagePrice(order) }), good: true };
    case 'cancelled':
      return { text: t('result.cancelled', { filled, reason: reason(order.reason) }), good: order.filled > 0 };
    case 'rejected':
      return { text: t('result.rejected', { reason: reason(order.reason) }), good: false };
    default:
      return { text: t(`result.${order.status}`, { filled }), good: true };
  }
}

function averagePrice(order: Order): string {
  if (order.filled === 0) return '';
  return formatPrice(Number(BigInt(order.traded_fen) / BigInt(order.filled)), prefs.priceUnit);
}
