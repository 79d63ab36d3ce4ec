"""Delivery orders, slots, loads and buy-ins as they stand, and each attempt to buy in."""

from collections.abc import Mapping

from msgspec.structs import asdict
from sqlalchemy import Connection

from settlement import tables
from settlement.messages.delivery import (
    BuyIn,
    BuyInAttempted,
    BuyInChanged,
    DeliveryChanged,
    DeliveryOrder,
    Load,
    LoadChanged,
    Slot,
    SlotChanged,
)
from settlement.projection.rows import Row, add_rows, fit, set_rows
from settlement.projection.subject import Taker


class Delivery:
    def __init__(self) -> None:
        self._deliveries: dict[int, DeliveryOrder] = {}
        self._slots: dict[int, Slot] = {}
        self._loads: dict[int, Load] = {}
        self._buy_ins: dict[int, BuyIn] = {}
        self._attempts: list[Row] = []

    def takers(self) -> Mapping[type, Taker]:
        return {
            DeliveryChanged: self._change,
            SlotChanged: self._book,
            LoadChanged: self._weigh,
            BuyInChanged: self._buy_in,
            BuyInAttempted: self._attempt,
        }

    def write(self, connection: Connection) -> None:
        set_rows(connection, tables.deliveries, [_without_slot(order) for order in self._deliveries.values()])
        set_rows(connection, tables.slots, list(self._slots.values()))
        set_rows(connection, tables.loads, [fit(asdict(load)) for load in self._loads.values()])
        set_rows(connection, tables.buy_ins, list(self._buy_ins.values()))
        add_rows(connection, tables.buy_in_attempts, self._attempts)

    def _change(self, event: DeliveryChanged, _sequence: int, _time_ns: int) -> None:
        self._deliveries[event.delivery.delivery_id] = event.delivery

    def _book(self, event: SlotChanged, _sequence: int, _time_ns: int) -> None:
        self._slots[event.slot.slot_id] = event.slot

    def _weigh(self, event: LoadChanged, _sequence: int, _time_ns: int) -> None:
        self._loads[event.load.load_id] = event.load

    def _buy_in(self, event: BuyInChanged, _sequence: int, _time_ns: int) -> None:
        self._buy_ins[event.buy_in.delivery_id] = event.buy_in

    def _attempt(self, event: BuyInAttempted, sequence: int, time_ns: int) -> None:
        self._attempts.append(asdict(event) | {"sequence": sequence, "time_ns": time_ns})


def _without_slot(order: DeliveryOrder) -> Row:
    """The slot has a row of its own."""
    row = asdict(order)
    del row["slot"]
    return fit(row)
