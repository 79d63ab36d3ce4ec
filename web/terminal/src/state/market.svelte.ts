import { Book, type Level } from '../lib/book.ts';
import { mergeCandles, type Candle, type Interval } from '../lib/candles.ts';
import type { DataMessage } from '../lib/feed.ts';
import { Repaint } from '../lib/repaint.ts';
import { mergeTrades } from '../lib/trades.ts';
import type { Instrument, List, Phase, Ticker, Trade } from '../lib/types.ts';
import { app, codeOf } from './app.svelte.ts';

const KEPT_TRADES = 100;
const REFRESH_MS = 15_000;
const CANDLES = 500;

export interface ShownBook {
  bids: Level[];
  asks: Level[];
  phaseDark: boolean;
}

/** What a call auction would come to now; no price: nothing would trade. */
export interface Indication {
  price: number | null;
  quantity: number;
  /** Bought minus sold at the price. */
  surplus: number;
}

/** The market as the screen shows it: what the feed said last, painted at most ten times a second. */
class Market {
  instruments = $state.raw<Instrument[]>([]);
  loaded = $state(false);
  failed = $state<string | null>(null);
  tickers = $state.raw<Record<string, Ticker>>({});
  phases = $state.raw<Record<string, Phase>>({});
  book = $state.raw<ShownBook | null>(null);
  indication = $state.raw<Indication | null>(null);
  trades = $state.raw<Trade[] | null>(null);
  candles = $state.raw<Candle[] | null>(null);
  candlesFailed = $state<string | null>(null);

  readonly #repaint = new Repaint(100);
  readonly #tickers: Record<string, Ticker> = {};
  readonly #phases: Record<string, Phase> = {};
  #readers = 0;
  #timer: ReturnType<typeof setInterval> | null = null;
  #watched = new Set<string>();
  #stops: (() => void)[] = [];

  instrument(symbol: string | null): Instrument | null {
    return this.instruments.find((instrument) => instrument.symbol === symbol) ?? null;
  }

  phase(symbol: string): Phase | null {
    return this.phases[symbol] ?? this.instrument(symbol)?.phase ?? null;
  }

  /** Keep the list of instruments and their quotes fresh while somebody looks; returns how to stop. */
  follow(): () => void {
    this.#readers += 1;
    if (this.#readers === 1) {
      void this.refresh();
      this.#timer = setInterval(() => void this.refresh(), REFRESH_MS);
    }
    return () => {
      this.#readers -= 1;
      if (this.#readers > 0) return;
      if (this.#timer !== null) clearInterval(this.#timer);
      for (const stop of this.#stops) stop();
      this.#stops = [];
      this.#watched.clear();
    };
  }

  async refresh(): Promise<void> {
    try {
      const { items } = await app.api.get<List<Instrument>>('/instruments');
      this.instruments = items.toSorted((a, b) => (a.symbol < b.symbol ? -1 : 1));
      this.failed = null;
      this.#quote(items.map((item) => item.symbol).filter((symbol) => !this.#watched.has(symbol)));
    } catch (error) {
      this.failed = codeOf(error);
    }
    this.loaded = true;
  }

  /** An instrument opens with its first receipt, so new ones join while the screen is open. */
  #quote(symbols: string[]): void {
    if (symbols.length === 0 || this.#readers === 0) return;
    for (const symbol of symbols) this.#watched.add(symbol);
    this.#stops.push(
      app.feed.subscribe('ticker', symbols, {}, (message) => {
        this.#tickers[message.symbol!] = message as unknown as Ticker;
        this.#repaint.ask('tickers', () => (this.tickers = { ...this.#tickers }));
      }),
      app.feed.subscribe('status', symbols, {}, (message) => {
        this.#phases[message.symbol!] = message.phase as Phase;
        this.#repaint.ask('phases', () => (this.phases = { ...this.#phases }));
      }),
    );
  }

  /** Read one instrument's book, what its auction would come to, and its trades; returns how to stop. */
  watch(symbol: string): () => void {
    const book = new Book();
    let trades: Trade[] = [];
    this.book = null;
    this.indication = null;
    this.trades = null;
    const stopBook = app.feed.subscribe('book', [symbol], { depth: 25 }, (message) => {
      const { bids, asks, checksum } = message as DataMessage & { bids: Level[]; asks: Level[]; checksum: number };
      if (message.kind === 'snapshot') book.replace(bids, asks);
      else book.apply(bids, asks);
      if (book.checksum() !== checksum) return false;
      this.#repaint.ask('book', () => {
        this.book = { bids: book.bids, asks: book.asks, phaseDark: this.phase(symbol) === 'auction' };
      });
      return true;
    });
    const stopTrades = app.feed.subscribe('trades', [symbol], {}, (message) => {
      trades = mergeTrades(message.kind === 'snapshot' ? [] : trades, message.trades as Trade[], KEPT_TRADES);
      this.#repaint.ask('trades', () => (this.trades = trades));
    });
    const stopAuction = app.feed.subscribe('auction', [symbol], {}, (message) => {
      this.#repaint.ask('indication', () => (this.indication = message as unknown as Indication));
    });
    return () => {
      stopBook();
      stopAuction();
      stopTrades();
    };
  }

  /** Read one instrument's candles: the past by HTTP, the present by the feed, which replaces what it knows better. */
  watchCandles(symbol: string, interval: Interval): () => void {
    let history: Candle[] = [];
    let news: Candle[] = [];
    let heard = false;
    let watching = true;
    this.candles = null;
    this.candlesFailed = null;
    const paint = (): void =>
      this.#repaint.ask('candles', () => watching && (this.candles = mergeCandles(history, news)));
    app.api
      .get<{ items: Candle[] }>(`/instruments/${symbol}/candles`, { interval, limit: CANDLES })
      .then((answer) => {
        history = answer.items;
        paint();
      })
      .catch((error: unknown) => {
        const code = codeOf(error);
        if (watching && !heard) this.candlesFailed = code;
      });
    const stop = app.feed.subscribe('candles', [symbol], { interval }, (message) => {
      heard = true;
      news = mergeCandles(message.kind === 'snapshot' ? [] : news, message.candles as Candle[]);
      this.candlesFailed = null;
      paint();
    });
    return () => {
      watching = false;
      stop();
    };
  }
}

export const market = new Market();
