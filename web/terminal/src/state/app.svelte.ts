import { Api, ApiError } from '../lib/api.ts';
import { FeedClient, type Connection, type Socket } from '../lib/feed.ts';
import { parseRoute, screensOf, type Route, type Screen } from '../lib/route.ts';
import type { ContractTerms, Me, Participant, Venue } from '../lib/types.ts';
import { explained, remember, remembered } from './prefs.svelte.ts';

export interface Notice {
  id: number;
  kind: 'done' | 'failed' | 'told';
  text: string;
}

const SIGNED_IN = 'banana.signed_in';
const NOTICE_MS = 6_000;
const MOST_NOTICES = 3;

/** Who is here, where they are, and the lines to the venue: what every screen shares. */
class App {
  readonly api = new Api();
  readonly feed: FeedClient;

  me = $state.raw<Me | null>(null);
  /** Whether it is known yet if somebody is signed in. */
  known = $state(false);
  sessionEnded = $state(false);
  venue = $state.raw<Venue | null>(null);
  venueFailed = $state<string | null>(null);
  /** On what terms trades without a book become contracts; null: they settle at once. */
  terms = $state.raw<ContractTerms | null>(null);
  path = $state(location.pathname);
  connection = $state.raw<Connection>({ state: 'closed', heardAt: null, attempt: 0 });
  notices = $state.raw<Notice[]>([]);
  /** Milliseconds since 1970 by this machine's clock, once a second: what ages are counted by. */
  now = $state(Date.now());

  /** Whether the screen is a phone's: one column, larger text. */
  narrow = $state(false);

  /** The venue's time less this machine's, in milliseconds, while the clock is real; the venue's last time while it is manual. */
  #offsetMs = $state(0);
  #venueMs = $state(0);
  #nextNotice = 1;

  constructor() {
    const narrow = matchMedia('(max-width: 720px)');
    this.narrow = narrow.matches;
    narrow.addEventListener('change', (event) => (this.narrow = event.matches));
    this.feed = new FeedClient({
      open: openFeed,
      // Phones are told four times a second, which is as much as their batteries should bear.
      rate: narrow.matches ? 4 : null,
      onConnection: (connection) => (this.connection = connection),
      onTime: (timeNs) => this.#hearTime(timeNs),
    });
    this.api.onSignedOut = () => {
      if (this.me === null) return;
      this.sessionEnded = true;
      this.#leave();
    };
  }

  get route(): Route | null {
    return parseRoute(this.path);
  }

  get screens(): Screen[] {
    return this.me === null ? [] : screensOf(this.me.roles);
  }

  /** The venue's time in nanoseconds: its own clock where it is set by hand, else ours put right by the difference once heard. */
  get timeNs(): number {
    const ms = this.venue?.clock.mode === 'manual' ? this.#venueMs : this.now + this.#offsetMs;
    return ms * 1e6;
  }

  start(): void {
    addEventListener('popstate', () => (this.path = location.pathname));
    addEventListener('online', () => this.feed.wake());
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.feed.wake();
    });
    setInterval(() => (this.now = Date.now()), 1_000);
    void this.loadVenue();
    this.api.get<{ terms: ContractTerms | null }>('/contracts/terms').then(
      ({ terms }) => (this.terms = terms),
      (error: unknown) => (this.venueFailed = codeOf(error)),
    );
    if (mayBeSignedIn()) void this.#whoAmI();
    else this.known = true;
  }

  go(path: string): void {
    if (path === location.pathname) return;
    history.pushState(null, '', path);
    this.path = path;
    scrollTo(0, 0);
  }

  /** Change the address without a step that Back would undo. */
  settle(path: string): void {
    if (path === location.pathname) return;
    history.replaceState(null, '', path);
    this.path = path;
  }

  async loadVenue(): Promise<void> {
    try {
      const venue = await this.api.get<Venue>('/venue');
      this.venue = venue;
      this.venueFailed = null;
      this.#hearTime(Number(venue.clock.time_ns));
    } catch (error) {
      this.venueFailed = codeOf(error);
    }
  }

  async signIn(name: string, password: string): Promise<void> {
    const answer = await this.api.post<{ csrf_token: string; participant: Participant }>('/sessions', {
      name,
      password,
    });
    this.sessionEnded = false;
    this.#enter({ ...answer.participant, csrf_token: answer.csrf_token });
  }

  async signOut(): Promise<void> {
    await this.api.delete('/sessions/current').catch((error: unknown) => this.complain(error));
    this.#leave();
  }

  async #whoAmI(): Promise<void> {
    try {
      this.#enter(await this.api.get<Me>('/me'));
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) remember(SIGNED_IN, false);
      else this.complain(error);
    }
    this.known = true;
  }

  #enter(me: Me): void {
    this.api.csrfToken = me.csrf_token;
    remember(SIGNED_IN, true);
    this.me = me;
    this.known = true;
    this.feed.start();
    const route = this.route;
    if (route === null || !this.screens.includes(route.screen)) this.settle(`/${this.screens[0] ?? 'market'}`);
  }

  #leave(): void {
    this.feed.stop();
    remember(SIGNED_IN, false);
    this.api.csrfToken = null;
    this.me = null;
    this.settle('/');
  }

  #hearTime(timeNs: number): void {
    const ms = Math.floor(timeNs / 1e6);
    this.#venueMs = Math.max(this.#venueMs, ms);
    const offset = ms - Date.now();
    // A message may have been gathered for a while, so the latest time heard is the nearest to the truth; a drift is followed.
    if (offset > this.#offsetMs || Math.abs(offset - this.#offsetMs) > 5_000) this.#offsetMs = offset;
  }

  // What is said at the edge of the screen

  tell(text: string, kind: Notice['kind'] = 'done'): void {
    const notice = { id: this.#nextNotice++, kind, text };
    this.notices = [...this.notices, notice].slice(-MOST_NOTICES);
    setTimeout(() => this.dismiss(notice.id), NOTICE_MS);
  }

  complain(error: unknown): void {
    this.tell(explained(codeOf(error)), 'failed');
  }

  dismiss(id: number): void {
    this.notices = this.notices.filter((notice) => notice.id !== id);
  }
}

export const app = new App();

export function codeOf(error: unknown): string {
  if (error instanceof ApiError) return error.code;
  // What is no answer of the server is a fault of this program, and belongs in the console.
  console.error(error);
  return 'internal';
}

/**
 * The session's cookie cannot be seen from here. A note that there was one spares everybody else a refused request; where the
 * browser keeps no notes, it is asked for.
 */
function mayBeSignedIn(): boolean {
  const note = remembered(SIGNED_IN);
  return note === true || (note === null && !remember(SIGNED_IN, false));
}

function openFeed(): Socket {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  return new WebSocket(`${scheme}://${location.host}/feed`, 'banana.feed.v1+json') as Socket;
}
