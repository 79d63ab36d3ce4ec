"""Books of the past are those that readers of the feed had, candles those of the tape: on SQLite and on PostgreSQL."""

from bisect import bisect_right
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, select, text

from exchange.database import connect
from exchange.projector import Projector
from exchange.publication import Publication
from exchange.sqlite_journal import SqliteJournal
from exchange.verify import run_verify
from marketdata import queries
from marketdata.candles import start_of, trading_day
from marketdata.index import TradingDay, date_of, entries, readings
from marketdata.messages import INTERVALS
from marketdata.tables import metadata
from matching.messages import CancelOrder
from tests.databases import with_tables
from tests.exchange.days import journal_of, project
from tests.exchange.floor import CHEN, DAY_NS, HOUR_NS, LI, SYMBOL, WANG, Floor
from tests.marketdata.feed_reader import Reader

OTHER = "FJ-1-SX1-26W47"


def a_week_of_markets(seed: int) -> Floor:
    """Two instruments through auctions, halts and a bust, with icebergs, over four days; several commands a batch."""
    dice = Random(seed)
    floor = Floor()
    for participant_id in (LI, WANG):
        floor.deposit(participant_id, 90_000_000)
    for variety in ("BXJ", "FJ") * 4:
        floor.receipt(CHEN, 9_000_000, variety=variety)
    for day in range(4):
        trade(floor, dice, 25)
        floor.phase("auction")
        trade(floor, dice, 12)
        if day == 1:
            floor.phase("halted")
            trade(floor, dice, 4)
        if day == 2:
            floor.phase("closed")
            floor.time_ns += HOUR_NS
        floor.phase("continuous")
        trades = trade(floor, dice, 25)
        floor.phase("halted", OTHER)
        trade(floor, dice, 5)
        floor.phase("continuous", OTHER)
        for trade_id in trades[-1:-9:-2]:
            floor.bust(trade_id)
        floor.wait_until(floor.time_ns + DAY_NS)
    return floor


def trade(floor: Floor, dice: Random, orders: int) -> list[int]:
    """Orders, amendments and cancels near the touch; the trades that came of it."""
    placed: list[Any] = []
    trades: list[int] = []
    for _ in range(orders):
        if dice.random() < 0.4:
            floor.time_ns += dice.randrange(1, 200) * 10**9
        chance = dice.random()
        symbol = dice.choice((SYMBOL, SYMBOL, OTHER))
        if placed and chance < 0.15:
            order = placed.pop(dice.randrange(len(placed)))
            floor.do(CancelOrder(order.order_id, order.participant_id))
        elif placed and chance < 0.3:
            changes = dice.choice(({"quantity": dice.randrange(1, 900)}, {"price": dice.randrange(244, 257)}))
            floor.amend(dice.choice(placed), **changes)
        else:
            quantity = dice.randrange(1, 3_000)
            shown = {"display_quantity": max(1, quantity // 3)} if chance > 0.85 else {}
            who = dice.choice((CHEN, LI, WANG))
            side = dice.choice(("sell", "sell", "buy")) if who == CHEN else dice.choice(("buy", "buy", "sell"))
            placed.append(floor.enter(who, side, quantity, dice.randrange(244, 257), symbol=symbol, **shown))
        trades += [event.trade_id for event in floor.events if type(event).__name__ == "TradeSettled"]
    return trades


class Witness(Reader):
    """A reader who remembers every book that he had."""

    def __init__(self, feed: Any) -> None:
        super().__init__(feed)
        self.seen: dict[str, list[tuple[int, Any, Any]]] = {}
        """By symbol: sequence, bids, asks, as they stood from then on."""

    def apply(self, message: dict[str, Any]) -> None:
        super().apply(message)
        if message["channel"] == "book":
            bids, asks = self.books[message["symbol"]]
            self.seen.setdefault(message["symbol"], []).append((message["sequence"], dict(bids), dict(asks)))

    def book(self, symbol: str, sequence: int) -> tuple[Any, Any]:
        """After a command, best first."""
        known = self.seen[symbol]
        _, bids, asks = known[bisect_right(known, sequence, key=lambda each: each[0]) - 1]
        return (
            [(price, *bids[price]) for price in sorted(bids, reverse=True)],
            [(price, *asks[price]) for price in sorted(asks)],
        )


class Told:
    """A market, its journal, and what the feed said of it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.publication = Publication()
        feed = self.publication.feed
        self.reader = Witness(feed)
        journal = journal_of(a_week_of_markets(seed=3), path)
        self.records = [record.entry() for record in journal.read()]
        journal.close()
        subscribed: set[str] = set()
        for entry in self.records:
            self.publication.publish(entry)
            for symbol in feed.instruments:
                if symbol not in subscribed:
                    subscribed.add(symbol)
                    self.reader.ask(op="subscribe", channel="book", symbols=[symbol], depth=None)
            self.reader.read()

    @property
    def sequence(self) -> int:
        return self.records[-1].last_sequence


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    return Told(tmp_path_factory.mktemp("market") / "journal.sqlite")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database(told: Told, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Has followed the journal; nobody changes it."""
    server = request.getfixturevalue("postgres_server") if request.param == "postgresql" else None
    name = None if server is None else server.create()
    url = f"sqlite:///{told.path.with_name('exchange.sqlite')}" if server is None else server.url(name)
    journal = SqliteJournal.open_reader(told.path)
    project(journal, url)
    journal.close()
    engine = connect(url)
    yield engine
    engine.dispose()
    if server is not None:
        server.drop(name)


@pytest.fixture
def connection(database: Engine) -> Iterator[Connection]:
    with database.connect() as connection:
        yield connection


def test_every_book_of_the_past_is_the_one_that_the_feed_had_told(told: Told, connection: Connection) -> None:
    dark = 0
    for symbol, seen in told.reader.seen.items():
        for sequence in range(seen[0][0], told.sequence + 1, 1 if symbol == SYMBOL else 7):
            found = queries.book(connection, symbol, at_sequence=sequence, depth=None)
            assert found is not None
            assert (found.bids, found.asks) == told.reader.book(symbol, sequence), (symbol, sequence)
            dark += found.phase == "auction"
    assert dark


def test_a_book_at_a_time_is_that_after_the_last_batch_until_then(told: Told, connection: Connection) -> None:
    first = told.reader.seen[SYMBOL][0][0]
    for entry in told.records[:: 1 + len(told.records) // 60]:
        if entry.first_sequence > first:
            latest = max(each.last_sequence for each in told.records if each.time_ns <= entry.time_ns)
            found = queries.book(connection, SYMBOL, at_ns=entry.time_ns, depth=5)
            assert found is not None
            bids, asks = told.reader.book(SYMBOL, latest)
            assert (found.sequence, found.time_ns, found.bids, found.asks) == (
                latest,
                entry.time_ns,
                bids[:5],
                asks[:5],
            )
            before = queries.book(connection, SYMBOL, at_ns=entry.time_ns - 1)
            assert before is not None
            assert before.sequence == entry.first_sequence - 1
            within = queries.book(connection, SYMBOL, at_sequence=entry.first_sequence)
            assert within is not None
            assert within.time_ns == entry.time_ns


def test_there_is_no_book_before_its_instrument_nor_after_the_end(told: Told, connection: Connection) -> None:
    first = queries.phases(connection, SYMBOL).items[-1].sequence
    assert queries.book(connection, SYMBOL, at_sequence=first) is not None
    assert queries.book(connection, SYMBOL, at_sequence=first - 1) is None
    assert queries.book(connection, SYMBOL, at_ns=told.records[0].time_ns - 1) is None
    assert queries.book(connection, SYMBOL, at_sequence=told.sequence + 1) is None
    assert queries.book(connection, "NTH-1-SX1-26W47", at_sequence=told.sequence) is None


def test_phases_come_in_pages_and_say_when_the_book_is_dark(connection: Connection) -> None:
    whole = queries.phases(connection, SYMBOL).items
    assert [each.phase for each in whole if each.dark] == ["auction"] * 2 + ["halted"] + ["auction"] * 2
    pages, cursor = [], None
    while True:
        page = queries.phases(connection, SYMBOL, limit=3, cursor=cursor)
        pages += page.items
        if page.next is None:
            break
        cursor = page.next
    assert pages == whole
    with pytest.raises(queries.InvalidCursor):
        queries.phases(connection, SYMBOL, cursor="7")


def test_candles_are_those_of_the_tape_and_of_the_feed(told: Told, connection: Connection) -> None:
    for symbol in (SYMBOL, OTHER):
        tape = [each for each in queries.trades(connection, symbol, limit=1000).items[::-1] if not each.busted]
        assert tape
        for interval in INTERVALS:
            rebuilt = []
            for start_ns, group in groupby(tape, key=lambda each: start_of(interval, each.time_ns)):
                trades = list(group)
                prices = [each.price for each in trades]
                volume = sum(each.quantity for each in trades)
                rebuilt.append((start_ns, prices[0], max(prices), min(prices), prices[-1], volume))
            assert queries.candles(connection, symbol, interval, limit=1000).items == rebuilt
            kept = told.publication.feed.instruments[symbol].candles.rows(interval)
            assert [row for row in kept if row[5]] == rebuilt


def test_the_index_is_that_of_the_tape_and_of_the_feed(told: Told, connection: Connection) -> None:
    days: dict[int, TradingDay] = {}
    for symbol in (SYMBOL, OTHER):
        for each in queries.trades(connection, symbol, limit=1000).items:
            day = days.setdefault(trading_day(each.time_ns), TradingDay(trading_day(each.time_ns)))
            sign = 0 if each.busted else 1
            day.add(symbol, sign * each.quantity, sign * each.quantity * each.price, sign)
    ordered = [days[day] for day in sorted(days)]
    said: dict[str, list[Any]] = {}
    for at, reading in enumerate(readings(ordered)):
        for entry in entries(ordered[: at + 1], reading):
            said.setdefault(entry.code, []).append((date_of(entry.day), entry.value, entry.carried, entry.constituents))
    assert len(said["SXBI"]) > 2
    for code, values in said.items():
        found = queries.index_days(connection, code).items[::-1]
        assert [(each.date, each.value, each.carried, each.constituents) for each in found] == values
        assert [each.final for each in found] == [each.date < date_of(ordered[-1].day) for each in found]
    assert [each.code for each in queries.index(connection)] == sorted(said)
    for of, reading in told.publication.feed.index.last(2):
        for entry in entries(of, reading):
            day = queries.index_days(connection, entry.code, from_day=entry.day, to_day=entry.day + 1).items[0]
            assert (day.value, day.carried, day.constituents) == (entry.value, entry.carried, entry.constituents)


def test_rows_are_the_same_however_batches_are_taken_together(told: Told, tmp_path: Path) -> None:
    made: list[dict[str, list[Any]]] = []
    for commands in (1, 7, 10_000):
        url = f"sqlite:///{tmp_path / f'{commands}.sqlite'}"
        with_tables(url)
        database = connect(url, rebuildable=True)
        journal = SqliteJournal.open_reader(told.path)
        projector = Projector(database, journal, maximum_commands=commands)
        projector.start()
        transactions = len(list(projector.advance()))
        journal.close()
        with database.connect() as connection:
            made.append({each.name: connection.execute(select(each)).all() for each in metadata.sorted_tables})
        database.dispose()
        assert (transactions == 1) is (commands == 10_000)
    for rows in made[1:]:
        for name, found in rows.items():
            assert found, name
            assert sorted(map(repr, found)) == sorted(map(repr, made[0][name])), name


CHANGED = {
    "level_changes": ("symbol, sequence, side, price", "quantity = quantity + 1, orders = orders + 1"),
    "levels": ("symbol, side, price", "quantity = quantity + 1, orders = orders + 1"),
    "phase_changes": ("symbol, sequence", "dark = NOT dark"),
    "moments": ("sequence", "time_ns = time_ns + 1"),
    "symbol_days": ("day, symbol", "trades = trades + 1"),
    "index_days": ("code, day", "value = value + 1"),
}
"""A table, its key, and what somebody makes of its first row."""


def test_verification_names_each_table_that_was_changed(told: Told, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'exchange.sqlite'}"
    journal = SqliteJournal.open_reader(told.path)
    project(journal, url)
    journal.close()
    said: list[str] = []
    assert run_verify(told.path, url, said.append) == 0, said
    database = connect(url)
    with database.begin() as connection:
        for table, (key, change) in CHANGED.items():
            first = f"({key}) = (SELECT {key} FROM {table} ORDER BY {key} LIMIT 1)"
            assert connection.execute(text(f"UPDATE {table} SET {change} WHERE {first}")).rowcount == 1
        connection.execute(text("DELETE FROM index_days WHERE day = (SELECT max(day) FROM index_days)"))
    database.dispose()
    complained: list[str] = []
    assert run_verify(told.path, url, complained.append) == 1
    about = [{line.partition(":")[0] for line in lines} for lines in (said, complained)]
    assert about[1] - about[0] == set(CHANGED)
