import { parseJson } from './json.ts';

/**
 * The feed: one WebSocket, many streams, none of them ever silently wrong.
 *
 *     subscribe ─► subscribed ─► snapshot ─► delta ─► delta ─► …
 *                       └ resumed ──────────► delta ─► …
 *
 * Each message of a stream names the one before it (`previous`). A reader whose last differs has lost something and asks for a
 * fresh snapshot; so does one whose checksum differs, or whom a heartbeat tells of a message that never came. A connection that
 * ends is opened again after a growing, jittered pause, and its streams go on from the last sequence that they applied. One that
 * says nothing for `STALE_MS` is called stale while it is asked whether it lives, and given up after `DEAD_MS`.
 */

export type Channel = 'book' | 'trades' | 'ticker' | 'candles' | 'status' | 'auction' | 'lots' | 'index' | 'account';

export interface DataMessage {
  channel: Channel;
  symbol: string | null;
  kind: 'snapshot' | 'delta';
  sequence: number;
  previous: number | null;
  time_ns: number;
  [field: string]: unknown;
}

export interface StreamOptions {
  depth?: number | null;
  interval?: string;
}

/** Returns false where the message contradicts what is held (a checksum): the stream then starts afresh. */
export type Reader = (message: DataMessage) => boolean | void;

export type ConnectionState = 'connecting' | 'live' | 'stale' | 'reconnecting' | 'closed';

export interface Connection {
  state: ConnectionState;
  /** When the last message came, in milliseconds since 1970, or null before the first. */
  heardAt: number | null;
  /** How often the present connection has been tried for. */
  attempt: number;
}

/** As much of a WebSocket as is used here. */
export interface Socket {
  send(text: string): void;
  close(code?: number): void;
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: (() => void) | null;
  onerror: (() => void) | null;
}

export interface FeedSettings {
  open: () => Socket;
  /** Messages of market data a second at most, in each stream; null leaves it to the server. */
  rate?: 4 | 10 | null;
  onConnection?: (connection: Connection) => void;
  /** The venue's time, from any message that carries it. */
  onTime?: (timeNs: number) => void;
  /** What the feed refused, by its code. */
  onRefused?: (code: string, detail: string) => void;
  random?: () => number;
}

export const PING_MS = 2_000;
export const STALE_MS = 5_000;
export const DEAD_MS = 15_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 8_000;
const CALM_MS = 1_000;

/** Streams whose past is worth replaying; a ticker or a status is complete in one message. */
const RESUMABLE: ReadonlySet<Channel> = new Set<Channel>(['book', 'trades', 'candles', 'account']);

type StreamState = 'waiting' | 'live';

interface Stream {
  channel: Channel;
  symbol: string | null;
  options: StreamOptions;
  reader: Reader;
  state: StreamState;
  /** The last sequence applied, or null where there is none to go on from. */
  last: number | null;
  /** Heartbeats in a row that told of more than was seen. */
  behind: number;
  /** The subscription that is under way: answers to older ones mean nothing. */
  requestId: number;
  refreshedAt: number;
}

export class FeedClient {
  readonly #settings: FeedSettings;
  readonly #random: () => number;
  readonly #streams = new Map<string, Stream>();
  #socket: Socket | null = null;
  #open = false;
  #wanted = false;
  #attempt = 0;
  #heardAt: number | null = null;
  /** From when the silence of the present socket counts. */
  #quietSince = 0;
  #state: ConnectionState = 'closed';
  #nextId = 1;
  #retry: ReturnType<typeof setTimeout> | null = null;
  #watch: ReturnType<typeof setInterval> | null = null;

  constructor(settings: FeedSettings) {
    this.#settings = settings;
    this.#random = settings.random ?? Math.random;
  }

  get connection(): Connection {
    return { state: this.#state, heardAt: this.#heardAt, attempt: this.#attempt };
  }

  start(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#attempt = 0;
    this.#watch = setInterval(() => this.#lookAtPulse(), 1_000);
    this.#connect();
  }

  stop(): void {
    this.#wanted = false;
    if (this.#retry !== null) clearTimeout(this.#retry);
    if (this.#watch !== null) clearInterval(this.#watch);
    this.#retry = this.#watch = null;
    this.#drop();
    this.#streams.clear();
    this.#become('closed');
  }

  /** Try again at once: the machine woke up, or came back to the network. */
  wake(): void {
    if (!this.#wanted || this.#open || this.#retry === null) return;
    clearTimeout(this.#retry);
    this.#retry = null;
    this.#connect();
  }

  /** Read a channel of these symbols (none: the channel has no symbol); a channel and symbol is read once, by the last who asked. */
  subscribe(channel: Channel, symbols: readonly string[] | null, options: StreamOptions, reader: Reader): () => void {
    const streams = (symbols ?? [null]).map((symbol): Stream => {
      const stream: Stream = {
        channel,
        symbol,
        options,
        reader,
        state: 'waiting',
        last: null,
        behind: 0,
        requestId: 0,
        refreshedAt: -Infinity,
      };
      this.#streams.set(key(channel, symbol), stream);
      return stream;
    });
    if (this.#open) this.#request(streams, null);
    return () => this.#unsubscribe(streams);
  }

  #unsubscribe(streams: readonly Stream[]): void {
    const gone = streams.filter((stream) => this.#streams.get(key(stream.channel, stream.symbol)) === stream);
    for (const stream of gone) this.#streams.delete(key(stream.channel, stream.symbol));
    const first = gone[0];
    if (!this.#open || first === undefined) return;
    this.#send({ op: 'unsubscribe', id: this.#nextId++, channel: first.channel, symbols: symbolsOf(gone) });
  }

  // The connection

  #connect(): void {
    this.#become(this.#attempt === 0 ? 'connecting' : 'reconnecting');
    let socket: Socket;
    try {
      socket = this.#settings.open();
    } catch {
      this.#pause();
      return;
    }
    this.#socket = socket;
    this.#quietSince = Date.now();
    socket.onopen = () => this.#opened(socket);
    socket.onmessage = (event) => this.#received(socket, event.data);
    socket.onclose = () => this.#ended(socket);
    socket.onerror = () => {};
  }

  #opened(socket: Socket): void {
    if (socket !== this.#socket) return;
    this.#open = true;
    this.#heard();
    this.#send({ op: 'subscribe', id: this.#nextId++, channel: 'heartbeat' });
    this.#subscribeAll();
  }

  #ended(socket: Socket): void {
    if (socket !== this.#socket) return;
    this.#drop();
    if (this.#wanted) this.#pause();
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = null;
    this.#open = false;
    for (const stream of this.#streams.values()) stream.state = 'waiting';
    if (socket === null) return;
    socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
    socket.close();
  }

  /** 250 ms, doubled each time up to 8 s, less up to half of it by chance, so that a thousand screens do not return at once. */
  #pause(): void {
    const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#attempt);
    this.#attempt += 1;
    this.#become('reconnecting');
    this.#retry = setTimeout(
      () => {
        this.#retry = null;
        this.#connect();
      },
      longest - Math.floor((longest / 2) * this.#random()),
    );
  }

  #lookAtPulse(): void {
    if (this.#socket === null) return;
    const silence = Date.now() - this.#quietSince;
    if (silence >= DEAD_MS) {
      this.#drop();
      this.#pause();
      return;
    }
    if (!this.#open) return;
    if (silence >= PING_MS) this.#send({ op: 'ping', id: this.#nextId++ });
    if (silence >= STALE_MS) this.#become('stale');
  }

  #heard(): void {
    this.#heardAt = this.#quietSince = Date.now();
    this.#attempt = 0;
    this.#become('live');
  }

  #become(state: ConnectionState): void {
    if (state === this.#state && state !== 'reconnecting') return;
    this.#state = state;
    this.#settings.onConnection?.(this.connection);
  }

  #send(message: unknown): void {
    if (this.#open) this.#socket?.send(JSON.stringify(message));
  }

  // The streams

  /** Those that can go on where they were ask for it one by one, since each has its own last sequence; the others start together. */
  #subscribeAll(): void {
    const fresh = new Map<string, Stream[]>();
    for (const stream of this.#streams.values()) {
      if (stream.last !== null && RESUMABLE.has(stream.channel)) {
        this.#request([stream], stream.last);
        continue;
      }
      const group = JSON.stringify([stream.channel, stream.symbol === null, stream.options]);
      const members = fresh.get(group);
      if (members) members.push(stream);
      else fresh.set(group, [stream]);
    }
    for (const streams of fresh.values()) this.#request(streams, null);
  }

  #request(streams: readonly Stream[], resumeFrom: number | null): void {
    const first = streams[0];
    if (first === undefined) return;
    const id = this.#nextId++;
    for (const stream of streams) {
      stream.state = 'waiting';
      stream.requestId = id;
      stream.behind = 0;
      if (resumeFrom === null) stream.last = null;
    }
    this.#send({
      op: 'subscribe',
      id,
      channel: first.channel,
      symbols: symbolsOf(streams),
      ...first.options,
      ...(this.#settings.rate && first.symbol !== null ? { rate: this.#settings.rate } : {}),
      resume_from: resumeFrom,
    });
  }

  /** Start a stream afresh, at most once a second: a fault that repeats must not become a storm. */
  #refresh(stream: Stream): void {
    stream.state = 'waiting';
    stream.last = null;
    const wait = stream.refreshedAt + CALM_MS - Date.now();
    stream.refreshedAt = Date.now() + Math.max(0, wait);
    if (wait <= 0) {
      this.#request([stream], null);
      return;
    }
    setTimeout(() => {
      if (this.#open && this.#streams.get(key(stream.channel, stream.symbol)) === stream) this.#request([stream], null);
    }, wait);
  }

  #received(socket: Socket, data: unknown): void {
    if (socket !== this.#socket || typeof data !== 'string') return;
    this.#heard();
    const message = readable(data);
    if (message === null) return;
    if (typeof message.time_ns === 'number') this.#settings.onTime?.(message.time_ns);
    if (typeof message.op === 'string') this.#answered(message);
    else if (message.channel === 'heartbeat') this.#compare(message.streams);
    else if (message.kind === 'snapshot' || message.kind === 'delta') this.#read(message as unknown as DataMessage);
  }

  #answered(message: Record<string, unknown>): void {
    if (message.op === 'error') {
      this.#settings.onRefused?.(String(message.code), String(message.detail ?? ''));
      return;
    }
    if (message.op !== 'subscribed' || message.resumed !== true) return;
    for (const stream of this.#streams.values()) {
      if (stream.requestId === message.id && stream.last !== null) stream.state = 'live';
    }
  }

  #read(message: DataMessage): void {
    const stream = this.#streams.get(key(message.channel, message.symbol ?? null));
    if (stream === undefined) return;
    if (message.kind === 'delta') {
      // What is still under way from before the snapshot that was asked for.
      if (stream.state === 'waiting') return;
      if (message.previous !== stream.last) {
        this.#refresh(stream);
        return;
      }
    } else if (stream.options.interval !== undefined && message.interval !== undefined) {
      if (message.interval !== stream.options.interval) return;
    }
    stream.state = 'live';
    stream.last = message.sequence;
    stream.behind = 0;
    if (stream.reader(message) === false) this.#refresh(stream);
  }

  /** A heartbeat may overtake what is being gathered for the next message, two in a row do not. */
  #compare(streams: unknown): void {
    if (!Array.isArray(streams)) return;
    for (const entry of streams as unknown[]) {
      if (!Array.isArray(entry)) continue;
      const [channel, symbol, last] = entry as [Channel, string | null, number | null];
      const stream = this.#streams.get(key(channel, symbol));
      if (stream === undefined || stream.state !== 'live' || stream.last === null || last === null) continue;
      stream.behind = last > stream.last ? stream.behind + 1 : 0;
      if (stream.behind >= 2) this.#refresh(stream);
    }
  }
}

function key(channel: Channel, symbol: string | null): string {
  return `${channel} ${symbol ?? ''}`;
}

function symbolsOf(streams: readonly Stream[]): string[] {
  return streams.flatMap((stream) => (stream.symbol === null ? [] : [stream.symbol]));
}

function readable(data: string): Record<string, unknown> | null {
  try {
    const message = parseJson(data);
    return typeof message === 'object' && message !== null ? (message as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
