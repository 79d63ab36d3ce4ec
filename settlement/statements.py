"""A participant's statement of a day (对账单): opening, postings with the balance after each, closing, by asset.

    CNY   opening 100 000 · 10:04 trade 7 → fees -25 = 99 975 · … · closing 98 120
    LOT-7 opening       0 · 10:04 trade 7   +300 000 = 300 000 · closing 300 000

The day is the venue's own, midnight to midnight. Amounts are the ledger's: fen of `CNY`, grams of a lot. Who was on the
other side of a posting is named where it is the venue; another participant is nobody's to know.
"""

import csv
from collections.abc import Iterable, Mapping
from io import StringIO
from typing import Final, Protocol

from msgspec import Struct

from settlement.civil import DAY_NS, NANOSECONDS, VENUE_OFFSET_NS, day_number, day_start_ns
from settlement.ledger import participant_account
from settlement.messages import CASH

ANOTHER: Final = "participant"
"""Stands for every other participant's account."""

_LOT: Final = "LOT-"
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
"""What makes a spreadsheet compute a cell instead of showing it."""

_BOM: Final = "\N{ZERO WIDTH NO-BREAK SPACE}"
"""Without it a spreadsheet takes Chinese for something else."""

_HEADER: Final = (
    "资产 asset",
    "品种 symbol",
    "单位 unit",
    "时间 time",
    "流水号 transfer",
    "事由 cause",
    "编号 reference",
    "对方 account",
    "发生额 amount",
    "余额 balance",
)


class Posting(Protocol):
    """A posting as the ledger's history has it."""

    @property
    def transfer_id(self) -> int: ...
    @property
    def time_ns(self) -> int: ...
    @property
    def cause(self) -> str: ...
    @property
    def reference_id(self) -> int: ...
    @property
    def asset(self) -> str: ...
    @property
    def debit(self) -> str: ...
    @property
    def credit(self) -> str: ...
    @property
    def amount(self) -> int: ...


class StatementEntry(Struct, frozen=True, kw_only=True):
    """A posting from the participant's side: `amount` is signed, `balance` is what he had after it. `account` is the
    other one.
    """

    transfer_id: int
    time_ns: int
    cause: str
    reference_id: int
    account: str
    amount: int
    balance: int


class AssetStatement(Struct, frozen=True, kw_only=True):
    """An asset's day. `unit` is fen or g; goods have a `symbol`, as their lot trades now."""

    asset: str
    symbol: str | None
    unit: str
    opening: int
    credits: int
    debits: int
    closing: int
    entries: tuple[StatementEntry, ...]


class DayStatement(Struct, frozen=True, kw_only=True):
    """A participant's day; `complete` once it is over. Cash comes first, then the lots by number."""

    participant_id: int
    display_name: str
    date: str
    complete: bool
    assets: tuple[AssetStatement, ...]


def day_limits(date: str, now_ns: int) -> tuple[int, int] | None:
    """Where a day begins, and just before where it ends; None where there is no such day or it has not begun."""
    day = day_number(date)
    if day is None or not 0 <= day_start_ns(day) <= now_ns:
        return None
    return day_start_ns(day), day_start_ns(day + 1)


def draw_up(
    participant_id: int,
    display_name: str,
    date: str,
    complete: bool,
    opening: Mapping[str, int],
    postings: Iterable[Posting],
    symbols: Mapping[int, str],
) -> DayStatement:
    """The statement from what the day opened with and its postings, as they were made. O(postings)."""
    account = participant_account(participant_id)
    balances = dict(opening) | {CASH: opening.get(CASH, 0)}
    entries: dict[str, list[StatementEntry]] = {asset: [] for asset in balances}
    for posting in postings:
        assert account in (posting.debit, posting.credit)
        paid_in = posting.credit == account
        amount = posting.amount if paid_in else -posting.amount
        balances[posting.asset] = balance = balances.get(posting.asset, 0) + amount
        entries.setdefault(posting.asset, []).append(
            StatementEntry(
                transfer_id=posting.transfer_id,
                time_ns=posting.time_ns,
                cause=posting.cause,
                reference_id=posting.reference_id,
                account=_shown(posting.debit if paid_in else posting.credit),
                amount=amount,
                balance=balance,
            )
        )
    return DayStatement(
        participant_id=participant_id,
        display_name=display_name,
        date=date,
        complete=complete,
        assets=tuple(
            _asset(asset, opening.get(asset, 0), tuple(entries[asset]), symbols)
            for asset in sorted(entries, key=_place)
        ),
    )


def lots_of(assets: Iterable[str]) -> list[int]:
    """The lots among assets."""
    return [int(asset.removeprefix(_LOT)) for asset in assets if asset.startswith(_LOT)]


def to_csv(statement: DayStatement) -> str:
    """For a spreadsheet: UTF-8 with its mark, a row a posting, yuan and kilograms in decimals. No cell is a formula."""
    text = StringIO()
    write = csv.writer(text).writerow
    text.write(_BOM)
    write(("对账单 statement", statement.date))
    write(("账户 participant", statement.participant_id, _safe(statement.display_name)))
    write(_HEADER)
    for part in statement.assets:
        about = (_safe(part.asset), _safe(part.symbol or ""), "CNY" if part.asset == CASH else "kg")
        write((*about, "", "", "期初 opening", "", "", "", amount_text(part.asset, part.opening)))
        for entry in part.entries:
            write(
                (
                    *about,
                    clock(entry.time_ns),
                    entry.transfer_id,
                    _safe(entry.cause),
                    entry.reference_id,
                    _safe(entry.account),
                    amount_text(part.asset, entry.amount),
                    amount_text(part.asset, entry.balance),
                )
            )
        write((*about, "", "", "期末 closing", "", "", "", amount_text(part.asset, part.closing)))
    return text.getvalue()


def amount_text(asset: str, amount: int) -> str:
    """Yuan of fen, `1234.56`; kilograms of grams, `300.000`."""
    digits = 2 if asset == CASH else 3
    scale = 10**digits
    sign = "-" if amount < 0 else ""
    return f"{sign}{abs(amount) // scale}.{abs(amount) % scale:0{digits}}"


def clock(time_ns: int) -> str:
    """`10:04:05`, on the venue's wall."""
    seconds = (time_ns + VENUE_OFFSET_NS) % DAY_NS // NANOSECONDS
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _asset(asset: str, opening: int, entries: tuple[StatementEntry, ...], symbols: Mapping[int, str]) -> AssetStatement:
    lots = lots_of((asset,))
    return AssetStatement(
        asset=asset,
        symbol=symbols.get(lots[0]) if lots else None,
        unit="fen" if asset == CASH else "g",
        opening=opening,
        credits=sum(entry.amount for entry in entries if entry.amount > 0),
        debits=-sum(entry.amount for entry in entries if entry.amount < 0),
        closing=entries[-1].balance if entries else opening,
        entries=entries,
    )


def _place(asset: str) -> tuple[int, int, str]:
    """Cash, lots by number, whatever else there may be."""
    if asset == CASH:
        return 0, 0, ""
    lots = lots_of((asset,))
    return (1, lots[0], "") if lots else (2, 0, asset)


def _shown(account: str) -> str:
    return ANOTHER if account.startswith("participant:") else account


def _safe(cell: str) -> str:
    """Spreadsheets show what follows an apostrophe."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
