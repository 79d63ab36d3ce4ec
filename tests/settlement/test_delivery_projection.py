"""Deliveries become rows and are found again: on SQLite and on PostgreSQL alike."""

import pytest
from sqlalchemy import Connection, Engine, text

from exchange.protocol import Entry
from settlement import queries
from settlement.messages.delivery import BuyInAttempted, DeliveryTerms
from settlement.projection import project
from tests.exchange.floor import CHEN, DAY_NS, LI, WANG, WAREHOUSE
from tests.exchange.gate import CODE, Gate, wall


class Told(Gate):
    """A gate that keeps what it was told, batch by batch, for the projection."""

    def __init__(self, **venue: object) -> None:
        self.entries: list[Entry] = []
        super().__init__(**venue)  # type: ignore[arg-type]

    def do(self, command: object) -> list[object]:
        events = super().do(command)
        sequence = self.engine.sequence
        self.entries.append(
            Entry(first_sequence=sequence, time_ns=self.time_ns, commands=(command,), events=(tuple(events),))  # type: ignore[arg-type]
        )
        return events


@pytest.fixture
def gate() -> Told:
    """Li has ordered 4 t out and kept a dock; of Chen's 6 t two are being loaded."""
    gate = Told()
    mine = gate.request(gate.bought(4_000))
    gate.book(mine, wall(11))
    gate.move(mine, wall(14), slots=2)
    theirs = gate.request(gate.held(CHEN)[0][0], CHEN, weight_g=2_000_000)
    gate.book(theirs, wall(10), CHEN)
    gate.weigh_out(theirs, 1_200_000, driver="夜\0班")
    gate.hand_over(theirs)
    gate.weigh_out(theirs, 790_000, last=True, reason="dried up")
    return gate


def written(database: Engine, gate: Told) -> Connection:
    connection = database.connect()
    project(connection, gate.entries)
    return connection


def test_orders_are_found_as_the_engine_has_them(database: Engine, gate: Told) -> None:
    with written(database, gate) as connection:
        live = gate.engine.delivery.all()
        assert queries.deliveries(connection, None).items == live[::-1]
        assert [queries.delivery(connection, order.delivery_id) for order in live] == live
        assert live[0].slot is not None
        assert queries.delivery(connection, 77) is None
        assert queries.deliveries(connection, LI).items == [live[0]]
        assert queries.deliveries(connection, WANG).items == []
        assert queries.deliveries(connection, None, state="loaded").items == [live[1]]
        assert queries.deliveries(connection, None, state="live", warehouse="SX1").items == live[::-1]
        assert queries.deliveries(connection, None, warehouse="SX2").items == []
        assert queries.deliveries(connection, None, receipt_id=live[1].receipt_id).items == [live[1]]


def test_pages_are_cut_by_number(database: Engine, gate: Told) -> None:
    with written(database, gate) as connection:
        first = queries.deliveries(connection, None, limit=1)
        assert ([order.delivery_id for order in first.items], first.next) == ([2], "2")
        second = queries.deliveries(connection, None, limit=1, cursor=first.next)
        assert ([order.delivery_id for order in second.items], second.next) == ([1], None)


def test_trucks_are_found_with_their_weights(database: Engine, gate: Told) -> None:
    with written(database, gate) as connection:
        handed, weighed = queries.loads(connection, 2)
        assert (handed.state, handed.net_g, handed.driver) == (
            "handed_over",
            1_200_000,
            "夜\N{REPLACEMENT CHARACTER}班",
        )
        assert [weighed] == gate.engine.delivery.loads(2)
        assert queries.loads(connection, 1) == []


def test_batch_by_batch_is_as_good_as_at_once(database: Engine, gate: Told) -> None:
    with database.connect() as connection:
        for entry in gate.entries:
            project(connection, [entry])
        assert queries.deliveries(connection, None).items == gate.engine.delivery.all()[::-1]


def test_an_ended_order_keeps_no_dock(database: Engine, gate: Told) -> None:
    gate.renew_code(2, CODE, CHEN)
    gate.hand_over(2)
    gate.accept(2, CHEN)
    gate.cancel_delivery(1)
    with written(database, gate) as connection:
        assert queries.deliveries(connection, None, state="live").items == []
        found = queries.delivery(connection, 1)
        assert found is not None
        assert (found.state, found.slot) == ("cancelled", None)
        states = connection.execute(text("SELECT slot_id, state FROM slots ORDER BY slot_id")).all()
        assert [tuple(row) for row in states] == [(1, "cancelled"), (2, "used")]


def test_a_buy_in_is_told_attempt_by_attempt(database: Engine) -> None:
    gate = Told(docks=(), delivery=DeliveryTerms(buy_in_attempts=2))
    gate.request(gate.bought(4_000))
    gate.report_failure(1)
    gate.deposit(WAREHOUSE, 5_000_000)
    gate.sell(CHEN, 1_000, 270)
    gate.start_buy_in(1)
    first = gate.only(BuyInAttempted)
    gate.wait_until(gate.time_ns + DAY_NS)
    with written(database, gate) as connection:
        assert queries.buy_in(connection, 1) == gate.buy_in()
        assert queries.buy_in(connection, 2) is None
        attempts = queries.buy_in_attempts(connection, 1)
        assert [(each.attempt, each.bought, each.reason) for each in attempts] == [
            (1, 1_000, "no_offer"),
            (2, 0, "no_offer"),
        ]
        assert attempts[0].order_id == first.order_id
        found = queries.delivery(connection, 1)
        assert found is not None
        assert found.state == "made_good"
        order = queries.order(connection, first.order_id)
        assert order is not None
        assert order.participant_id == LI


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("SELECT * FROM deliveries WHERE participant_id = 4 ORDER BY delivery_id DESC LIMIT 10", "participant_id"),
        ("SELECT * FROM deliveries WHERE state = 'ordered' ORDER BY delivery_id DESC LIMIT 10", "state"),
        ("SELECT * FROM deliveries WHERE receipt_id = 4 ORDER BY delivery_id DESC LIMIT 10", "receipt_id"),
        ("SELECT * FROM loads WHERE delivery_id = 4 ORDER BY load_id", "delivery_id"),
        ("SELECT * FROM slots WHERE delivery_id IN (4) AND state = 'booked'", "delivery_id"),
    ],
)
def test_questions_are_served_by_indexes(database: Engine, query: str, index: str) -> None:
    with database.connect() as connection:
        if connection.dialect.name != "sqlite":
            connection.execute(text("SET enable_seqscan = off"))
            plan = connection.execute(text(f"EXPLAIN {query}")).all()
        else:
            plan = connection.execute(text(f"EXPLAIN QUERY PLAN {query}")).all()
        told = " ".join(str(row) for row in plan)
        assert f"_{index}" in told, told
