"""What a store did with receipts, as rows on SQLite and on PostgreSQL: found again, and nothing to verify away."""

from typing import Any

import pytest
from sqlalchemy import Engine as Database

import exchange.projector
from exchange.protocol import Entry
from exchange.reckoning import Reckoning
from settlement import queries
from tests.exchange.floor import CHEN, LI, OPERATOR, SYMBOL, WANG, WAREHOUSE
from tests.settlement.depot import Depot


class Written(Depot):
    """Keeps what each command led to as the journal does."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        super().__init__()

    def do(self, command: Any) -> list[Any]:
        events = super().do(command)
        self.entries.append(
            Entry(
                first_sequence=self.engine.sequence,
                time_ns=self.time_ns,
                commands=(command,),
                events=(tuple(events),),
            )
        )
        return events


def busy() -> Written:
    """Every kind of thing that becomes of a receipt, once or twice."""
    depot = Written()
    depot.deposit(LI, 5_000_000)
    for _ in range(4):
        depot.receipt(CHEN)
    depot.sell(CHEN, 1_000, 250)
    depot.buy(LI, 1_000, 250)
    depot.split(CHEN, 2, 4_000_000, 3_000_000, 3_000_000)
    first, second, third = depot.parts()[-3:]
    depot.merge(CHEN, third, second)
    depot.give(CHEN, first, to=WANG, reference="note\t1")
    depot.pledge(CHEN, 3)
    depot.hold(3, "court", OPERATOR)
    depot.lose(CHEN, 4)
    depot.replace(4)
    depot.shrink(1, 12_345)
    depot.count(1, 9_990_000)
    depot.count(2, 9_990_000)
    depot.regrade(3, "2", 2)
    depot.void(depot.receipt(CHEN))
    depot.order_delivery(LI, 5)
    depot.load_out(5)
    depot.wait_until(depot.the(1).expires_ns)
    depot.load_out(1)
    return depot


@pytest.mark.parametrize("together", [True, False])
def test_the_database_agrees_with_journal_and_engine(database: Database, together: bool) -> None:
    depot = busy()
    batches = [depot.entries] if together else [[entry] for entry in depot.entries]
    for batch in batches:
        with database.begin() as connection:
            exchange.projector.project(connection, batch)
    found: list[str] = []
    with database.begin() as connection:
        reckoning = Reckoning(connection, found.append)
        for entry in depot.entries:
            reckoning.take(entry)
        reckoning.close(depot.engine)
    assert found == []
    assert reckoning.differences == 0


def test_rows_are_found_again(database: Database) -> None:
    depot = busy()
    with database.begin() as connection:
        exchange.projector.project(connection, depot.entries)
        everyones = queries.receipts(connection, None).items
        live = queries.receipts(connection, None, state="live").items
        lent = queries.receipts(connection, None, lender_id=WANG).items
        origins = {receipt.receipt_id: queries.origin(connection, receipt) for receipt in everyones}
        changes = queries.stock_changes(connection, 1, limit=1)
        rest = queries.stock_changes(connection, 1, limit=1, cursor=changes.next)
        parts = [queries.has_part(connection, 2, who) for who in (CHEN, WANG, LI)]
    assert {receipt.receipt_id for receipt in live} == {each.receipt_id for each in depot.engine.all_receipts()}
    (pledged,) = lent
    assert pledged.pledge is not None
    assert (pledged.receipt_id, pledged.state, pledged.pledge.reference) == (3, "held", "loan")
    assert [hold.cause for hold in pledged.holds] == ["court"]
    assert pledged.symbol == "BXJ-2-SX1-26W47"

    merged = next(receipt for receipt in everyones if receipt.state == "merged")
    whole = next(origin for origin in origins.values() if origin is not None and len(origin.issued_from) == 2)
    assert merged.receipt_id in whole.issued_from
    merged_origin = origins[merged.receipt_id]
    assert merged_origin is not None
    assert merged_origin.merged_into is not None
    regraded = origins[3]
    assert regraded is not None
    assert regraded.regrade is not None
    assert (regraded.regrade.previous_symbol, regraded.regrade.operator_id) == (SYMBOL, WAREHOUSE)
    assert regraded.lot.participant_id == CHEN

    (last,), (before,) = changes.items, rest.items
    assert (last.cause, last.weight_g, last.shrinkage_g) == ("stock_take", 9_990_000, 10_000)
    assert (before.cause, before.booked_g, before.weight_g) == ("shrinkage", 10_000_000, 9_987_655)
    assert rest.next is None
    assert parts == [True, True, False]


def test_a_lot_that_is_not_there_yet_has_no_origin(database: Database) -> None:
    depot = busy()
    with database.begin() as connection:
        assert queries.origin(connection, depot.the(3)) is None
