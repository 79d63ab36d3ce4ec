"""A participant's statement of a day (对账单) as a document that the venue verifies."""

from typing import Final

from msgspec import Struct
from sqlalchemy import Connection

from settlement.ledger import participant_account
from settlement.messages import CASH
from settlement.queries import bank as queries
from settlement.queries.treasury import LedgerEntry
from settlement.statements import AssetStatement, DayStatement, clock, day_limits, draw_up, lots_of
from web.documents.paper import MAXIMUM_ROWS, Block, Clauses, Column, Field, Fields, Table, Words
from web.documents.subject import Draft, Figure, Subject
from web.documents.wording import kilograms, name_of, yuan
from web.errors import Refused
from web.ports import Gateway
from web.statements import ACCOUNTS, CAUSES
from web.views import is_id, live

KIND: Final = "statement"
TITLE: Final = Words("对账单", "Statement of account")
FINAL: Final = Words("日终", "final")
OPEN: Final = Words("当日未结束", "the day is not over")


class Found(Struct, frozen=True):
    """A day's statement, and the sequence that it is true of."""

    day: DayStatement
    sequence: int


async def find(gateway: Gateway, participant_id: int, date: str, min_sequence: int | None = None) -> Found | None:
    """None where there is no such participant, or no such day yet. Raises `ViewBehind`, `HistoryUnavailable`,
    `VenueHalted`, and `Refused` `too_many_entries`.
    """
    if not is_id(participant_id):
        return None
    await live(gateway, min_sequence)
    participant, now_ns = gateway.participant(participant_id), gateway.time_ns
    limits = day_limits(date, now_ns)
    if participant is None or limits is None:
        return None
    from_ns, before_ns = limits
    account = participant_account(participant_id)

    def read(connection: Connection) -> tuple[dict[str, int], list[LedgerEntry], dict[int, str]]:
        opening = queries.balances_before(connection, account, from_ns)
        postings = queries.postings_between(connection, account, from_ns, before_ns, MAXIMUM_ROWS + 1)
        lots = lots_of(dict.fromkeys([*opening, *(posting.asset for posting in postings)]))
        return opening, postings, queries.symbols_of_lots(connection, lots)

    sequence, (opening, postings, symbols) = await gateway.history(read, min_sequence=min_sequence)
    if len(postings) > MAXIMUM_ROWS:
        raise Refused("too_many_entries", f"more than {MAXIMUM_ROWS} postings: take the statement as CSV")
    name = participant.display_name
    day = draw_up(participant_id, name, date, before_ns <= now_ns, opening, postings, symbols)
    return Found(day, sequence)


async def subject(gateway: Gateway, name: str) -> Subject | None:
    """The statement that an address names, as `4-2026-11-23`."""
    number, _, date = name.partition("-")
    if not (number.isascii() and number.isdigit() and len(number) <= 16):
        return None
    found = await find(gateway, int(number), date)
    return None if found is None or name_of_day(found.day) != name else subject_of(found)


def subject_of(found: Found) -> Subject:
    """What a lot trades as is no fact of it: goods are graded anew, and the day stays as it was."""
    day = found.day
    cash = next(part for part in day.assets if part.asset == CASH)
    return Subject(
        kind=KIND,
        name=name_of_day(day),
        number=f"{day.date} P{day.participant_id}",
        title=TITLE,
        state=FINAL if day.complete else OPEN,
        valid=True,
        facts=(
            *(day.participant_id, day.date, day.complete),
            tuple(
                (
                    *(part.asset, part.opening, part.closing),
                    tuple((entry.transfer_id, entry.amount, entry.balance) for entry in part.entries),
                )
                for part in day.assets
            ),
        ),
        figure=Figure(Words("资金期末余额（元）", "closing cash, CNY"), yuan(cash.closing)),
        sequence=found.sequence,
    )


def name_of_day(day: DayStatement) -> str:
    return f"{day.participant_id}-{day.date}"


def draft(gateway: Gateway, found: Found) -> Draft:
    """The statement as a document."""
    day = found.day
    cash = next(part for part in day.assets if part.asset == CASH)
    blocks: tuple[Block, ...] = (
        Fields(
            Words("账户", "Account"),
            (
                Field(Words("参与人", "participant"), Words(name_of(gateway, day.participant_id))),
                Field(Words("日期", "day"), Words(day.date)),
                Field(Words("资金期初余额（元）", "opening cash, CNY"), Words(yuan(cash.opening))),
                Field(Words("资金期末余额（元）", "closing cash, CNY"), Words(yuan(cash.closing))),
            ),
        ),
        *(_part(part) for part in day.assets),
        Clauses(Words("说明", "Notes"), _NOTES),
    )
    return Draft(subject=subject_of(found), blocks=blocks)


_NOTES: Final = (
    Words(
        "金额以交易中心账簿为准；对本单有异议的，请及时向交易中心提出。",
        "The venue's ledger decides; whoever finds something wrong should say so soon.",
    ),
)


def _part(part: AssetStatement) -> Table:
    """An asset's day: opening, postings, closing."""
    in_cash = part.asset == CASH
    shown = yuan if in_cash else kilograms
    title = (
        Words("资金（元）", "Cash, CNY")
        if in_cash
        else Words(f"{part.symbol or ''} {part.asset}（公斤）".strip(), "kg")
    )
    rows: list[tuple[str, ...]] = [("", "", "期初 opening", "", "", shown(part.opening))]
    for entry in part.entries:
        cause, account = CAUSES.get(entry.cause, (entry.cause, "")), ACCOUNTS.get(entry.account, (entry.account, ""))
        sign = "+" if entry.amount > 0 else ""
        rows.append(
            (
                *(clock(entry.time_ns), str(entry.transfer_id), f"{' '.join(cause)} {entry.reference_id}"),
                *(" ".join(account).strip(), f"{sign}{shown(entry.amount)}", shown(entry.balance)),
            )
        )
    return Table(
        title,
        (
            Column(Words("时间", "time"), 3),
            Column(Words("流水号", "transfer"), 2),
            Column(Words("事由", "cause"), 6),
            Column(Words("对方", "account"), 8),
            Column(Words("发生额", "amount"), 5, "right"),
            Column(Words("余额", "balance"), 5, "right"),
        ),
        tuple(rows),
        ("", "", "期末 closing", "", f"+{shown(part.credits)} / {shown(-part.debits)}", shown(part.closing)),
    )
