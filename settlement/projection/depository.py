"""Receipts as they stand after the last command that told of them."""

from collections.abc import Mapping

from sqlalchemy import Connection

from settlement import tables
from settlement.messages import Receipt, ReceiptChanged
from settlement.projection.rows import as_rows, set_rows
from settlement.projection.subject import Taker


class Depository:
    def __init__(self) -> None:
        self._receipts: dict[int, Receipt] = {}

    def takers(self) -> Mapping[type, Taker]:
        return {ReceiptChanged: self._change}

    def write(self, connection: Connection) -> None:
        set_rows(connection, tables.receipts, as_rows(self._receipts.values()))

    def _change(self, event: ReceiptChanged, _sequence: int, _time_ns: int) -> None:
        self._receipts[event.receipt.receipt_id] = event.receipt
