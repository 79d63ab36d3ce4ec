"""What was paid for storage, line by line."""

from collections.abc import Mapping

from msgspec.structs import asdict
from sqlalchemy import Connection

from settlement import tables
from settlement.messages.storage import StoragePaid
from settlement.projection.rows import Row, add_rows
from settlement.projection.subject import Taker


class Storage:
    def __init__(self) -> None:
        self._payments: list[Row] = []

    def takers(self) -> Mapping[type, Taker]:
        return {StoragePaid: self._pay}

    def write(self, connection: Connection) -> None:
        add_rows(connection, tables.storage_payments, self._payments)

    def _pay(self, event: StoragePaid, sequence: int, time_ns: int) -> None:
        if not event.due_fen:
            return
        last = self._payments[-1] if self._payments else None
        line = last["line"] + 1 if last is not None and last["sequence"] == sequence else 1
        self._payments.append(asdict(event) | {"sequence": sequence, "line": line, "time_ns": time_ns})
