"""The part of the reckoning that is about stores: what was paid for lying there, what they owe, what loggers read."""

from collections.abc import Callable
from typing import Any, Protocol

from msgspec.structs import asdict
from sqlalchemy import Table

from settlement import tables
from settlement.messages import climate, storage

Row = dict[str, Any]


class Rows(Protocol):
    """The rows of one table, held against those that are put in (`exchange.reckoning`)."""

    key: list[str]
    """The columns of its key."""
    count: int
    """How many there must be."""

    def put(self, row: Row, ended: bool = False) -> None: ...

    def close(self) -> None: ...


class Stores:
    def __init__(self, rows: Callable[[Table], Rows]) -> None:
        self._payments = rows(tables.storage_payments)
        self._line = (0, 0)
        self._claims = rows(tables.wastage_claims)
        self._shares = rows(tables.wastage_shares)
        self._settlements = rows(tables.wastage_settlements)
        self._loggers = rows(tables.loggers)
        self._places = rows(tables.lot_places)
        self._readings = rows(tables.readings)
        self._breaks = rows(tables.cold_chain_breaks)
        self._receipts = rows(tables.cold_chain_receipts)
        self._ends = rows(tables.cold_chain_ends)
        self._losses = rows(tables.life_losses)

    def take(self, event: Any, stamp: Row) -> None:
        """What is none of these leaves no row here."""
        match event:
            case storage.StoragePaid():
                if event.due_fen:
                    sequence, line = self._line
                    line = line + 1 if sequence == stamp["sequence"] else 1
                    self._line = (stamp["sequence"], line)
                    self._payments.put({**asdict(event), **stamp, "line": line}, ended=True)
            case storage.WastageClaimed():
                self._claims.put({**asdict(event), **stamp}, ended=True)
                for share in event.shares:
                    self._shares.put({**asdict(share), "claim_id": event.claim_id}, ended=True)
            case storage.WastageSettled():
                self._settlements.put({**asdict(event), **stamp}, ended=True)
            case climate.LoggerRegistered():
                self._loggers.put(asdict(event))
            case climate.LotPlaced():
                self._places.put(asdict(event))
            case climate.ReadingsRecorded():
                for time_ns, temperature_dc, humidity_permille in event.readings:
                    reading = {
                        "logger_id": event.logger_id,
                        "time_ns": time_ns,
                        "warehouse": event.warehouse,
                        "temperature_dc": temperature_dc,
                        "humidity_permille": humidity_permille,
                    }
                    self._readings.put(reading, ended=True)
            case climate.ColdChainBroken():
                if not event.again:
                    self._breaks.put({**asdict(event), "sequence": stamp["sequence"]}, ended=True)
                for receipt in event.receipts:
                    self._receipts.put({**asdict(receipt), "break_id": event.break_id}, ended=True)
            case climate.ColdChainRestored():
                self._ends.put(asdict(event), ended=True)
            case climate.LifeShortened():
                self._losses.put(asdict(event))

    def close(self) -> int:
        """Compare what is left; how many rows there must be in all."""
        kept = (
            self._payments,
            self._claims,
            self._shares,
            self._settlements,
            self._loggers,
            self._places,
            self._readings,
            self._breaks,
            self._receipts,
            self._ends,
            self._losses,
        )
        for rows in kept:
            rows.close()
        return sum(rows.count for rows in kept)
