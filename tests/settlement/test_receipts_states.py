"""The table of states: complete, what trading assumes of it, and the same in the documents."""

from pathlib import Path

from settlement.messages import LIVE_STATES
from settlement.receipts.states import TABLE, Becomes, Refused, as_markdown, next_state, refusal

DOCUMENT = Path(__file__).parents[2] / "docs" / "settlement" / "receipts.md"
BEGIN, END = "<!-- states: python -m settlement.receipts -->\n", "<!-- end of states -->\n"


def test_every_command_knows_every_live_state() -> None:
    for command, steps in TABLE.items():
        assert tuple(steps) == LIVE_STATES, command


def test_nothing_pledged_held_or_expired_is_listed_given_away_or_delivered() -> None:
    """DOMAIN's invariant, read off the table."""
    for command in ("enter_order", "split_receipt", "merge_receipts", "transfer_receipt", "order_delivery"):
        for state in ("pledged", "held", "expired"):
            assert refusal(command, state) is not None, (command, state)
    assert refusal("load_out", "pledged") == "receipt_pledged"
    assert refusal("load_out", "held") == "receipt_held"


def test_a_pledge_of_pledged_goods_is_refused() -> None:
    assert refusal("pledge_receipt", "pledged") == "receipt_pledged"


def test_what_is_refused_leads_nowhere_and_what_is_not_leads_somewhere() -> None:
    for command, steps in TABLE.items():
        for state, step in steps.items():
            if isinstance(step, Refused):
                assert refusal(command, state) == step.reason
            else:
                assert refusal(command, state) is None
                reached = next_state(command, state, "pledged")
                assert not isinstance(step, Becomes) or reached == step.state


def test_a_hold_gives_back_what_lies_beneath_it() -> None:
    assert next_state("lift_hold", "held", "delivery_ordered") == "delivery_ordered"
    assert next_state("lift_hold", "held") == "issued"


def test_the_document_shows_the_table_that_the_code_asks() -> None:
    """Where they differ: `python -m settlement.receipts` writes the table as it is now."""
    text = DOCUMENT.read_text(encoding="utf-8")
    _, _, rest = text.partition(BEGIN)
    shown, end, _ = rest.partition(END)
    assert end == END
    assert shown.strip() == as_markdown().strip()
