"""`docs/settlement/money.md` says what the code does: statuses in their order, refusals, codes, the bank's file."""

import re
from pathlib import Path
from typing import get_args

from settlement.bank import OLDEST_DAYS, REMEMBERED_DAYS
from settlement.books import OWN_ACCOUNTS
from settlement.ledger import MAXIMUM_BATCH, REMEMBERED_NS, Pend, Post, PostPending, Status, VoidPending
from settlement.messages.treasury import MAXIMUM_ENTRIES, MAXIMUM_LINES, ImportStatement, ReleaseTo, RequestWithdrawal
from settlement.payment_codes import deposit_code, withdrawal_number
from web.bank_csv import COLUMNS, read_statement

PAGE = (Path(__file__).parents[2] / "docs" / "settlement" / "money.md").read_text(encoding="utf-8")


def table(heading: str) -> list[list[str]]:
    """The rows of the table whose head begins so."""
    after = PAGE[PAGE.index(f"| {heading} |") :]
    lines = after[: after.index("\n\n")].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def first_words(heading: str) -> list[str]:
    return [row[0].strip("`") for row in table(heading)]


def test_statuses_stand_in_their_order() -> None:
    assert first_words("status") == list(get_args(Status))


def test_requests_are_those_of_the_ledger() -> None:
    tags = [kind.__struct_config__.tag for kind in (Post, Pend, PostPending, VoidPending)]
    assert first_words("request") == tags
    assert f"at most {MAXIMUM_BATCH}," in PAGE
    assert REMEMBERED_NS == 30 * 86_400 * 10**9
    assert "for 30 days after its end" in PAGE


def test_accounts_are_the_venue_s() -> None:
    assert set(OWN_ACCOUNTS) <= set(first_words("account"))


def test_rules_of_a_statement_stand_in_their_order() -> None:
    said = re.findall(r"`([a-z_]+)`", (ImportStatement.__doc__ or "").partition("Refused:")[2])
    assert first_words("refused as") == said
    assert f"at most {MAXIMUM_LINES:,}" in PAGE
    assert f"at most {OLDEST_DAYS} days ago" in PAGE
    assert f"those of {REMEMBERED_DAYS} days before" in PAGE


def test_ways_to_release_are_those_there_are() -> None:
    assert sorted(first_words("to")) == sorted(get_args(ReleaseTo))


def test_codes_are_what_is_written() -> None:
    assert deposit_code(17) in PAGE
    assert withdrawal_number(42) in PAGE


def test_the_file_is_read_as_it_stands() -> None:
    example = PAGE[PAGE.index("```csv\n") + 7 :]
    file = read_statement(example[: example.index("```")])
    assert (file.date, file.opening_fen, file.closing_fen) == ("2026-11-24", 100_000, 147_500)
    assert [(line.amount_fen, line.virtual_account, line.memo) for line in file.lines] == [
        (50_000, "P3", "货款"),
        (-2_500, "", "账户管理费"),
    ]


def test_every_column_that_is_named_is_known() -> None:
    aliases = {alias for names in COLUMNS.values() for alias in names}
    for row in table("column"):
        for name in re.findall(r"`([a-z_]+)`", " ".join(row[:2])) + re.findall(r"[一-鿿]+", row[1]):
            assert name in aliases, name


def test_limits_are_what_is_written() -> None:
    assert f"up to {MAXIMUM_ENTRIES} linked transfers" in PAGE
    assert "not approved within five days" in PAGE
    asked = RequestWithdrawal(
        participant_id=1, client_reference="w", amount_fen=1, payee_name="n", payee_bank="b", payee_account="a"
    )
    assert asked.life_ns == 5 * 86_400 * 10**9
