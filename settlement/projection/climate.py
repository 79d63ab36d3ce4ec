"""Readings, loggers, and the story of each broken cold chain."""

from collections.abc import Mapping

from msgspec.structs import asdict
from sqlalchemy import Connection

from settlement import tables
from settlement.messages.climate import (
    ColdChainBroken,
    ColdChainRestored,
    LifeShortened,
    LoggerRegistered,
    LotPlaced,
    ReadingsRecorded,
)
from settlement.projection.rows import Row, add_rows, set_rows
from settlement.projection.subject import Taker


class Climate:
    def __init__(self) -> None:
        self._loggers: dict[str, LoggerRegistered] = {}
        self._places: dict[int, LotPlaced] = {}
        self._readings: list[Row] = []
        self._breaks: list[Row] = []
        self._receipts: list[Row] = []
        self._ends: list[ColdChainRestored] = []
        self._losses: dict[tuple[int, int], LifeShortened] = {}

    def takers(self) -> Mapping[type, Taker]:
        return {
            LoggerRegistered: self._register,
            LotPlaced: self._place,
            ReadingsRecorded: self._record,
            ColdChainBroken: self._break,
            ColdChainRestored: self._restore,
            LifeShortened: self._shorten,
        }

    def write(self, connection: Connection) -> None:
        set_rows(connection, tables.loggers, list(self._loggers.values()))
        set_rows(connection, tables.lot_places, list(self._places.values()))
        add_rows(connection, tables.readings, self._readings)
        add_rows(connection, tables.cold_chain_breaks, self._breaks)
        add_rows(connection, tables.cold_chain_receipts, self._receipts)
        add_rows(connection, tables.cold_chain_ends, self._ends)
        set_rows(connection, tables.life_losses, list(self._losses.values()))

    def _register(self, event: LoggerRegistered, _sequence: int, _time_ns: int) -> None:
        self._loggers[event.logger_id] = event

    def _place(self, event: LotPlaced, _sequence: int, _time_ns: int) -> None:
        self._places[event.lot_id] = event

    def _record(self, event: ReadingsRecorded, _sequence: int, _time_ns: int) -> None:
        self._readings += [
            {
                "logger_id": event.logger_id,
                "time_ns": time_ns,
                "warehouse": event.warehouse,
                "temperature_dc": temperature_dc,
                "humidity_permille": humidity_permille,
            }
            for time_ns, temperature_dc, humidity_permille in event.readings
        ]

    def _break(self, event: ColdChainBroken, sequence: int, _time_ns: int) -> None:
        # Told again for goods that came under the logger later: the first telling stands, with these receipts more.
        if not event.again:
            self._breaks.append(asdict(event) | {"sequence": sequence})
        self._receipts += [asdict(receipt) | {"break_id": event.break_id} for receipt in event.receipts]

    def _restore(self, event: ColdChainRestored, _sequence: int, _time_ns: int) -> None:
        self._ends.append(event)

    def _shorten(self, event: LifeShortened, _sequence: int, _time_ns: int) -> None:
        self._losses[event.break_id, event.lot_id] = event
