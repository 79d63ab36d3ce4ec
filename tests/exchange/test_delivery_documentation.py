"""What the document says of deliveries is what the code does."""

from pathlib import Path

from settlement.delivery.states import ENDED, FETCHABLE, LOADABLE, STATES, as_markdown
from settlement.messages.delivery import BuyInAttempted
from tests.exchange.floor import CHEN, DAY_NS, LI, WAREHOUSE
from tests.exchange.gate import Gate
from tests.exchange.test_delivery_failures import risk_fund

DOCUMENT = Path(__file__).parents[2] / "docs" / "settlement" / "delivery.md"


def shown(begin: str, end: str) -> str:
    """What stands between two marks."""
    _, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(f"<!-- {begin} -->\n")
    found, mark, _ = rest.partition(f"<!-- {end} -->\n")
    assert mark
    return found.strip()


def test_the_document_shows_the_table_that_the_code_asks() -> None:
    """Where they differ: `python -m settlement.delivery` writes the table as it is now."""
    assert shown("states: python -m settlement.delivery", "end of states") == as_markdown().strip()


def test_every_state_is_reached_from_the_first_and_every_road_has_an_end() -> None:
    reached = {"ordered": None}
    for _ in STATES:
        reached |= {after: None for state in list(reached) for after in STATES[state].values()}  # type: ignore[index]
    assert reached.keys() == STATES.keys()
    ending = dict.fromkeys(ENDED)
    for _ in STATES:
        ending |= {state: None for state, steps in STATES.items() if any(after in ending for after in steps.values())}
    assert ending.keys() == STATES.keys()
    assert ENDED == ("accepted", "cancelled", "made_good")
    assert LOADABLE == ("ordered", "loading")
    assert [state for state, steps in STATES.items() if "the contract ends" in steps] == [*FETCHABLE, "failed"]


def test_the_example_of_a_buy_in() -> None:
    gate = Gate(docks=())
    receipt_id = gate.bought(4_000, 250)
    gate.request(receipt_id)
    gate.report_failure(1)
    gate.deposit(WAREHOUSE, 800_000)
    gate.deposit(5, 500_000)
    risk_fund(gate, 500_000)
    before = gate.money(LI)[0]
    lines = ["| | wanted | bought | price and fee, fen | left of the warehouse, of the fund |", "|---|---|---|---|---|"]

    def tell(name: str, wanted: str, bought: str, cost: str) -> None:
        fund = gate.engine._books.ledger.balance("CNY", "risk_fund")
        lines.append(f"| {name} | {wanted} | {bought} | {cost} | {gate.money(WAREHOUSE)[0]:,}, {fund:,} |")

    def tell_attempt(name: str) -> None:
        attempt = gate.only(BuyInAttempted)
        why = "" if attempt.reason is None else f" (`{attempt.reason}`)"
        tell(
            name,
            f"{attempt.quantity:,} kg up to {attempt.limit_price}",
            f"{attempt.bought:,} kg{why}",
            f"{attempt.amount_fen:,} + {attempt.fee_fen:,}",
        )

    gate.sell(CHEN, 2_000, 270)
    gate.start_buy_in(1)
    tell_attempt("at once")
    gate.sell(CHEN, 1_000, 300)
    gate.time_ns += DAY_NS
    gate.wait_until(gate.time_ns)
    tell_attempt("a day later")
    gate.wait_until(gate.time_ns + DAY_NS)
    buy_in = gate.buy_in()
    attempt = gate.only(BuyInAttempted)
    why = f"0 kg (`{attempt.reason}`)"
    tell("another day later", f"{attempt.quantity:,} kg up to {attempt.limit_price}", why, "0 + 0")
    lines.append(
        f"| the rest | {buy_in.settled_g // 1000:,} kg at {buy_in.cash_price} | in money | {buy_in.settled_fen:,} | |"
    )
    assert shown("buy-in", "end of buy-in") == "\n".join(lines)
    assert gate.money(LI)[0] == before + buy_in.settled_fen
    assert buy_in.uncovered_fen == 0
