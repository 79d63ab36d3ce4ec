import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { DEAD_MS, FeedClient, STALE_MS, type Connection, type DataMessage, type Socket } from '../src/lib/feed.ts';

/** The venue's end of the line: what the client sent, and a way to answer. */
class Line implements Socket {
  sent: Record<string, unknown>[] = [];
  closed = false;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;
  onerror: (() => void) | null = null;

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }
  close(): void {
    this.closed = true;
  }
  accept(): void {
    this.onopen?.();
  }
  say(message: unknown): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
  breaks(): void {
    this.onclose?.();
  }
  /** The subscriptions asked for, newest last. */
  get subscriptions(): Record<string, unknown>[] {
    return this.sent.filter((message) => message.op === 'subscribe' && message.channel !== 'heartbeat');
  }
}

const SYMBOL = 'BXJ-1-SX1-26W47';
const snapshot = (sequence: number, fields: object = {}) => ({
  channel: 'book',
  symbol: SYMBOL,
  kind: 'snapshot',
  sequence,
  previous: null,
  time_ns: 1,
  ...fields,
});
const delta = (sequence: number, previous: number, fields: object = {}) => ({
  ...snapshot(sequence, fields),
  kind: 'delta',
  previous,
});

let lines: Line[];
let states: Connection[];
let read: DataMessage[];
let feed: FeedClient;
const line = (): Line => lines.at(-1)!;

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  lines = [];
  states = [];
  read = [];
  feed = new FeedClient({
    open: () => {
      const opened = new Line();
      lines.push(opened);
      return opened;
    },
    onConnection: (connection) => states.push(connection),
    random: () => 0,
  });
});

afterEach(() => {
  feed.stop();
  vi.useRealTimers();
});

function reading(): void {
  feed.start();
  feed.subscribe('book', [SYMBOL], { depth: 25 }, (message) => void read.push(message));
  line().accept();
}

describe('a stream', () => {
  test('is asked for when the line opens, and read from its snapshot on', () => {
    reading();
    expect(line().subscriptions).toEqual([
      { op: 'subscribe', id: 2, channel: 'book', symbols: [SYMBOL], depth: 25, resume_from: null },
    ]);
    line().say({ op: 'subscribed', id: 2 });
    line().say(snapshot(10));
    line().say(delta(12, 10));
    line().say(delta(15, 12));
    expect(read.map((message) => message.sequence)).toEqual([10, 12, 15]);
  });

  test('leaves aside what was under way before its snapshot', () => {
    reading();
    line().say(delta(9, 8));
    line().say(snapshot(10));
    expect(read.map((message) => message.sequence)).toEqual([10]);
  });

  test('that lost a message starts afresh and says nothing wrong meanwhile', () => {
    reading();
    line().say(snapshot(10));
    line().say(delta(14, 13));
    line().say(delta(15, 14));
    expect(line().subscriptions.at(-1)).toMatchObject({ channel: 'book', symbols: [SYMBOL], resume_from: null });
    expect(line().subscriptions).toHaveLength(2);
    line().say(snapshot(15));
    line().say(delta(16, 15));
    expect(read.map((message) => message.sequence)).toEqual([10, 15, 16]);
  });

  test('whose reader finds it contradictory starts afresh, at most once a second', () => {
    feed.start();
    feed.subscribe('book', [SYMBOL], {}, () => false);
    line().accept();
    line().say(snapshot(10));
    expect(line().subscriptions).toHaveLength(2);
    line().say(snapshot(11));
    line().say(snapshot(12));
    expect(line().subscriptions).toHaveLength(2);
    vi.advanceTimersByTime(1_000);
    expect(line().subscriptions.length).toBeGreaterThan(2);
    expect(line().subscriptions.length).toBeLessThanOrEqual(4);
  });

  test('that two heartbeats in a row are ahead of starts afresh', () => {
    reading();
    line().say(snapshot(10));
    const beat = { channel: 'heartbeat', streams: [['book', SYMBOL, 12]] };
    line().say(beat);
    expect(line().subscriptions).toHaveLength(1);
    line().say(beat);
    expect(line().subscriptions).toHaveLength(2);
  });

  test('may share a sequence among several messages', () => {
    feed.start();
    feed.subscribe('account', null, {}, (message) => void read.push(message));
    line().accept();
    const own = { channel: 'account', symbol: null, time_ns: 1 };
    line().say({ ...own, kind: 'snapshot', sequence: 7, previous: null });
    line().say({ ...own, kind: 'delta', sequence: 9, previous: 7 });
    line().say({ ...own, kind: 'delta', sequence: 9, previous: 9 });
    expect(read).toHaveLength(3);
    expect(line().subscriptions[0]).toMatchObject({ channel: 'account', symbols: [] });
  });

  test('of candles passes over a snapshot of another interval', () => {
    feed.start();
    feed.subscribe('candles', [SYMBOL], { interval: '5m' }, (message) => void read.push(message));
    line().accept();
    line().say({ ...snapshot(3), channel: 'candles', interval: '1m' });
    line().say({ ...snapshot(4), channel: 'candles', interval: '5m' });
    expect(read.map((message) => message.sequence)).toEqual([4]);
  });

  test('is given up by saying so, unless another reader has taken it over', () => {
    reading();
    const stop = feed.subscribe('book', [SYMBOL], { depth: 25 }, () => {});
    const stopLater = feed.subscribe('book', [SYMBOL], { depth: 100 }, () => {});
    stop();
    expect(line().sent.some((message) => message.op === 'unsubscribe')).toBe(false);
    stopLater();
    expect(line().sent.at(-1)).toMatchObject({ op: 'unsubscribe', channel: 'book', symbols: [SYMBOL] });
  });
});

describe('a line that breaks', () => {
  test('is opened again, and its streams go on from the last sequence applied', () => {
    reading();
    line().say(snapshot(10));
    line().say(delta(12, 10));
    line().breaks();
    expect(feed.connection.state).toBe('reconnecting');
    vi.advanceTimersByTime(250);
    expect(lines).toHaveLength(2);
    line().accept();
    const [request] = line().subscriptions;
    expect(request).toMatchObject({ channel: 'book', symbols: [SYMBOL], resume_from: 12 });
    line().say({ op: 'subscribed', id: request!.id, resumed: true });
    line().say(delta(13, 12));
    expect(read.map((message) => message.sequence)).toEqual([10, 12, 13]);
  });

  test('gets a snapshot where its past is no longer kept', () => {
    reading();
    line().say(snapshot(10));
    line().breaks();
    vi.advanceTimersByTime(250);
    line().accept();
    line().say({ op: 'subscribed', id: line().subscriptions[0]!.id, resumed: false });
    line().say(snapshot(90));
    line().say(delta(91, 90));
    expect(read.map((message) => message.sequence)).toEqual([10, 90, 91]);
  });

  test('is tried for after 250 ms, then twice as long each time, at most 8 s', () => {
    feed.start();
    const pauses: number[] = [];
    for (let i = 0; i < 8; i++) {
      const before = lines.length;
      line().breaks();
      let waited = 0;
      while (lines.length === before) {
        vi.advanceTimersByTime(50);
        waited += 50;
      }
      pauses.push(waited);
    }
    expect(pauses).toEqual([250, 500, 1000, 2000, 4000, 8000, 8000, 8000]);
  });

  test('is tried for at once when the machine wakes', () => {
    feed.start();
    line().breaks();
    feed.wake();
    expect(lines).toHaveLength(2);
  });

  test('does not speak for the next one', () => {
    reading();
    const first = line();
    const late = first.onmessage!;
    first.breaks();
    vi.advanceTimersByTime(250);
    line().accept();
    late({ data: JSON.stringify(snapshot(99)) });
    expect(read).toEqual([]);
  });
});

describe('a silent line', () => {
  test('is asked whether it lives, called stale, and given up in the end', () => {
    reading();
    line().say(snapshot(10));
    vi.advanceTimersByTime(2_000);
    expect(line().sent.at(-1)).toMatchObject({ op: 'ping' });
    vi.advanceTimersByTime(STALE_MS - 2_000);
    expect(feed.connection.state).toBe('stale');
    line().say({ op: 'pong', id: 2 });
    expect(feed.connection.state).toBe('live');
    vi.advanceTimersByTime(DEAD_MS);
    expect(lines[0]!.closed).toBe(true);
    expect(feed.connection.state).toBe('reconnecting');
  });

  test('that never opens is given up too', () => {
    feed.start();
    vi.advanceTimersByTime(DEAD_MS + 1_000);
    expect(lines.length).toBeGreaterThan(1);
  });
});

test('the states that a reader is shown', () => {
  reading();
  line().breaks();
  vi.advanceTimersByTime(250);
  line().accept();
  feed.stop();
  expect(states.map((connection) => connection.state)).toEqual([
    'connecting',
    'live',
    'reconnecting',
    'reconnecting',
    'live',
    'closed',
  ]);
});

test('a broken frame costs nothing', () => {
  reading();
  line().onmessage?.({ data: '{"channel":' });
  line().onmessage?.({ data: new ArrayBuffer(2) });
  line().say(snapshot(10));
  expect(read).toHaveLength(1);
});
