"""Contracts become rows, as they stand and step by step, and are found page by page: on SQLite and on PostgreSQL."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Engine, event, select
from sqlalchemy.exc import IntegrityError

from exchange.database import connect, upgrade
from settlement import queries
from settlement.messages import ExecutionReport, ParticipantRegistered
from settlement.messages.contracts import (
    AcceptGoods,
    AgreeWeight,
    AnswerObjection,
    ApproveOutcome,
    Contract,
    ContractChanged,
    ContractTerms,
    ObjectQuality,
    OpenDispute,
    PayContract,
    ProposeOutcome,
    RegisterInvoice,
    TenderGoods,
    TradingDaysAnnounced,
)
from settlement.messages.storage import StorageTariff
from settlement.projection import project
from settlement.queries import InvalidCursor
from settlement.tables import trading_days
from tests.settlement.contract_books import CHEN, DEPUTY, LI, OPERATOR, WANG, ContractBooks, announcement, contract_in

NOW_NS = 1_790_000_000_000_000_000


class Batch(Struct, frozen=True):
    first_sequence: int
    time_ns: int
    events: Sequence[Sequence[Any]]


class Story(ContractBooks):
    """Contract books that keep what they tell of contracts, command by command."""

    def __init__(self, terms: ContractTerms | None = None, **configured: Any) -> None:
        self.told: list[list[Any]] = []
        super().__init__(terms, **configured)

    def _told(self) -> list[Any]:
        told = super()._told()
        kept = [each for each in told if isinstance(each, ContractChanged | TradingDaysAnnounced)]
        if kept:
            self.told.append(kept)
        return told

    def ground(self) -> list[Any]:
        """What the rows of contracts lean on: people and orders."""
        people = [
            ParticipantRegistered(participant_id=each, name=f"p{each}", display_name=f"P{each}", roles=("trader",))
            for each in (OPERATOR, 2, CHEN, LI, DEPUTY, WANG)
        ]
        orders = []
        told = [each.contract for step in self.told for each in step if isinstance(each, ContractChanged)]
        for contract in {contract.contract_id: contract for contract in told}.values():
            orders.append(_report(contract.buy_order_id, contract.buyer_id, "buy"))
            orders.append(_report(contract.sell_order_id, contract.seller_id, "sell"))
        return [*people, *orders]

    def write(self, engine: Engine) -> None:
        with engine.begin() as connection:
            project(connection, [Batch(1, NOW_NS, [self.ground()]), Batch(2, NOW_NS + 1, self.told)])


def _report(order_id: int, participant_id: int, side: Any) -> ExecutionReport:
    return ExecutionReport(
        order_id=order_id,
        client_order_id="a",
        participant_id=participant_id,
        symbol="BXJ-1-SX1-26W39",
        side=side,
        kind="limit",
        price=300,
        stop_price=None,
        quantity=1_000,
        filled=1_000,
        remaining=0,
        time_in_force="gtc",
        status="filled",
        reason=None,
        traded_fen=300_000,
        fee_fen=150,
        sequence=1,
        time_ns=1,
        via="listing",
    )


def long_story() -> Story:
    """Three contracts: one completed after an objection, one disputed and decided, one just concluded."""
    story = Story(storage=(StorageTariff(warehouse="SX1", fen_per_tonne_day=200),))
    for contract_id in (1, 2):
        story.open()
        story.do(PayContract(participant_id=LI, contract_id=contract_id))
    story.wait("2026-09-29")
    first, second = story.contracts.all()
    story.fetch(first, 1_000_000)
    story.do(
        ObjectQuality(
            participant_id=LI,
            contract_id=1,
            reason="crown rot\0",
            claim_fen=10_000,
            photo_digests=("0f" * 32,),
            laboratory="Zhanjiang",
            report_number="7",
        )
    )
    story.do(AnswerObjection(participant_id=CHEN, contract_id=1, accepted=True, reason="granted"))
    story.do(RegisterInvoice(participant_id=CHEN, contract_id=1, invoice_number="1", amount_fen=290_000))
    story.fetch(second, 800_000, reason="one truck short\0")
    story.do(AgreeWeight(participant_id=LI, contract_id=2, weight_g=800_000))
    story.do(OpenDispute(participant_id=CHEN, contract_id=2, reason="he does not answer"))
    story.do(
        ProposeOutcome(
            operator_id=OPERATOR,
            contract_id=2,
            buyer_fen=180_000,
            seller_fen=240_000,
            risk_fund_fen=0,
            goods_to="buyer",
            reason="the scale's record",
        )
    )
    story.do(ApproveOutcome(operator_id=DEPUTY, contract_id=2))
    story.open()
    story.do(TenderGoods(participant_id=CHEN, contract_id=3))
    return story


def clean(contract: Contract) -> Contract:
    """As databases keep it, of which one knows no NUL."""
    text = msgspec.json.encode(contract).replace(b"\\u0000", "\ufffd".encode())
    return msgspec.json.decode(text, type=Contract)


def test_a_contract_is_read_as_it_was_told_last(database: Engine) -> None:
    story = long_story()
    story.write(database)
    with database.begin() as connection:
        for contract_id in (1, 2):
            assert queries.contract(connection, contract_id) == clean(story.ended[contract_id])
        assert queries.contract(connection, 3) == story.contracts.get(3)
        assert queries.contract(connection, 4) is None
        assert queries.contract(connection, -1) is None
        assert queries.contract(connection, 3, participant_id=LI) is not None
        assert queries.contract(connection, 3, participant_id=WANG) is None


def test_contracts_are_listed_for_their_parties_newest_first(database: Engine) -> None:
    long_story().write(database)
    with database.begin() as connection:

        def listed(participant_id: int | None, **wanted: Any) -> list[int]:
            return [each.contract_id for each in queries.contracts(connection, participant_id, **wanted).items]

        assert listed(LI) == listed(CHEN) == listed(None) == [3, 2, 1]
        assert listed(WANG) == []
        assert listed(LI, standing="live") == listed(None, standing="live") == [3]
        assert listed(LI, standing="ended") == [2, 1]
        page = queries.contracts(connection, LI, limit=2)
        assert (len(page.items), page.next) == (2, "2")
        assert [each.contract_id for each in queries.contracts(connection, LI, cursor=page.next).items] == [1]
        with pytest.raises(InvalidCursor):
            queries.contracts(connection, LI, cursor="2.1")


def test_every_step_of_a_contract_is_kept(database: Engine) -> None:
    story = long_story()
    story.write(database)
    told = [
        (each.cause, each.contract.state, each.contract.escrow_fen)
        for step in story.told
        for each in step
        if isinstance(each, ContractChanged) and each.contract.contract_id == 1
    ]
    with database.begin() as connection:
        whole = queries.contract_steps(connection, 1)
        assert [(each.cause, each.state, each.escrow_fen) for each in reversed(whole.items)] == told
        cursor, found = None, []
        while True:
            page = queries.contract_steps(connection, 1, cursor=cursor, limit=2)
            found += page.items
            cursor = page.next
            if cursor is None:
                break
        assert found == whole.items
        with pytest.raises(InvalidCursor):
            queries.contract_steps(connection, 1, cursor="7")


def test_money_that_does_not_add_up_is_no_row(database: Engine) -> None:
    story = Story()
    story.open()
    contract = story.now(contract_in(story.told[-1]))
    story.told.append([ContractChanged("paid", replace(contract, escrow_fen=1))])
    with pytest.raises(IntegrityError):
        story.write(database)


def test_the_trading_days_are_those_last_announced(database: Engine) -> None:
    story = Story()
    correction = announcement("2026-12-30", "2027-01-04")
    story.do(replace(correction, days=("2027-01-04",)))
    story.write(database)
    with database.begin() as connection:
        rows = connection.execute(select(trading_days.c.day, trading_days.c.trades)).all()
        days = {str(day): bool(trades) for day, trades in rows}
    assert [days[day] for day in ("2026-09-25", "2026-09-28", "2026-12-30", "2027-01-03", "2027-01-04")] == [
        False,
        True,
        False,
        False,
        True,
    ]


def test_lists_are_served_by_indexes(tmp_path: Path) -> None:
    """By SQLite's plan; PostgreSQL scans tables as small as these, and is right."""
    url = f"sqlite:///{tmp_path / 'plans.sqlite'}"
    upgrade(url)
    database = connect(url)
    long_story().write(database)
    asked: list[str] = []

    def plan(connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        if statement.startswith("SELECT"):
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
            asked.append(" / ".join(str(row[3]) for row in rows))

    with database.connect() as connection:
        event.listen(connection, "before_cursor_execute", plan)
        queries.contracts(connection, LI)
        queries.contracts(connection, None, standing="live")
        queries.contract_steps(connection, 1)
    database.dispose()
    mine, live, steps = asked
    assert "ix_contracts_buyer_id_contract_id" in mine
    assert "ix_contracts_seller_id_contract_id" in mine
    assert "ix_contracts_live" in live
    assert "ix_contract_steps_contract_id_sequence_line" in steps


def test_an_accepted_contract_ends_in_the_same_batch(database: Engine) -> None:
    story = Story()
    story.open()
    story.do(PayContract(participant_id=LI, contract_id=1))
    contract = contract_in(story.do(TenderGoods(participant_id=CHEN, contract_id=1)))
    story.fetch(contract, 1_000_000)
    story.do(RegisterInvoice(participant_id=CHEN, contract_id=1, invoice_number="1", amount_fen=300_000))
    story.do(AcceptGoods(participant_id=LI, contract_id=1))
    story.write(database)
    with database.begin() as connection:
        assert [each.contract_id for each in queries.contracts(connection, None, standing="live").items] == []
