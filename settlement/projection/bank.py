"""Statements, their lines, withdrawals, vouchers and pending transfers as they stand after the last command."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import Connection

from settlement import tables
from settlement.messages import PendingChanged
from settlement.messages.treasury import (
    BankLineChanged,
    StatementImported,
    StatementReconciled,
    VoucherChanged,
    WithdrawalChanged,
)
from settlement.projection.rows import Row, add_rows, fit, set_rows
from settlement.projection.subject import Taker
from settlement.projection.treasury import open_accounts


class Bank:
    def __init__(self) -> None:
        self._statements: list[Row] = []
        self._lines: dict[int, Row] = {}
        self._reconciliations: list[Row] = []
        self._withdrawals: dict[int, Row] = {}
        self._vouchers: dict[int, Row] = {}
        self._pendings: dict[int, Row] = {}

    def takers(self) -> Mapping[type, Taker]:
        return {
            StatementImported: self._import,
            BankLineChanged: self._change_line,
            StatementReconciled: self._reconcile,
            WithdrawalChanged: self._change_withdrawal,
            VoucherChanged: self._change_voucher,
            PendingChanged: self._change_pending,
        }

    def write(self, connection: Connection) -> None:
        add_rows(connection, tables.bank_statements, self._statements)
        set_rows(connection, tables.bank_lines, list(self._lines.values()))
        add_rows(connection, tables.reconciliations, self._reconciliations)
        set_rows(connection, tables.withdrawals, list(self._withdrawals.values()))
        set_rows(connection, tables.vouchers, list(self._vouchers.values()))
        open_accounts(connection, self._pendings.values())
        set_rows(connection, tables.pending_transfers, list(self._pendings.values()))

    def _import(self, event: StatementImported, sequence: int, time_ns: int) -> None:
        self._statements.append(_row(event, sequence, time_ns))

    def _change_line(self, event: BankLineChanged, sequence: int, time_ns: int) -> None:
        self._lines[event.line.line_id] = _row(event.line, sequence, time_ns)

    def _reconcile(self, event: StatementReconciled, sequence: int, time_ns: int) -> None:
        self._reconciliations.append(_row(event, sequence, time_ns))

    def _change_withdrawal(self, event: WithdrawalChanged, sequence: int, time_ns: int) -> None:
        self._withdrawals[event.withdrawal.withdrawal_id] = _row(event.withdrawal, sequence, time_ns)

    def _change_voucher(self, event: VoucherChanged, sequence: int, time_ns: int) -> None:
        self._vouchers[event.voucher.voucher_id] = _row(event.voucher, sequence, time_ns)

    def _change_pending(self, event: PendingChanged, sequence: int, time_ns: int) -> None:
        self._pendings[event.pending.pending_id] = _row(event.pending, sequence, time_ns)


def _row(told: Struct, sequence: int, time_ns: int) -> Row:
    row = {name: _plain(value) for name, value in asdict(told).items()}
    return fit(row) | {"sequence": sequence, "time_ns": time_ns}


def _plain(value: Any) -> Any:
    """Messages within messages as the JSON columns have them."""
    if isinstance(value, Struct):
        return fit(asdict(value))
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value
