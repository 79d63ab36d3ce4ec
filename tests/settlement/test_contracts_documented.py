"""What `docs/settlement/contracts.md` says is so: its table of states, and its examples, line by line."""

from pathlib import Path
from typing import get_args

import pytest

from exchange.calendar import TradingCalendar
from settlement.civil import iso_date
from settlement.contracts.states import ENDED, HAPPENINGS, STATES, TRANSITIONS, Happening, table
from settlement.messages.contracts import (
    AnnounceTradingDays,
    AnswerObjection,
    ContractState,
    ObjectQuality,
    PayContract,
    RegisterInvoice,
    TenderGoods,
)
from tests.settlement.contract_books import CHEN, LI, ContractBooks, contract_in, day_of, time_of

DOCUMENT = (Path(__file__).parents[2] / "docs" / "settlement" / "contracts.md").read_text(encoding="utf-8")
MINUTE_NS = 60 * 10**9


def test_the_table_of_states_is_the_one_that_the_handlers_ask() -> None:
    told = DOCUMENT.split("<!-- states: python -m settlement.contracts -->")[1].split("<!-- end of states -->")[0]
    assert told.strip() == table()


def test_the_table_knows_every_state_and_every_happening() -> None:
    assert list(STATES) == list(TRANSITIONS) == list(get_args(ContractState))
    assert list(HAPPENINGS) == list(get_args(Happening))
    reached = {state for steps in TRANSITIONS.values() for states in steps.values() for state in states}
    assert reached == set(get_args(ContractState)) - {"concluded"}
    assert all(not TRANSITIONS[state] for state in ENDED)


def examples() -> list[list[list[str]]]:
    """Each table after the mark, as rows of cells."""
    found = []
    for part in DOCUMENT.split("<!-- example -->")[1:]:
        lines = part.strip().split("\n\n")[0].splitlines()
        found.append([[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]])
    return found


def test_there_are_examples() -> None:
    assert len(examples()) == 3


@pytest.mark.parametrize("rows", examples())
def test_an_example_is_true_to_the_fen(rows: list[list[str]]) -> None:
    books = venue_in_september()
    for when, step, *expected in rows:
        date, hour = when.split(" ")
        hours, minutes = map(int, hour.split(":"))
        books.wait_until(time_of(date, hours) + minutes * MINUTE_NS)
        act(books, *step.split(" "))
        found = books.contracts.get(1) or books.ended.get(1)
        state = "-" if found is None else found.state
        money = [books.cash(LI), books.cash(CHEN), *map(books.account, ("earnest", "escrow", "fees"))]
        assert [*(f"{fen:,}" for fen in money), state] == expected, (when, step)
    (ended,) = books.ended.values()
    assert ended.paid_in_fen == ended.paid_out_fen


def venue_in_september() -> ContractBooks:
    """With the trading days that the venue's calendar tells for the rest of 2026."""
    calendar = TradingCalendar()
    first, last = day_of("2026-09-21"), day_of("2026-12-31")
    days = tuple(iso_date(day) for day in range(first, last + 1) if calendar.is_trading_day(day))
    books = ContractBooks()
    books.books.time_ns = time_of("2026-09-23")
    books.do(AnnounceTradingDays(since=iso_date(first), until=iso_date(last), days=days))
    return books


def act(books: ContractBooks, step: str, *given: str) -> None:
    """Do what a line of an example says."""
    numbers = list(map(int, given))
    match step:
        case "deposit":
            books.deposit(LI, numbers[0])
            books.deposit(CHEN, numbers[1])
        case "trade":
            books.store(numbers[0])
            books.trade(numbers[1], numbers[0])
        case "pay":
            books.do(PayContract(participant_id=LI, contract_id=1))
        case "tender":
            books.do(TenderGoods(participant_id=CHEN, contract_id=1))
        case "fetch":
            (contract,) = books.contracts.all()
            assert contract_in(books.fetch(contract, numbers[0])).state == "part_paid"
        case "object":
            books.do(
                ObjectQuality(
                    participant_id=LI,
                    contract_id=1,
                    reason="crown rot",
                    claim_fen=numbers[0],
                    photo_digests=("0f" * 32,),
                )
            )
        case "grant":
            books.do(AnswerObjection(participant_id=CHEN, contract_id=1, accepted=True, reason="seen"))
        case "invoice":
            books.do(RegisterInvoice(participant_id=CHEN, contract_id=1, invoice_number="1", amount_fen=numbers[0]))
        case "time":
            pass
        case _:
            raise AssertionError(step)
