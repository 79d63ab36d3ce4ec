"""Receipts as they stand after the last command that told of them, and what was done with stock."""

from collections.abc import Mapping

from msgspec.structs import asdict
from sqlalchemy import Connection

from settlement import tables
from settlement.messages import (
    LotRegraded,
    Receipt,
    ReceiptChanged,
    ReceiptsMerged,
    ReceiptTransferred,
    StockChanged,
)
from settlement.projection.rows import Row, add_rows, fit, set_rows
from settlement.projection.subject import Taker


class Depository:
    def __init__(self) -> None:
        self._receipts: dict[int, Receipt] = {}
        self._merges: list[Row] = []
        self._transfers: list[Row] = []
        self._regrades: list[Row] = []
        self._stock_changes: list[Row] = []

    def takers(self) -> Mapping[type, Taker]:
        return {
            ReceiptChanged: self._change,
            ReceiptsMerged: self._merge,
            ReceiptTransferred: self._transfer,
            LotRegraded: self._regrade,
            StockChanged: self._change_stock,
        }

    def write(self, connection: Connection) -> None:
        receipts = [_row(receipt) for receipt in self._receipts.values()]
        set_rows(connection, tables.receipts, receipts, fixed=("lot_id", "parent_receipt_id", "warehouse"))
        add_rows(connection, tables.receipt_merges, self._merges)
        add_rows(connection, tables.receipt_transfers, self._transfers)
        add_rows(connection, tables.regrades, self._regrades)
        add_rows(connection, tables.stock_changes, self._stock_changes)

    def _change(self, event: ReceiptChanged, _sequence: int, _time_ns: int) -> None:
        self._receipts[event.receipt.receipt_id] = event.receipt

    def _merge(self, event: ReceiptsMerged, _sequence: int, _time_ns: int) -> None:
        self._merges += [{"merged_receipt_id": merged, "receipt_id": event.receipt_id} for merged in event.merged]

    def _transfer(self, event: ReceiptTransferred, sequence: int, time_ns: int) -> None:
        self._transfers.append(fit(asdict(event) | {"sequence": sequence, "time_ns": time_ns}))

    def _regrade(self, event: LotRegraded, sequence: int, time_ns: int) -> None:
        self._regrades.append(fit(asdict(event) | {"sequence": sequence, "time_ns": time_ns}))

    def _change_stock(self, event: StockChanged, sequence: int, time_ns: int) -> None:
        last = self._stock_changes[-1] if self._stock_changes else None
        position = last["position"] + 1 if last is not None and last["sequence"] == sequence else 1
        stamp = {"sequence": sequence, "position": position, "time_ns": time_ns}
        self._stock_changes.append(fit(asdict(event) | stamp))


def _row(receipt: Receipt) -> Row:
    row = asdict(receipt)
    pledge = receipt.pledge
    row["lender_id"] = None if pledge is None else pledge.lender_id
    if pledge is not None:
        row["pledge"] = fit(asdict(pledge))
    if receipt.holds:
        row["holds"] = [fit(asdict(hold)) for hold in receipt.holds]
    return row
