"""A participant's statement of a day: for programs, for a spreadsheet, and as a page for the printer."""

import html
from pathlib import Path
from string import Template
from typing import Annotated, Final

from litestar import Response, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter
from sqlalchemy import Connection

from marketdata.queries import moment_at
from matching.messages import MAX_INTEGER
from settlement.ledger import participant_account
from settlement.messages import CASH
from settlement.queries import bank as queries
from settlement.queries import people
from settlement.queries.treasury import LedgerEntry
from settlement.statements import (
    ANOTHER,
    AssetStatement,
    DayStatement,
    StatementEntry,
    amount_text,
    clock,
    day_limits,
    draw_up,
    lots_of,
    to_csv,
)
from web.bodies import MinSequence
from web.context import SignedIn, gateway_of, services, signed_in
from web.errors import Forbidden, NotFound, Refused, problems
from web.ports import VenueHalted, ViewBehind
from web.views import live_unless_halted

MAXIMUM_ENTRIES: Final = 20_000
"""Postings of one statement; whoever has more reads them page by page (`/ledger`)."""

HERE: Final = Path(__file__).parent
DAY: Final = "max-age=86400"

CSV = {200: ResponseSpec(bytes, generate_examples=False, description="The statement.", media_type="text/csv")}

Whose = Annotated[
    int | None,
    QueryParameter(name="participant_id", ge=1, le=MAX_INTEGER, description="Operators: whose; else one's own."),
]

CAUSES: Final = {
    "deposit": ("入金", "deposit"),
    "trade": ("成交", "trade"),
    "intake": ("入库", "intake"),
    "load_out": ("出库", "load-out"),
    "void": ("仓单作废", "receipt void"),
    "bust": ("撤销成交", "bust"),
    "adjustment": ("调账", "adjustment"),
    "statement": ("银行入账", "bank statement"),
    "suspense": ("挂账处理", "suspense"),
    "withdrawal": ("出金", "withdrawal"),
    "voucher": ("记账凭证", "voucher"),
    "receipt_transfer": ("仓单转让", "receipt transfer"),
    "shrinkage": ("损耗", "shrinkage"),
    "stock_take": ("盘点", "stock-take"),
    "loss": ("灭失", "loss"),
    "storage": ("仓储费", "storage"),
    "contract": ("合同", "contract"),
    "dispute": ("争议", "dispute"),
    "delivery": ("交收", "delivery"),
    "buy_in": ("补购", "buy-in"),
}
ACCOUNTS: Final = {
    ANOTHER: ("其他交易商", "another participant"),
    "bank": ("托管银行", "bank"),
    "fees": ("手续费", "fees"),
    "earnest": ("保证金", "earnest money"),
    "escrow": ("货款专户", "escrow"),
    "storage": ("仓储费", "storage"),
    "risk_fund": ("风险基金", "risk fund"),
    "suspense": ("待查款项", "suspense"),
    "shrinkage": ("损耗", "shrinkage"),
}


class DayStatementView(DayStatement, frozen=True, kw_only=True):
    """The statement; `sequence` is what it is true of. Amounts are fen or grams, as `unit` says."""

    sequence: int


@get("/statements/{date:str}", tags=["accounts"], summary="A day's statement", responses=problems(401, 403, 404, 409))
async def read_statement(
    request: SignedIn, date: FromPath[str], whose: Whose = None, min_sequence: MinSequence = None
) -> DayStatementView:
    """Opening, each posting with the balance after it, closing; cash and every lot. 409 `outside_calendar`: no day that
    has begun; `too_many_entries`: more than 20,000.
    """
    sequence, day = await _draw_up(request, date, whose, min_sequence)
    return DayStatementView(
        participant_id=day.participant_id,
        display_name=day.display_name,
        date=day.date,
        complete=day.complete,
        assets=day.assets,
        sequence=sequence,
    )


@get(
    "/statements/{date:str}/statement.csv",
    tags=["accounts"],
    summary="A day's statement for a spreadsheet",
    responses={**CSV, **problems(401, 403, 404, 409)},
)
async def read_statement_csv(
    request: SignedIn, date: FromPath[str], whose: Whose = None, min_sequence: MinSequence = None
) -> Response[bytes]:
    """UTF-8 with its mark, yuan and kilograms in decimals."""
    _, day = await _draw_up(request, date, whose, min_sequence)
    return Response(
        to_csv(day).encode(),
        media_type="text/csv",
        headers={"content-disposition": f'attachment; filename="statement-{day.date}-P{day.participant_id}.csv"'},
    )


@get("/print/statements/{date:str}", include_in_schema=False, guards=[signed_in])
async def print_statement(
    request: SignedIn, date: FromPath[str], whose: Whose = None, min_sequence: MinSequence = None
) -> Response[bytes]:
    """The page for the printer."""
    sequence, day = await _draw_up(request, date, whose, min_sequence)
    venue = services(request).settings
    return Response(
        page_of(day, sequence, (venue.venue_zh, venue.venue_en)).encode(),
        media_type="text/html",
        headers={"cache-control": "no-store", "x-robots-tag": "noindex"},
    )


@get("/print/statement.css", include_in_schema=False)
async def statement_style() -> Response[bytes]:
    return Response((HERE / "statement.css").read_bytes(), media_type="text/css", headers={"cache-control": DAY})


async def _draw_up(
    request: SignedIn, date: str, whose: int | None, min_sequence: int | None
) -> tuple[int, DayStatement]:
    """The statement, of everything that is committed now: 503 `view_behind` where the database has not come so far.

    Of a venue that has halted it is what the database has, and a day is over only where that knows of a later one: the
    last commands may have become durable, and be missing.
    """
    gateway, caller = gateway_of(request), request.user
    if whose not in (None, caller.participant_id) and not caller.is_in("operator"):
        raise Forbidden("another's statement is for operators")
    participant_id = caller.participant_id if whose is None else whose
    committed = await live_unless_halted(gateway, min_sequence)
    now_ns = told_until_ns = gateway.time_ns
    if committed is not None:
        participant = gateway.participant(participant_id)
    else:
        _, (participant, moment) = await gateway.history(
            lambda connection: (people.participant(connection, participant_id), moment_at(connection, now_ns)),
            min_sequence=min_sequence,
        )
        if participant is None or moment is None:
            raise VenueHalted(gateway.halted or "the venue has halted")
        told_until_ns = moment.time_ns
    if participant is None:
        raise NotFound("unknown_participant", field="participant_id")
    limits = day_limits(date, now_ns)
    if limits is None:
        raise Refused("outside_calendar", "no day of this date has begun", field="date")
    from_ns, before_ns = limits
    account = participant_account(participant.participant_id)

    def read(connection: Connection) -> tuple[dict[str, int], list[LedgerEntry], dict[int, str]]:
        opening = queries.balances_before(connection, account, from_ns)
        postings = queries.postings_between(connection, account, from_ns, before_ns, MAXIMUM_ENTRIES + 1)
        lots = lots_of(dict.fromkeys([*opening, *(posting.asset for posting in postings)]))
        return opening, postings, queries.symbols_of_lots(connection, lots)

    sequence, (opening, postings, symbols) = await gateway.history(read, min_sequence=min_sequence)
    if committed is not None and sequence < committed:
        raise ViewBehind(sequence, committed)
    if len(postings) > MAXIMUM_ENTRIES:
        raise Refused("too_many_entries", f"more than {MAXIMUM_ENTRIES} postings: read them by /ledger")
    complete = before_ns <= told_until_ns
    return sequence, draw_up(
        participant.participant_id, participant.display_name, date, complete, opening, postings, symbols
    )


def page_of(day: DayStatement, sequence: int, venue: tuple[str, str]) -> str:
    """The page. Everything from outside is escaped."""
    state = ("日终", "final") if day.complete else ("当日未结束", "the day is not over")
    return Template((HERE / "statement.html").read_text(encoding="utf-8")).substitute(
        title=f"{day.date} P{day.participant_id}",
        venue=_both(venue),
        participant=html.escape(day.display_name),
        account=f"P{day.participant_id}",
        date=html.escape(day.date),
        state=_both(state),
        sequence=sequence,
        assets="\n".join(map(_table_of, day.assets)),
    )


def _table_of(part: AssetStatement) -> str:
    unit = ("元", "yuan") if part.asset == CASH else ("公斤", "kg")
    name = ("资金", "cash") if part.asset == CASH else (f"{part.symbol or ''} {part.asset}".strip(), "")
    rows = "\n".join(_row_of(part.asset, entry) for entry in part.entries)
    total = f"{_signed(part.asset, part.credits)}<br>{_signed(part.asset, -part.debits)}"
    return f"""\
      <table>
        <caption>{_both(name)} <small>{_both(unit)}</small></caption>
        <thead>
          <tr>
            <th>{_both(("时间", "time"))}</th>
            <th>{_both(("流水号", "transfer"))}</th>
            <th>{_both(("事由", "cause"))}</th>
            <th>{_both(("对方", "account"))}</th>
            <th class="number">{_both(("发生额", "amount"))}</th>
            <th class="number">{_both(("余额", "balance"))}</th>
          </tr>
        </thead>
        <tbody>
          <tr class="edge">
            <td>{_both(("期初余额", "opening"))}</td>
            <td></td>
            <td></td>
            <td></td>
            <td></td>
            <td class="number">{amount_text(part.asset, part.opening)}</td>
          </tr>
{rows}
          <tr class="edge">
            <td>{_both(("期末余额", "closing"))}</td>
            <td></td>
            <td></td>
            <td></td>
            <td class="number">{total}</td>
            <td class="number">{amount_text(part.asset, part.closing)}</td>
          </tr>
        </tbody>
      </table>"""


def _row_of(asset: str, entry: StatementEntry) -> str:
    cause = CAUSES.get(entry.cause, (entry.cause, ""))
    account = _account(entry.account)
    return f"""\
          <tr>
            <td>{clock(entry.time_ns)}</td>
            <td>{entry.transfer_id}</td>
            <td>{_both(cause)} {entry.reference_id}</td>
            <td>{_both(account)}</td>
            <td class="number">{_signed(asset, entry.amount)}</td>
            <td class="number">{amount_text(asset, entry.balance)}</td>
          </tr>"""


def _signed(asset: str, amount: int) -> str:
    return f"{'+' if amount > 0 else ''}{amount_text(asset, amount)}"


def _account(account: str) -> tuple[str, str]:
    kind, _, code = account.partition(":")
    return (f"仓库 {code}", "warehouse") if kind == "warehouse" else ACCOUNTS.get(account, (account, ""))


def _both(words: tuple[str, str]) -> str:
    """Chinese first."""
    english = f' <span lang="en">{html.escape(words[1])}</span>' if words[1] else ""
    return f"{html.escape(words[0])}{english}"


PRIVATE = [read_statement, read_statement_csv]
PAGES = [print_statement, statement_style]
