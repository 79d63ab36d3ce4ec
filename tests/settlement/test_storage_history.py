"""What was paid, read and broken becomes rows, on SQLite and on PostgreSQL; income by the day adds up to payments."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from msgspec import Struct
from sqlalchemy import Connection, Engine

from settlement import queries
from settlement.civil import venue_day
from settlement.messages import RecordShrinkage, SplitReceipt, TakeStock
from settlement.messages.climate import ClimateRule, PlaceLot, RecordReadings, RegisterLogger
from settlement.messages.storage import PayStorage, SettleWastage, StorageTariff
from settlement.projection import project
from settlement.queries import InvalidCursor
from tests.exchange.floor import CHEN, DAY_NS, HOUR_NS, LI, MONDAY, OPERATOR, WAREHOUSE, Floor

TARIFF = StorageTariff(warehouse="SX1", fen_per_tonne_day=300)
TODAY = venue_day(MONDAY)


class Batch(Struct, frozen=True):
    first_sequence: int
    time_ns: int
    events: Sequence[Sequence[Any]]


class Told(Floor):
    """A floor whose events are projected at once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        super().__init__()
        self.configure(storage=(TARIFF,), climate=ClimateRule())

    def do(self, command: Any) -> list[Any]:
        events = super().do(command)
        project(self._connection, [Batch(self.engine.sequence, self.time_ns, [events])])
        return events

    def read(self, temperature_dc: int, hours: int, logger_id: str = "A") -> list[Any]:
        start_ns = self.time_ns
        self.time_ns += hours * HOUR_NS
        readings = tuple((start_ns + at * HOUR_NS, temperature_dc + at, 900 - at) for at in range(hours + 1))
        return self.do(RecordReadings(operator_id=WAREHOUSE, logger_id=logger_id, warehouse="SX1", readings=readings))


@pytest.fixture
def connection(database: Engine) -> Iterator[Connection]:
    with database.begin() as connection:
        yield connection


def test_payments_are_told_line_by_line_and_income_by_the_day(connection: Connection) -> None:
    floor = Told(connection)
    floor.deposit(CHEN, 1_000_000)
    floor.deposit(LI, 10_000_000)
    first, second = floor.receipt(weight_g=10_000_000), floor.receipt(weight_g=1_000_001)
    floor.wait_until(MONDAY + 3 * DAY_NS)
    floor.do(PayStorage(participant_id=CHEN, receipt_ids=(first, second)))
    floor.do(PayStorage(participant_id=CHEN, receipt_ids=(first, second)))
    floor.wait_until(MONDAY + 5 * DAY_NS)
    floor.sell(CHEN, 2_000, 250, lots=(first,))
    floor.buy(LI, 2_000, 250)

    page = queries.storage_payments(connection, CHEN)
    assert [(each.cause, each.receipt_id, each.from_day, each.to_day, each.amount_fen) for each in page.items] == [
        ("trade", first, TODAY + 3, TODAY + 5, 1_200),
        ("payment", second, TODAY, TODAY + 3, 901),
        ("payment", first, TODAY, TODAY + 3, 9_000),
    ]
    assert queries.storage_payments(connection, LI).items == []
    assert queries.storage_payments(connection, None, warehouse="SX2").items == []
    pages = []
    cursor = None
    while True:
        part = queries.storage_payments(connection, None, cursor=cursor, limit=1)
        pages += part.items
        if (cursor := part.next) is None:
            break
    assert pages == page.items
    with pytest.raises(InvalidCursor):
        queries.storage_payments(connection, None, cursor="7")

    income = queries.storage_income(connection, TODAY, TODAY + 9)
    assert [(each.day - TODAY, each.paid_fen, each.lapsed_fen, each.earned_fen) for each in income] == [
        (0, 0, 0, 3_300),
        (1, 0, 0, 3_300),
        (2, 0, 0, 3_301),
        (3, 9_901, 0, 600),
        (4, 0, 0, 600),
        (5, 1_200, 0, 0),
    ]
    assert sum(each.earned_fen for each in income) == sum(each.paid_fen for each in income)
    part_of_it = queries.storage_income(connection, TODAY + 1, TODAY + 4, "SX1")
    assert part_of_it == income[1:4]
    assert queries.storage_income(connection, TODAY, TODAY + 9, "SX2") == []


def test_readings_are_paged_with_their_extremes(connection: Connection) -> None:
    floor = Told(connection)
    for logger_id in ("A", "B"):
        floor.do(RegisterLogger(operator_id=WAREHOUSE, logger_id=logger_id, warehouse="SX1"))
    floor.read(130, 3, "A")
    floor.time_ns = MONDAY + 3 * HOUR_NS
    floor.do(
        RecordReadings(operator_id=WAREHOUSE, logger_id="B", warehouse="SX1", readings=((floor.time_ns, 140, None),))
    )
    span = {"from_ns": MONDAY, "to_ns": MONDAY + 4 * HOUR_NS}
    found = queries.readings(connection, "SX1", logger_id=None, **span)
    assert [(each.logger_id, each.temperature_dc, each.humidity_permille) for each in found.items] == [
        ("B", 140, None),
        ("A", 133, 897),
        ("A", 132, 898),
        ("A", 131, 899),
        ("A", 130, 900),
    ]
    walked = []
    cursor = None
    while True:
        part = queries.readings(connection, "SX1", logger_id=None, cursor=cursor, limit=2, **span)
        walked += part.items
        if (cursor := part.next) is None:
            break
    assert walked == found.items
    for broken in ("1", "x:A", f"{2**64}:A"):
        with pytest.raises(InvalidCursor):
            queries.readings(connection, "SX1", logger_id=None, cursor=broken, **span)
    summary = queries.readings_summary(connection, "SX1", logger_id="A", **span)
    assert (summary.readings, summary.minimum_temperature_dc, summary.maximum_temperature_dc) == (4, 130, 133)
    assert (summary.minimum_humidity_permille, summary.maximum_humidity_permille) == (897, 900)
    nothing = queries.readings_summary(connection, "SX1", logger_id="B", from_ns=0, to_ns=MONDAY)
    assert (nothing.readings, nothing.minimum_temperature_dc) == (0, None)


def test_the_story_of_a_broken_cold_chain_is_told_to_whom_it_concerns(connection: Connection) -> None:
    floor = Told(connection)
    floor.do(RegisterLogger(operator_id=WAREHOUSE, logger_id="A", warehouse="SX1", chamber="C1"))
    mine, far = floor.receipt(), floor.receipt()
    floor.do(PlaceLot(operator_id=WAREHOUSE, lot_id=1, chamber="C1"))
    floor.do(PlaceLot(operator_id=WAREHOUSE, lot_id=2, chamber="C2"))
    floor.read(190, 3)
    (lasting,) = queries.cold_chain_breaks(connection, CHEN).items
    assert (lasting.restored_ns, lasting.outside_ns, lasting.receipts, lasting.hours) == (None, None, 1, 2)
    assert (lasting.chamber, lasting.since_ns, lasting.extreme_dc) == ("C1", MONDAY, 192)
    floor.time_ns += HOUR_NS
    floor.read(140, 0)
    (ended,) = queries.cold_chain_breaks(connection, None, warehouse="SX1").items
    assert (ended.restored_ns, ended.outside_ns, ended.extreme_dc) == (MONDAY + 4 * HOUR_NS, 4 * HOUR_NS, 193)
    assert queries.cold_chain_breaks(connection, LI).items == []
    assert queries.cold_chain_breaks(connection, None, warehouse="SX2").items == []
    (receipt,) = queries.cold_chain_receipts(connection, 1, CHEN).items
    assert (receipt.receipt_id, receipt.lot_id, receipt.hours) == (mine, 1, 3)
    live = floor.engine.receipt(mine)
    assert live is not None
    assert receipt.expires_ns == live.expires_ns
    assert queries.cold_chain_receipts(connection, 1, LI).items == []
    stored = queries.receipt(connection, mine)
    assert stored is not None
    assert (stored.state, stored.expires_ns) == ("held", live.expires_ns)
    unharmed = queries.receipt(connection, far)
    assert unharmed is not None
    assert unharmed.state == "issued"


def test_reserves_are_stock_by_postings_beside_receipts_as_told(connection: Connection) -> None:
    floor = Told(connection)
    floor.deposit(LI, 10_000_000)
    floor.deposit(CHEN, 10_000_000)
    first, second, third = floor.receipt(), floor.receipt(weight_g=5_000_000), floor.receipt(weight_g=700_000)
    floor.sell(CHEN, 4_000, 250, lots=(first,))
    floor.buy(LI, 4_000, 250)
    (bought,) = [number for number, _, _ in floor.held(LI)]
    floor.do(RecordShrinkage(operator_id=WAREHOUSE, lot_id=1, weight_g=30_001, reason="dried up"))
    floor.do(TakeStock(operator_id=WAREHOUSE, lot_id=1, weight_g=9_980_000))
    floor.order_delivery(LI, bought)
    floor.load_out(bought)
    floor.do(SplitReceipt(participant_id=CHEN, receipt_id=second, weights_g=(2_000_000, 3_000_000)))
    floor.order_delivery(CHEN, third)
    floor.do(RecordShrinkage(operator_id=WAREHOUSE, lot_id=3, weight_g=1_000, reason="dried up"))
    floor.load_out(third)

    found = queries.reserves(connection, ["SX1", "SX2"])
    assert found.difference_g == 0
    assert [(lot.lot_id, lot.stock_g, lot.receipts_g, lot.receipts) for lot in found.lots] == [
        (1, 5_988_000, 5_988_000, 1),
        (2, 5_000_000, 5_000_000, 2),
    ]
    (one, _) = found.lots
    assert (one.received_g, one.loaded_out_g, one.voided_g, one.shrinkage_g) == (10_000_000, 3_992_000, 0, 20_000)
    assert one.symbol == "BXJ-1-SX1-26W47"
    assert [each.weight_g for each in found.receipts] == [5_988_000, 2_000_000, 3_000_000]


def test_claims_for_wastage_are_told_whole_and_by_the_part(connection: Connection) -> None:
    floor = Told(connection)
    floor.configure(storage=(StorageTariff(warehouse="SX1", fen_per_tonne_day=0, insured_fen_per_kg=300),))
    floor.deposit(LI, 10_000_000)
    floor.receipt()
    floor.sell(CHEN, 4_000, 250)
    floor.buy(LI, 4_000, 250)
    floor.do(RecordShrinkage(operator_id=WAREHOUSE, lot_id=1, weight_g=100_000, reason="dried up"))
    floor.do(RecordShrinkage(operator_id=WAREHOUSE, lot_id=1, weight_g=10_000, reason="dried up"))
    floor.do(SettleWastage(operator_id=OPERATOR, claim_id=1, outcome="dismissed", reason="as agreed"))
    found = queries.wastage_claims(connection, LI).items
    assert [(each.claim_id, each.weight_g, each.due_fen, each.outcome, each.reason) for each in found] == [
        (2, 4_000, 1_200, None, None),
        (1, 40_000, 12_000, "dismissed", "as agreed"),
    ]
    everyones = queries.wastage_claims(connection, None, limit=1)
    assert [(each.beyond_g, each.weight_g, each.amount_fen, each.due_fen) for each in everyones.items] == [
        (10_000, 10_000, 3_000, 3_000)
    ]
    assert [each.claim_id for each in queries.wastage_claims(connection, None, cursor=everyones.next).items] == [1]
    assert queries.wastage_claims(connection, OPERATOR).items == []
