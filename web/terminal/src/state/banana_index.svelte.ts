import { byCode, mergeDays, readIndexDay, type IndexDay } from '../lib/banana_index.ts';
import { Repaint } from '../lib/repaint.ts';
import type { List } from '../lib/types.ts';
import { app, codeOf } from './app.svelte.ts';

const REFRESH_MS = 30_000;
const DAYS = 366;

/** The banana index: its past by HTTP, its present by the feed, a value a code and trading day. */
class BananaIndex {
  /** Of each code its days, ascending: the last two at least, the last year of the one that is looked at. */
  days = $state.raw<Record<string, IndexDay[]>>({});
  loaded = $state(false);
  failed = $state<string | null>(null);

  readonly #repaint = new Repaint(100);
  #known: Record<string, IndexDay[]> = {};
  #heard = new Set<string>();
  #stops: (() => void)[] = [];

  get codes(): string[] {
    return Object.keys(this.days).sort(byCode);
  }

  /** Follow while somebody looks; returns how to stop. */
  follow(): () => void {
    void this.refresh();
    const timer = setInterval(() => void this.refresh(), REFRESH_MS);
    return () => {
      clearInterval(timer);
      for (const stop of this.#stops) stop();
      this.#stops = [];
      this.#heard.clear();
    };
  }

  /** The newest day of each code; a variety joins when it first has a price. */
  refresh = async (): Promise<void> => {
    try {
      const { items } = await app.api.get<List<IndexDay>>('/index');
      for (const day of items) this.#take([day]);
      const fresh = items.map((day) => day.code).filter((code) => !this.#heard.has(code));
      await Promise.all(fresh.map((code) => this.#load(code, 2)));
      this.#hear(fresh);
      this.failed = null;
    } catch (error) {
      this.failed = codeOf(error);
    }
    this.loaded = true;
  };

  /** The last year of a code. */
  async load(code: string): Promise<void> {
    try {
      await this.#load(code, DAYS);
    } catch (error) {
      this.failed = codeOf(error);
    }
  }

  async #load(code: string, limit: number): Promise<void> {
    const { items } = await app.api.get<List<IndexDay>>(`/index/${code}/days`, { limit });
    this.#take(items);
  }

  #hear(codes: string[]): void {
    if (codes.length === 0) return;
    for (const code of codes) this.#heard.add(code);
    this.#stops.push(
      app.feed.subscribe('index', codes, {}, (message) => {
        const day = readIndexDay(message);
        if (day !== null) this.#take([day]);
      }),
    );
  }

  #take(news: readonly IndexDay[]): void {
    const first = news[0];
    if (first === undefined) return;
    this.#known = { ...this.#known, [first.code]: mergeDays(this.#known[first.code] ?? [], news) };
    this.#repaint.ask('days', () => (this.days = this.#known));
  }
}

export const bananaIndex = new BananaIndex();
