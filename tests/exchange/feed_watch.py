"""Readers who believe only what the feed tells them, beside the engine whose market they read.

A `Watch` publishes what an engine does and reads it on all channels: in real time, and in slower lanes that are looked
at when they have spoken. `check` compares what they have made of it with the engine, as it stands at that sequence.
"""

from typing import Any

from exchange.engine import Engine
from exchange.protocol import Entry
from exchange.publication import Publication
from marketdata.candles import LENGTH_NS, start_of, trading_day
from marketdata.connection import MAX_OUTGOING
from marketdata.feed import Feed
from marketdata.index import OVERALL, IndexRules, TradingDay, date_of, entries, readings
from marketdata.messages import INTERVALS, Interval
from matching.messages import Side, TradeExecuted
from settlement.messages import TradeBusted
from tests.marketdata.feed_reader import Reader

CHANNELS = ("book", "orders", "auction", "lots", "status", "trades")
SECOND_NS = 10**9
RULES = IndexRules(thin_volume=40, thin_trades=3, joined_days=2, weight_days=3)
"""For markets as small as these."""


NAMES = {"participant_id", "client_order_id", "receipt_id", "lot_id", "grower", "village", "seller_id", "buyer_id"}
"""What would tell who it is."""


def _keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {key for each in value.values() for key in _keys(each)}
    if isinstance(value, list):
        return {key for each in value for key in _keys(each)}
    return set()


class Watcher(Reader):
    """Keeps what single orders, offers, auctions and the index are said to be."""

    def __init__(self, feed: Feed, **options: Any) -> None:
        super().__init__(feed, **options)
        self.orders: dict[str, dict[int, tuple[str, int, int]]] = {}
        self.lots: dict[str, dict[int, dict[str, Any]]] = {}
        self.indications: dict[str, tuple[int | None, int, int]] = {}
        self.status: dict[str, tuple[str, str | None]] = {}
        self.index: dict[tuple[str, str], dict[str, Any]] = {}
        self.candles: dict[tuple[str, Interval], dict[int, list[int]]] = {}
        self.subscribed: dict[str, None] = {}
        self.codes: dict[str, None] = {}
        self.resumed: dict[tuple[str, str | None], int] = {}
        """What was asked to go on from: messages of that sequence may be heard again, all but the first."""

    def apply(self, message: dict[str, Any]) -> None:
        super().apply(message)
        channel, symbol, whole = message["channel"], message["symbol"], message["kind"] == "snapshot"
        assert not NAMES & _keys(message), message
        known = message["sequence"] == self.resumed.get((channel, symbol))
        if channel == "orders":
            if whole:
                self.orders[symbol] = {}
                for row in message["orders"]:
                    self.orders[symbol][row["order"]] = (row["side"], row["price"], row["quantity"])
                return
            orders, order = self.orders[symbol], message["order"]
            assert known or (order in orders) is (message["action"] != "add")
            now = (message["side"], message["price"], message["quantity"])
            if message["action"] == "remove":
                assert message["quantity"] == 0
                before = orders.pop(order, now)
            elif message["action"] == "change":
                before, orders[order] = orders[order], now
            else:
                before = orders.pop(order, now)
                orders[order] = now
            assert known or before[:2] == now[:2]
        elif channel == "lots":
            if whole:
                self.lots[symbol] = {lot["id"]: lot for lot in message["lots"]}
                return
            lots, lot = self.lots[symbol], message["lot"]
            assert known or (lot["id"] in lots) is (message["action"] != "add")
            if message["action"] == "remove":
                assert lot["remaining"] == 0
                lots.pop(lot["id"], None)
            else:
                lots[lot["id"]] = lot
        elif channel == "auction":
            self.indications[symbol] = (message["price"], message["quantity"], message["surplus"])
        elif channel == "status":
            self.status[symbol] = (message["phase"], message["reason"])
        elif channel == "index":
            if whole:
                self.index = {key: said for key, said in self.index.items() if key[0] != symbol}
            self.index[symbol, message["date"]] = message
        elif channel == "candles":
            kept = self.candles.setdefault((symbol, message["interval"]), {})
            if whole:
                kept.clear()
            kept.update({row[0]: row[1:] for row in message["candles"]})

    def fall_asleep(self) -> None:
        """Read nothing more: the transport is full."""
        self.stick(MAX_OUTGOING)

    def wake_up(self) -> None:
        """Read on. What was read last may be heard again where a command had several messages."""
        self.resumed.update(self.last)
        self.feed.flush()
        self.stick(0)
        self.connection.drained()
        self.read()

    @property
    def asleep(self) -> bool:
        return self.outlet.stuck > 0

    def queue(self, symbol: str, side: Side) -> list[tuple[int, int, int]]:
        """`(order, price, quantity)` in the priority that the messages lead to."""
        found = [(order, price, kg) for order, (of, price, kg) in self.orders[symbol].items() if of == side]
        return sorted(found, key=lambda each: -each[1] if side == "buy" else each[1])

    def read_all_of(self, symbols: list[str], *, again: bool = False) -> None:
        """Subscribe to what is new, or once more to everything from where it stopped."""
        for symbol in symbols:
            if symbol in self.subscribed and not again:
                continue
            self.subscribed[symbol] = None
            for channel in CHANNELS:
                since = self.last.get((channel, symbol)) if again else None
                if since is not None:
                    self.resumed[channel, symbol] = since
                self.ask(op="subscribe", channel=channel, symbols=[symbol], depth=None, resume_from=since)
        self.read()


class Watch:
    """An engine, told to readers as its journal would have it."""

    def __init__(self, engine: Engine | None = None) -> None:
        self.engine = engine or Engine()
        self.publication = Publication()
        self.feed.index.rules = RULES
        self.entries: list[Entry] = []
        self.steady_ns = 0
        self.trades: dict[int, tuple[str, int, int, int, bool]] = {}
        """By number: symbol, time, price, quantity, whether it was taken back."""
        self._gather()

    @property
    def feed(self) -> Feed:
        return self.publication.feed

    def _gather(self) -> None:
        self.live = Watcher(self.feed)
        self.packed = Watcher(self.feed, encoding="msgpack", framed=True)
        self.screens = Watcher(self.feed, lane=10)
        self.phones = Watcher(self.feed, lane=4)
        self.sleepy = Watcher(self.feed)
        self.watchers = (self.live, self.packed, self.sleepy, self.screens, self.phones)
        self.candles: dict[tuple[str, Interval], Watcher] = {}

    def do(self, command: Any, time_ns: int) -> tuple[Any, ...]:
        """One batch of one command."""
        engine = self.engine
        sequence = engine.sequence + 1
        brought = engine.advance(time_ns, sequence) if time_ns != engine.time_ns else ()
        events = (*brought, *engine.execute(command, sequence, time_ns))
        self.hear(Entry(first_sequence=sequence, time_ns=time_ns, commands=(command,), events=(events,)))
        return events

    def hear(self, entry: Entry) -> None:
        self.entries.append(entry)
        self.publication.publish(entry)
        for event in (event for events in entry.events for event in events):
            if isinstance(event, TradeExecuted):
                self.trades[event.trade_id] = (event.symbol, entry.time_ns, event.price, event.quantity, False)
            elif isinstance(event, TradeBusted):
                trade_id = event.trade.trade_id
                self.trades[trade_id] = (*self.trades[trade_id][:4], True)

    def follow(self, symbols: list[str]) -> None:
        """All read these instruments on all channels, and the index."""
        for watcher in self.watchers:
            watcher.read_all_of(symbols)
        for symbol in symbols:
            for interval in INTERVALS:
                if (symbol, interval) not in self.candles:
                    reader = self.candles[symbol, interval] = Watcher(self.feed)
                    reader.ask(op="subscribe", channel="candles", symbols=[symbol], interval=interval)
        for code in dict.fromkeys([OVERALL, *(f"{OVERALL}-{symbol.partition('-')[0]}" for symbol in symbols)]):
            if code not in self.live.codes:
                self.live.codes[code] = None
                self.live.ask(op="subscribe", channel="index", symbols=[code])
        self.live.read()

    def tick(self, seconds: float = 1) -> None:
        """Time enough for every lane to speak."""
        self.steady_ns += int(seconds * SECOND_NS)
        self.feed.tick(self.steady_ns, self.engine.time_ns)

    def cut(self) -> None:
        """All lines break, and everybody goes on from where he was."""
        for watcher in self.watchers:
            watcher.outlet.stuck = 0
            watcher.read()
            watcher.connection.disconnected()
        before = self.watchers
        self._gather()
        for old, new in zip(before, self.watchers, strict=True):
            new.go_on_from(old)
            for kept in ("orders", "lots", "indications", "status", "index"):
                setattr(new, kept, getattr(old, kept))
            new.read_all_of(list(old.subscribed), again=True)
        self.follow(list(self.live.subscribed))

    def restart(self) -> None:
        """The venue starts from a snapshot of its engine and publication, which have lost nothing."""
        state, engine = self.publication.state(), Engine.restore(self.engine.snapshot())
        self.feed.flush()
        self.engine, self.publication = engine, Publication()
        self.publication.restore(state, engine)
        self.feed.index.rules = RULES
        assert self.publication.state() == state
        self.cut()

    def check(self, *, slow: bool = False) -> None:
        """What is said of each instrument that is followed is so; `slow`: in the slower lanes too, which have spoken
        since the last command.
        """
        for watcher in self.watchers:
            watcher.read()
        for watcher in self.watchers if slow else self.watchers[:3]:
            if not watcher.asleep:
                for symbol in watcher.subscribed:
                    self._check(watcher, symbol)
            assert watcher.outlet.closed is None

    def _check(self, watcher: Watcher, symbol: str) -> None:
        market, dark = self.engine.market, self.feed.instruments[symbol].dark
        view = market.instrument(symbol)
        assert view is not None
        assert watcher.status[symbol][0] == view.phase
        sides: tuple[tuple[Side, int], ...] = (("buy", 0), ("sell", 1))
        for side, at in sides:
            queue = [] if dark else [(each.order_id, each.price, each.displayed) for each in market.queue(symbol, side)]
            assert watcher.queue(symbol, side) == queue
            levels: dict[int, tuple[int, int]] = {}
            for _, price, quantity in queue:
                had = levels.get(price, (0, 0))
                levels[price] = (had[0] + quantity, had[1] + 1)
            assert watcher.books[symbol][at] == levels
        assert watcher.indications[symbol] == (market.indicative(symbol) if dark else (None, 0, 0))
        told = {
            number: (lot["side"], lot["price"], lot["quantity"], lot["remaining"], lot["minimum"], lot["expires_ns"])
            for number, lot in watcher.lots[symbol].items()
        }
        stands = {
            each.listing_id: (
                *(each.side, each.price, each.quantity, each.remaining, each.minimum_quantity, each.expires_ns),
            )
            for each in market.listings(symbol)
        }
        for auction in market.auctions(symbol):
            price = auction.price if auction.style == "english" else None
            stands[auction.auction_id] = (
                *(auction.side, price, auction.quantity, auction.quantity, None, auction.ends_ns),
            )
        assert told == stands
        for lot in watcher.lots[symbol].values():
            assert lot["remaining"] > 0
            self._check_goods(lot)

    def _check_goods(self, lot: dict[str, Any]) -> None:
        report = self.engine.live_order(lot["id"])
        assert report is not None
        if not report.lots:
            assert (lot["side"], lot["origin"], lot["green_until_ns"]) == ("buy", None, None)
            return
        receipt = self.engine.receipt(report.lots[0][0])
        assert receipt is not None
        assert (lot["harvest_date"], lot["green_until_ns"]) == (receipt.harvest_date, receipt.expires_ns)
        assert lot["origin"]
        assert lot["certificate"] in (True, False)

    def check_history(self) -> None:
        """Candles and index are what the trades that stand add up to. The feed has ticked since the last one."""
        self.live.read()
        for (symbol, interval), reader in self.candles.items():
            reader.read()
            rows = {start: row for start, row in reader.candles[symbol, interval].items() if row[4]}
            assert rows == self._candles_of(symbol, interval)
        days: dict[int, TradingDay] = {}
        for symbol, time_ns, price, quantity, busted in self.trades.values():
            number = trading_day(time_ns)
            day = days.setdefault(number, TradingDay(number))
            day.add(symbol, 0 if busted else quantity, 0 if busted else price * quantity, 0 if busted else 1)
        ordered = [day for _, day in sorted(days.items())]
        reckoned = list(readings(ordered, RULES))
        for reading in reckoned[-2:]:
            date = date_of(reading.day)
            said = {code: message for (code, when), message in self.live.index.items() if when == date}
            for entry in entries(ordered[: reckoned.index(reading) + 1], reading):
                if entry.code in said:
                    message = said[entry.code]
                    assert (message["value"], message["carried"]) == (entry.value, entry.carried)
                    assert [tuple(each) for each in message["constituents"]] == entry.constituents
                    assert message["final"] is (reading is not reckoned[-1])
                else:
                    # Who has begun to read today is not told of yesterday.
                    assert reading is not reckoned[-1] or entry.code not in self.live.codes

    def _candles_of(self, symbol: str, interval: Interval) -> dict[int, list[int]]:
        candles: dict[int, list[int]] = {}
        for of, time_ns, price, quantity, busted in self.trades.values():
            if of == symbol and not busted:
                start_ns = start_of(interval, time_ns)
                assert start_ns <= time_ns < start_ns + LENGTH_NS[interval]
                row = candles.setdefault(start_ns, [price, price, price, price, 0])
                row[1], row[2], row[3] = max(row[1], price), min(row[2], price), price
                row[4] += quantity
        return candles
