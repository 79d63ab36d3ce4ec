import type { DataMessage } from '../lib/feed.ts';
import { Repaint } from '../lib/repaint.ts';
import type { Balance, Fill, List, Order, Receipt } from '../lib/types.ts';
import { app, codeOf } from './app.svelte.ts';

const ENDED: ReadonlySet<string> = new Set(['filled', 'cancelled', 'rejected', 'expired']);
const KEPT = 200;

/** One's own orders, fills, balances and receipts: a snapshot from the feed, then its changes; the past by HTTP. */
class Account {
  live = $state.raw<Order[] | null>(null);
  ended = $state.raw<Order[] | null>(null);
  fills = $state.raw<Fill[] | null>(null);
  receipts = $state.raw<Receipt[] | null>(null);
  balances = $state.raw<Balance[] | null>(null);
  failed = $state<string | null>(null);

  readonly #repaint = new Repaint(100);
  readonly #orders = new Map<number, Order>();
  readonly #balances = new Map<string, Balance>();
  #ended = new Map<number, Order>();
  #fills: Fill[] = [];
  #fillKeys = new Set<string>();
  #receiptsTimer: ReturnType<typeof setTimeout> | null = null;
  #readers = 0;
  #stop: (() => void) | null = null;

  get cash(): Balance | null {
    return this.balances?.find((balance) => balance.asset === 'CNY') ?? null;
  }

  get goods(): Balance[] {
    return (this.balances ?? []).filter((balance) => balance.asset !== 'CNY');
  }

  /** What can be sold of a symbol, in grams. */
  availableGrams(symbol: string): bigint {
    const balance = this.balances?.find(({ asset }) => asset === symbol);
    return balance === undefined ? 0n : BigInt(balance.available);
  }

  order(orderId: number): Order | null {
    return this.#orders.get(orderId) ?? this.#ended.get(orderId) ?? null;
  }

  /** Follow while somebody looks; returns how to stop. */
  follow(): () => void {
    this.#readers += 1;
    if (this.#readers === 1) {
      this.#forget();
      this.#stop = app.feed.subscribe('account', null, {}, (message) => this.#read(message));
      void this.refresh();
    }
    return () => {
      this.#readers -= 1;
      if (this.#readers > 0) return;
      this.#stop?.();
      this.#stop = null;
    };
  }

  /** The past, and whatever the feed has not said yet. */
  async refresh(): Promise<void> {
    try {
      const [ended, fills, balances] = await Promise.all([
        app.api.get<List<Order>>('/orders', { status: 'ended', limit: KEPT }),
        app.api.get<List<Fill>>('/fills', { limit: KEPT }),
        app.api.get<List<Balance>>('/balances'),
        this.loadReceipts(),
      ]);
      for (const order of ended.items) if (!this.#orders.has(order.order_id)) this.#ended.set(order.order_id, order);
      for (const fill of fills.items.toReversed()) this.#keepFill(fill);
      for (const balance of balances.items)
        if (!this.#balances.has(balance.asset)) this.#balances.set(balance.asset, balance);
      this.failed = null;
      this.#paintOrders();
      this.#paintFills();
      this.#paintBalances();
    } catch (error) {
      this.failed = codeOf(error);
    }
  }

  async loadReceipts(): Promise<void> {
    const { items } = await app.api.get<List<Receipt>>('/receipts', { state: 'live', limit: 1000 });
    this.receipts = items.toSorted((a, b) => a.receipt_id - b.receipt_id);
  }

  /** An order as the server answered it: shown at once, the feed only confirms it. */
  take(order: Order): void {
    this.#keepOrder(order);
    this.#paintOrders();
  }

  #read(message: DataMessage): void {
    if (message.kind === 'snapshot') {
      this.#orders.clear();
      this.#balances.clear();
      for (const order of message.orders as Order[]) this.#keepOrder(order);
      for (const balance of message.balances as Balance[]) this.#balances.set(balance.asset, balance);
      this.#paintOrders();
      this.#paintBalances();
      this.#receiptsSoon();
      return;
    }
    if (message.order) {
      this.#keepOrder(message.order as Order);
      this.#paintOrders();
    }
    if (message.fill) {
      this.#keepFill(message.fill as Fill);
      this.#paintFills();
    }
    if (message.balance) {
      const balance = message.balance as Balance;
      this.#balances.set(balance.asset, balance);
      this.#paintBalances();
      if (balance.asset !== 'CNY') this.#receiptsSoon();
    }
  }

  #keepOrder(order: Order): void {
    const known = this.order(order.order_id);
    if (known !== null && known.sequence > order.sequence) return;
    if (ENDED.has(order.status)) {
      this.#orders.delete(order.order_id);
      this.#ended.set(order.order_id, order);
    } else {
      this.#orders.set(order.order_id, order);
    }
  }

  #keepFill(fill: Fill): void {
    const key = `${fill.trade_id} ${fill.order_id}`;
    if (this.#fillKeys.has(key)) return;
    this.#fillKeys.add(key);
    this.#fills.push(fill);
  }

  #paintOrders(): void {
    this.#repaint.ask('orders', () => {
      this.live = [...this.#orders.values()].sort((a, b) => b.order_id - a.order_id);
      const ended = [...this.#ended.values()].sort((a, b) => b.order_id - a.order_id).slice(0, KEPT);
      this.#ended = new Map(ended.map((order) => [order.order_id, order]));
      this.ended = ended;
    });
  }

  #paintFills(): void {
    this.#repaint.ask('fills', () => {
      this.#fills = this.#fills.sort((a, b) => b.trade_id - a.trade_id).slice(0, KEPT);
      this.fills = this.#fills.slice();
    });
  }

  #paintBalances(): void {
    this.#repaint.ask('balances', () => {
      this.balances = [...this.#balances.values()]
        .filter((balance) => balance.asset === 'CNY' || BigInt(balance.total) !== 0n)
        .sort((a, b) => (a.asset < b.asset ? -1 : 1));
    });
  }

  /** Receipts change with goods; one look a second is enough however many fills there were. */
  #receiptsSoon(): void {
    if (this.#receiptsTimer !== null) return;
    this.#receiptsTimer = setTimeout(() => {
      this.#receiptsTimer = null;
      if (this.#readers > 0) this.loadReceipts().catch((error: unknown) => (this.failed = codeOf(error)));
    }, 1_000);
  }

  #forget(): void {
    this.#orders.clear();
    this.#balances.clear();
    this.#ended.clear();
    this.#fills = [];
    this.#fillKeys.clear();
    this.live = this.ended = null;
    this.fills = null;
    this.receipts = null;
    this.balances = null;
    this.failed = null;
  }
}

export const account = new Account();
