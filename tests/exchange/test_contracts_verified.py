"""Contracts in the database, from the offer to the gate, on SQLite and on PostgreSQL: nothing to verify away, and what
is wrong is found.
"""

from typing import Any

import pytest
from sqlalchemy import Engine as Database
from sqlalchemy import update

import exchange.projector
from exchange.protocol import Entry
from exchange.reckoning import Reckoning
from settlement.messages.contracts import (
    AnswerObjection,
    ApproveOutcome,
    ObjectQuality,
    OpenDispute,
    ProposeOutcome,
    RegisterInvoice,
)
from settlement.messages.storage import StorageTariff
from settlement.tables import contracts
from tests.exchange.contract_floor import AUCTIONED, ContractFloor
from tests.exchange.floor import CHEN, LI, OPERATOR, WANG, time_of
from tests.exchange.gate import SECOND_OPERATOR


class Written(ContractFloor):
    """Keeps what each command led to as the journal does."""

    def __init__(self, **venue: Any) -> None:
        self.entries: list[Entry] = []
        super().__init__(**venue)

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
    """Contracts that were kept, disputed, bought in, defaulted, and some that go on."""
    floor = Written(storage=(StorageTariff(warehouse="SX1", fen_per_tonne_day=100),))
    for _ in range(4):
        floor.bought(1_000)
    floor.lot(AUCTIONED)
    auction = floor.auction(CHEN, 1_000, 250, symbol=AUCTIONED, receipt_id=floor.held(CHEN)[-1][0])
    floor.deposit(WANG, 500_000)
    floor.bid(WANG, auction.order_id, 250)
    for contract_id in (1, 2, 3):
        floor.pay(contract_id)
        floor.tender(contract_id)
    first, second, third = [floor.engine.contracts.get(number) for number in (1, 2, 3)]
    assert first is not None
    assert second is not None
    assert third is not None
    floor.fetch(first, 990_000, reason="dried\0")
    floor.do(
        ObjectQuality(
            participant_id=LI, contract_id=1, reason="crown rot\0", claim_fen=9_000, photo_digests=("0f" * 32,)
        )
    )
    floor.do(AnswerObjection(participant_id=CHEN, contract_id=1, accepted=True, reason="seen"))
    floor.do(RegisterInvoice(participant_id=CHEN, contract_id=1, invoice_number="7", amount_fen=238_500))
    floor.do(OpenDispute(participant_id=LI, contract_id=2, reason="no answer"))
    floor.do(
        ProposeOutcome(
            operator_id=OPERATOR,
            contract_id=2,
            buyer_fen=300_000,
            seller_fen=40_000,
            risk_fund_fen=10_000,
            goods_to="seller",
            reason="heard both",
        )
    )
    floor.do(ApproveOutcome(operator_id=SECOND_OPERATOR, contract_id=2))
    floor.report_failure(third.delivery_ids[0])
    floor.start_buy_in(third.delivery_ids[0], None)
    floor.wait_until(time_of("2026-12-01", 10))
    return floor


def reckoned(database: Database, floor: Written) -> list[str]:
    """What the reckoning finds."""
    found: list[str] = []
    with database.begin() as connection:
        reckoning = Reckoning(connection, found.append)
        for entry in floor.entries:
            reckoning.take(entry)
        reckoning.close(floor.engine)
    return found


@pytest.mark.parametrize("together", [True, False])
def test_the_database_agrees_with_journal_and_engine(database: Database, together: bool) -> None:
    floor = busy()
    states = {each.contract_id: each.state for each in floor.engine.contracts.all()}
    # One and two have ended, three was bought in; of four the buyer is late, and of the auction's both are.
    assert states == {4: "overdue", 5: "overdue"}
    batches = [floor.entries] if together else [[entry] for entry in floor.entries]
    for batch in batches:
        with database.begin() as connection:
            exchange.projector.project(connection, batch)
    assert reckoned(database, floor) == []


def test_a_contract_that_was_tampered_with_is_found(database: Database) -> None:
    floor = busy()
    with database.begin() as connection:
        exchange.projector.project(connection, floor.entries)
        connection.execute(update(contracts).where(contracts.c.contract_id == 4).values(price=251))
    assert reckoned(database, floor) == ["contracts: 4 has price 251, the journal says 250"]
