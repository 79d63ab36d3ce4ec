"""The part of the reckoning that is about goods on their way out: orders, docks, trucks, and what was made good."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import asdict
from sqlalchemy import Table

from exchange.reckoning_of_stores import Row, Rows
from settlement import tables
from settlement.messages import delivery

ENDED: tuple[str, ...] = ("accepted", "cancelled", "made_good")


class Deliveries:
    def __init__(self, rows: Callable[[Table], Rows]) -> None:
        self._orders = rows(tables.deliveries)
        self._slots = rows(tables.slots)
        self._loads = rows(tables.loads)
        self._buy_ins = rows(tables.buy_ins)
        self._attempts = rows(tables.buy_in_attempts)
        self.live: dict[int, delivery.DeliveryOrder] = {}
        """Those that have not ended, as last told."""

    def take(self, event: Any, stamp: Row) -> None:
        """What is none of these leaves no row here."""
        match event:
            case delivery.DeliveryChanged():
                order = event.delivery
                ended = order.state in ENDED
                self._orders.put(asdict(order), ended=ended)
                self.live[order.delivery_id] = order
                if ended:
                    del self.live[order.delivery_id]
            case delivery.SlotChanged():
                self._slots.put(asdict(event.slot), ended=event.slot.state != "booked")
            case delivery.LoadChanged():
                self._loads.put(asdict(event.load), ended=event.load.state != "weighed")
            case delivery.BuyInChanged():
                self._buy_ins.put(asdict(event.buy_in), ended=event.buy_in.ended_ns is not None)
            case delivery.BuyInAttempted():
                self._attempts.put({**asdict(event), **stamp}, ended=True)

    def close(self) -> int:
        """Compare what is left; how many rows there must be in all."""
        kept = (self._orders, self._slots, self._loads, self._buy_ins, self._attempts)
        for rows in kept:
            rows.close()
        return sum(rows.count for rows in kept)
