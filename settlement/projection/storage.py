"""What was paid for storage, line by line, and what stores owe for goods that they lost."""

from collections.abc import Mapping

from msgspec.structs import asdict
from sqlalchemy import Connection

from settlement import tables
from settlement.messages.storage import StoragePaid, WastageClaimed, WastageSettled
from settlement.projection.rows import Row, add_rows, fit
from settlement.projection.subject import Taker


class Storage:
    def __init__(self) -> None:
        self._payments: list[Row] = []
        self._claims: list[Row] = []
        self._shares: list[Row] = []
        self._settlements: list[Row] = []

    def takers(self) -> Mapping[type, Taker]:
        return {StoragePaid: self._pay, WastageClaimed: self._claim, WastageSettled: self._settle}

    def write(self, connection: Connection) -> None:
        add_rows(connection, tables.storage_payments, self._payments)
        add_rows(connection, tables.wastage_claims, self._claims)
        add_rows(connection, tables.wastage_shares, self._shares)
        add_rows(connection, tables.wastage_settlements, self._settlements)

    def _pay(self, event: StoragePaid, sequence: int, time_ns: int) -> None:
        if not event.due_fen:
            return
        last = self._payments[-1] if self._payments else None
        line = last["line"] + 1 if last is not None and last["sequence"] == sequence else 1
        self._payments.append(asdict(event) | {"sequence": sequence, "line": line, "time_ns": time_ns})

    def _claim(self, event: WastageClaimed, sequence: int, time_ns: int) -> None:
        self._claims.append(asdict(event) | {"sequence": sequence, "time_ns": time_ns})
        self._shares += [asdict(share) | {"claim_id": event.claim_id} for share in event.shares]

    def _settle(self, event: WastageSettled, sequence: int, time_ns: int) -> None:
        self._settlements.append(fit(asdict(event) | {"sequence": sequence, "time_ns": time_ns}))
