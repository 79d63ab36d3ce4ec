"""Lots as they stand after the last command that changed them."""

from collections.abc import Mapping

from msgspec.structs import asdict
from sqlalchemy import Connection

from settlement import tables
from settlement.messages import Lot, LotChanged
from settlement.projection.rows import fit, set_rows
from settlement.projection.subject import Taker


class Intake:
    def __init__(self) -> None:
        self._lots: dict[int, Lot] = {}

    def takers(self) -> Mapping[type, Taker]:
        return {LotChanged: self._change}

    def write(self, connection: Connection) -> None:
        set_rows(connection, tables.lots, [fit(asdict(lot)) for lot in self._lots.values()])

    def _change(self, event: LotChanged, _sequence: int, _time_ns: int) -> None:
        self._lots[event.lot.lot_id] = event.lot
