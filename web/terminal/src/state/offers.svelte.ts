import { Once } from '../lib/once.ts';
import { Repaint } from '../lib/repaint.ts';
import type { Auction, List, Listing, Order, Report, Side } from '../lib/types.ts';
import { account } from './account.svelte.ts';
import { app } from './app.svelte.ts';
import { Poll } from './poll.svelte.ts';

/** What trades without a book, as forms ask for it; the name by which it is done once is added here. */
export interface ListingDraft {
  symbol: string;
  side: Side;
  quantity: number;
  price: number;
  receipt_id: number | null;
  minimum_quantity: number | null;
  expires_ns: number | null;
}

export interface AuctionDraft {
  symbol: string;
  side: Side;
  quantity: number;
  receipt_id: number | null;
  style: 'english' | 'dutch';
  start_price: number;
  reserve_price: number | null;
  step: number;
  ends_ns: number;
  extension_ns: number;
  interval_ns: number | null;
}

export interface ReportDraft {
  counterparty_id: number;
  symbol: string;
  side: Side;
  quantity: number;
  price: number;
  receipt_id: number | null;
  expires_ns: number;
}

/** Enters offers and answers to them, each once, as `Placer` does orders; what was entered is shown at once. */
export class Dealer {
  readonly #once = new Once();

  list(draft: ListingDraft): Promise<Order> {
    return this.#enter('/listings', draft);
  }

  take(listing: Listing, quantity: number, receiptId: number | null): Promise<Order> {
    return this.#enter(`/listings/${listing.listing_id}/takes`, { quantity, receipt_id: receiptId });
  }

  counter(listing: Listing, quantity: number, price: number, receiptId: number | null): Promise<Order> {
    return this.#enter(`/listings/${listing.listing_id}/counters`, { quantity, price, receipt_id: receiptId });
  }

  auction(draft: AuctionDraft): Promise<Order> {
    return this.#enter('/auctions', draft);
  }

  bid(auction: Auction, price: number, receiptId: number | null): Promise<Order> {
    return this.#enter(`/auctions/${auction.auction_id}/bids`, { price, receipt_id: receiptId });
  }

  report(draft: ReportDraft): Promise<Order> {
    return this.#enter('/reports', draft);
  }

  confirm(report: Report, receiptId: number | null): Promise<Order> {
    return this.#enter(`/reports/${report.report_id}/confirmation`, { receipt_id: receiptId });
  }

  /** One's own listing, after the trade at the counter-bid's price. */
  async accept(counterId: number): Promise<Order> {
    return this.#taken(await app.api.post<Order>(`/counters/${counterId}/acceptance`, {}));
  }

  async withdraw(kind: 'listings' | 'counters' | 'auctions', id: number): Promise<Order> {
    return this.#taken(await app.api.delete<Order>(`/${kind}/${id}`));
  }

  /** Take one's own report back, or decline another's. */
  async endReport(report: Report): Promise<void> {
    await app.api.delete(`/reports/${report.report_id}`);
  }

  async #enter(path: string, body: object): Promise<Order> {
    return this.#taken(
      await this.#once.send({ path, ...body }, (name) => app.api.post<Order>(path, { client_order_id: name, ...body })),
    );
  }

  #taken(order: Order): Order {
    account.take(order);
    return order;
  }
}

/** The feed says when something is offered, taken or bid for. Counter-bids and the clock of an auction are asked for between times. */
export function listingsOf(symbol: string): Poll<Listing[]> {
  return new Poll(
    async () => (await app.api.get<List<Listing>>('/listings', { symbol, limit: 500 })).items.toSorted(byPrice),
    4_000,
    newsOf(symbol),
  );
}

export function auctionsOf(symbol: string): Poll<Auction[]> {
  return new Poll(
    async () => (await app.api.get<List<Auction>>('/auctions', { symbol, limit: 500 })).items.toSorted(byEnd),
    2_000,
    newsOf(symbol),
  );
}

/** What is offered names nobody on the feed, so it only says that there is something to ask for. */
function newsOf(symbol: string): (news: () => void) => () => void {
  const repaint = new Repaint(500);
  return (news) => app.feed.subscribe('lots', [symbol], {}, () => repaint.ask('news', news));
}

/** Reports that one has made or is to confirm, of all instruments. */
export function ownReports(): Poll<Report[]> {
  return new Poll(async () => (await app.api.get<List<Report>>('/reports', { limit: 500 })).items, 2_000);
}

/** Lots before wants; the cheapest lot and the dearest want first. */
function byPrice(a: Listing, b: Listing): number {
  if (a.side !== b.side) return a.side === 'sell' ? -1 : 1;
  return (a.price - b.price) * (a.side === 'sell' ? 1 : -1) || a.listing_id - b.listing_id;
}

function byEnd(a: Auction, b: Auction): number {
  return a.ends_ns - b.ends_ns || a.auction_id - b.auction_id;
}
