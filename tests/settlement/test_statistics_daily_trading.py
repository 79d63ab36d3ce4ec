"""What was traded on each day, by whom and whence: the same on SQLite and on PostgreSQL, however the journal is cut."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, delete, select, text

import exchange.projector
from exchange.database import connect, upgrade
from exchange.protocol import Entry
from exchange.reckoning import Reckoning
from settlement.civil import iso_date
from settlement.tables import daily_totals, daily_trading
from tests.exchange.contract_floor import ContractFloor
from tests.exchange.floor import CHEN, DAY_NS, HOUR_NS, LI, MONDAY, WANG, Floor

LINGBEI, CHENGYUE = "岭北镇", "城月镇"
ZHOU = 6


class Written(Floor):
    """Keeps what each command led to as the journal does."""

    entries: list[Entry]

    def do(self, command: Any) -> list[Any]:
        events = super().do(command)
        if not hasattr(self, "entries"):
            self.entries = []
        entry = Entry(
            first_sequence=self.engine.sequence, time_ns=self.time_ns, commands=(command,), events=(tuple(events),)
        )
        self.entries.append(entry)
        return events


class UnderContract(Written, ContractFloor):
    """Trades lead to contracts."""


def market() -> Written:
    """Chen has goods of two towns, Zhou of one; Li and Wang have money."""
    floor = Written()
    floor.register("zhou", "grower", "trader")
    for buyer in (LI, WANG):
        floor.deposit(buyer, 100_000_000)
    floor.receipt(CHEN, 300_000, town=LINGBEI)
    floor.receipt(CHEN, 700_000, town=CHENGYUE)
    floor.receipt(ZHOU, 500_000, town=CHENGYUE, grade="2")
    return floor


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def one_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Its schema is made once for all tests."""
    if request.param == "sqlite":
        url, drop = f"sqlite:///{tmp_path_factory.mktemp('statistics') / 'exchange.sqlite'}", None
    else:
        server = request.getfixturevalue("postgres_server")
        name = server.create()
        url, drop = server.url(name), partial(server.drop, name)
    upgrade(url)
    engine = connect(url)
    yield engine
    engine.dispose()
    if drop is not None:
        drop()


@pytest.fixture
def database(one_database: Engine) -> Iterator[Engine]:
    yield one_database
    with one_database.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
            for table in exchange.projector.view_tables():
                connection.execute(delete(table))
        else:
            names = ", ".join(table.name for table in exchange.projector.view_tables())
            connection.exec_driver_sql(f"TRUNCATE {names}")


def write(database: Engine, *parts: Sequence[Entry]) -> None:
    for entries in parts:
        with database.begin() as connection:
            exchange.projector.project(connection, entries)


def told(connection: Connection) -> list[str]:
    """Each row as a line: day, goods, town, seller > buyer, kilograms, fen, trades."""
    query = select(daily_trading).order_by(*daily_trading.primary_key)
    return [
        f"{iso_date(row.day)} {row.variety}-{row.grade}-{row.warehouse} {row.town} {row.seller_id}>{row.buyer_id} "
        f"{row.volume} kg {row.turnover_fen} fen {row.trades}"
        for row in connection.execute(query)
    ]


def totals(connection: Connection) -> list[str]:
    query = select(daily_totals).order_by(*daily_totals.primary_key)
    return [
        f"{iso_date(row.day)} {row.variety}-{row.grade}-{row.warehouse} {row.volume} kg {row.turnover_fen} fen "
        f"{row.trades}"
        for row in connection.execute(query)
    ]


def test_a_trade_counts_where_its_goods_come_from_and_once(database: Engine) -> None:
    floor = market()
    floor.sell(CHEN, 800, 250)
    floor.buy(LI, 100, 250)
    floor.buy(LI, 600, 250)  # 200 kg of Lingbei, then 400 kg of Chengyue
    floor.buy(WANG, 100, 260)
    floor.sell(ZHOU, 50, 200, symbol="BXJ-2-SX1-26W47")
    floor.buy(WANG, 50, 200, symbol="BXJ-2-SX1-26W47")
    write(database, floor.entries)
    with database.connect() as connection:
        assert told(connection) == [
            f"2026-11-23 BXJ-1-SX1 {CHENGYUE} 3>4 400 kg 100000 fen 1",
            f"2026-11-23 BXJ-1-SX1 {CHENGYUE} 3>5 100 kg 25000 fen 1",
            f"2026-11-23 BXJ-1-SX1 {LINGBEI} 3>4 300 kg 75000 fen 1",
            f"2026-11-23 BXJ-2-SX1 {CHENGYUE} 6>5 50 kg 10000 fen 1",
        ]
        assert totals(connection) == [
            "2026-11-23 BXJ-1-SX1 800 kg 200000 fen 3",
            "2026-11-23 BXJ-2-SX1 50 kg 10000 fen 1",
        ]


def test_a_day_is_the_day_on_the_wall(database: Engine) -> None:
    floor = market()
    floor.sell(CHEN, 300, 250)
    for time_ns in (MONDAY + 14 * HOUR_NS - 1, MONDAY + 14 * HOUR_NS):  # it is ten in the morning
        floor.wait_until(time_ns)
        floor.buy(LI, 10, 250)
    write(database, floor.entries)
    with database.connect() as connection:
        assert [line[:10] for line in told(connection)] == ["2026-11-23", "2026-11-24"]


def test_what_is_taken_back_goes_from_the_day_on_which_it_was_traded(database: Engine) -> None:
    floor = market()
    floor.sell(CHEN, 800, 250)
    floor.buy(LI, 100, 250)
    floor.buy(LI, 600, 250)
    floor.buy(WANG, 50, 250)
    floor.wait_until(MONDAY + DAY_NS - 1)
    cut = len(floor.entries)
    floor.bust(2)
    floor.bust(3)
    write(database, floor.entries[:cut], floor.entries[cut:])
    with database.connect() as connection:
        assert told(connection) == [f"2026-11-23 BXJ-1-SX1 {LINGBEI} 3>4 100 kg 25000 fen 1"]
        assert totals(connection) == ["2026-11-23 BXJ-1-SX1 100 kg 25000 fen 1"]


def test_a_trade_under_a_contract_counts_when_it_is_made(database: Engine) -> None:
    floor = UnderContract()
    floor.bought(1_500, 250)
    assert floor.contract().state == "concluded"
    write(database, floor.entries)
    with database.connect() as connection:
        assert told(connection) == [f"2026-11-23 BXJ-1-SX1 {LINGBEI} 3>4 1500 kg 375000 fen 1"]


@pytest.mark.parametrize("cut", [1, 3, 1000])
def test_all_is_what_the_trades_add_up_to_and_verifies_however_the_journal_is_cut(database: Engine, cut: int) -> None:
    floor = market()
    floor.sell(CHEN, 900, 250)
    floor.sell(ZHOU, 400, 200, symbol="BXJ-2-SX1-26W47")
    for at in range(12):
        floor.wait_until(floor.time_ns + 9 * HOUR_NS)
        buyer = (LI, WANG)[at % 2]
        floor.buy(buyer, 60 + at, 250)
        floor.buy(buyer, 5 + at, 250, symbol="BXJ-2-SX1-26W47")
        if at % 3 == 2:
            floor.bust(2 * at + 1)
    write(database, *(floor.entries[at : at + cut] for at in range(0, len(floor.entries), cut)))
    with database.connect() as connection:
        volume: Counter[tuple[int, str]] = Counter()
        for row in connection.execute(select(daily_trading)):
            volume[row.day, row.grade] += row.volume
        assert volume == {(row.day, row.grade): row.volume for row in connection.execute(select(daily_totals))}
        assert len({day for day, _ in volume}) >= 4
        assert verified(floor, connection) == []
    with database.begin() as connection:
        connection.execute(text("UPDATE daily_trading SET volume = volume + 1 WHERE town = '城月镇' AND grade = '2'"))
        connection.execute(text("UPDATE daily_totals SET trades = trades + 1 WHERE grade = '1'"))
        about = {line.split(":")[0] for line in verified(floor, connection)}
        assert about == {"daily_trading", "daily_totals"}


def verified(floor: Written, connection: Connection) -> list[str]:
    found: list[str] = []
    reckoning = Reckoning(connection, found.append)
    for entry in floor.entries:
        reckoning.take(entry)
    reckoning.close(floor.engine)
    return found


def test_nothing_is_counted_where_nothing_was_traded(database: Engine) -> None:
    floor = market()
    floor.sell(CHEN, 100, 250)
    write(database, floor.entries)
    with database.connect() as connection:
        assert told(connection) == totals(connection) == []
        assert connection.execute(text("SELECT count(*) FROM lots")).scalar_one() == 3
