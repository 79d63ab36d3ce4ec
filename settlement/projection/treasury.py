"""The ledger's postings, what came in and was moved, and balances as last reported."""

from collections.abc import Iterable, Mapping

from msgspec.structs import asdict
from sqlalchemy import Connection

from settlement import tables
from settlement.messages import BalanceChanged, CashAdjusted, CashDeposited, LedgerPosted
from settlement.projection.rows import Row, add_rows, fit, keep_rows, set_rows
from settlement.projection.subject import Taker


class Treasury:
    def __init__(self) -> None:
        self._deposits: list[Row] = []
        self._adjustments: list[Row] = []
        self._transfers: list[Row] = []
        self._balances: dict[tuple[int, str], BalanceChanged] = {}

    def takers(self) -> Mapping[type, Taker]:
        return {
            BalanceChanged: self._change_balance,
            LedgerPosted: self._post,
            CashDeposited: self._deposit,
            CashAdjusted: self._adjust,
        }

    def write(self, connection: Connection) -> None:
        add_rows(connection, tables.deposits, self._deposits)
        add_rows(connection, tables.adjustments, self._adjustments)
        open_accounts(connection, self._transfers)
        add_rows(connection, tables.transfers, self._transfers)
        set_rows(connection, tables.balances, list(self._balances.values()))

    def _change_balance(self, event: BalanceChanged, _sequence: int, _time_ns: int) -> None:
        self._balances[event.participant_id, event.asset] = event

    def _post(self, event: LedgerPosted, sequence: int, time_ns: int) -> None:
        for transfer in event.transfers:
            row = asdict(transfer)
            row["sequence"] = sequence
            row["time_ns"] = time_ns
            row["cause"] = event.cause
            row["reference_id"] = event.reference_id
            self._transfers.append(row)

    def _deposit(self, event: CashDeposited, sequence: int, time_ns: int) -> None:
        self._deposits.append(fit(asdict(event) | {"sequence": sequence, "time_ns": time_ns}))

    def _adjust(self, event: CashAdjusted, sequence: int, time_ns: int) -> None:
        self._adjustments.append(fit(asdict(event) | {"sequence": sequence, "time_ns": time_ns}))


def open_accounts(connection: Connection, moves: Iterable[Row]) -> None:
    """The accounts that transfers lead from and to are there before them."""
    names: dict[str, None] = {}
    for move in moves:
        names[move["debit"]] = None
        names[move["credit"]] = None
    keep_rows(connection, tables.accounts, [_account(name) for name in names])


def _account(name: str) -> Row:
    kind, _, number = name.partition(":")
    return {"account": name, "participant_id": int(number) if kind == "participant" else None}
