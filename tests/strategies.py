"""Tapes of market commands, from Hypothesis or from a seed.

One writer serves both: it only ever picks one of several things, and who picks is an argument. A world is kept small
on purpose (few ids, few participants, prices a few ticks around 100), so that orders meet, ids are used again and
participants trade with themselves.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, TypeVar

from hypothesis import strategies as st

from matching import Market
from matching.messages import (
    AdvanceTime,
    AmendOrder,
    CancelOrder,
    Command,
    DefineInstrument,
    MassCancel,
    PlaceOrder,
    SetPhase,
)

T = TypeVar("T")
Pick = Callable[[Sequence[T]], T]

SYMBOLS = ["BXJ", "GJ"]


class Writer:
    """Writes one tape; `pick` chooses one of a sequence."""

    def __init__(self, pick: Callable[[Sequence[Any]], Any]) -> None:
        self.pick = pick
        self.now = 0
        self.tick = pick([1, 1, 1, 5])
        self.lot = pick([1, 1, 10])
        # What kind of market this tape tells of: some never leave continuous trading, some live in auctions.
        self.busy_phases = pick([0, 1, 1, 4])
        self.plain = pick([False, False, True])

    def often(self, common: T, rare: Sequence[T], times: int = 8) -> T:
        """Mostly `common`, now and then one of `rare`."""
        return self.pick([common] * times + list(rare))

    def opening(self, symbol: str) -> DefineInstrument:
        """A first definition, one that makes sense."""
        mode = self.often("continuous", ["call_auction"], 12)
        phase = self.often("continuous", ["auction"], 4) if mode == "continuous" else "auction"
        band = self.pick([None, None, None, 3, 5])
        return DefineInstrument(
            symbol,
            tick_size=self.tick,
            lot_size=self.lot,
            mode=mode,
            phase=phase,
            reference_price=self.pick([None, 100, 100]) if band is None else 100,
            band=band,
            collar=self.pick([None, None, None, 1, 2, 3]),
            protection=self.pick([None, None, None, 0, 1, 2]),
            cancel_on_halt=self.pick([False, True]),
        )

    def definition(self, symbol: str) -> DefineInstrument:
        """Another definition, one that may make none."""
        return DefineInstrument(
            symbol,
            tick_size=self.often(self.tick, [0, -1, 2], 20),
            lot_size=self.often(self.lot, [0, 4], 20),
            mode=self.often("continuous", ["call_auction", "listing"], 20),
            phase=self.pick(["continuous", "continuous", "auction", "closed"]),
            reference_price=self.pick([None, 100, 100, 100, 110]),
            band=self.often(None, [0, 3, 5, -1], 6),
            collar=self.often(None, [0, 2, 3, -1], 6),
            protection=self.often(None, [0, 1, 2, -1], 6),
            cancel_on_halt=self.pick([False, True]),
        )

    def symbol(self) -> str:
        return self.often(SYMBOLS[0], [SYMBOLS[1], SYMBOLS[1], "NONE"], 20)

    def price(self) -> int:
        steps = self.pick([-5, -4, -3, -2, -1, -1, 0, 0, 0, 1, 1, 2, 3, 4, 5])
        return self.often(100 + steps * self.tick, [0, -5, 101, 2**53], 60)

    def quantity(self) -> int:
        return self.often(self.pick([1, 2, 3, 5, 8, 13, 20]) * self.lot, [0, -1, 7, 2**53], 60)

    def place(self, symbol: str, market: Market) -> PlaceOrder:
        live = [order.order_id for order in market.orders()]
        order_id = self.often(
            self.pick([number for number in range(1, 100 + len(live)) if number not in live]), live[:1], 12
        )
        participant_id = self.pick([1, 2, 3, 4, 5])
        side = self.pick(["buy", "sell"])
        quantity = self.quantity()
        if self.plain:
            return PlaceOrder(order_id, participant_id, symbol, side, quantity, price=self.price())
        kind = self.pick(["limit"] * 10 + ["market", "market", "stop", "stop", "stop_limit", "stop_limit"])
        time_in_force = self.pick(
            ["gtc"] * 12 + ["day", "gtd", "gtd", "ioc", "ioc", "fok", "fok", "opening", "closing"]
        )
        priced = kind in ("limit", "stop_limit")
        stopped = kind in ("stop", "stop_limit")
        rests = priced and time_in_force not in ("ioc", "fok")
        return PlaceOrder(
            order_id,
            participant_id,
            symbol,
            side,
            quantity,
            kind=kind,
            price=self.price() if self.often(priced, [not priced], 40) else None,
            stop_price=self.price() if self.often(stopped, [not stopped], 40) else None,
            time_in_force=time_in_force,
            expires_ns=self.now + self.pick([-1, 0, 1, 2, 5, 10])
            if self.often(time_in_force == "gtd", [time_in_force != "gtd"], 40)
            else None,
            display_quantity=self.pick([1, 2, 3, 7]) * self.lot if rests and self.pick([False, False, True]) else None,
            minimum_quantity=self.pick([1, 3, 5, 10]) * self.lot
            if self.often(time_in_force == "ioc", [True], 20) and self.pick([False, True])
            else None,
            post_only=self.often(False, [rests] * 3 + [True], 16),
            self_trade=self.pick(["cancel_resting", "cancel_resting", "cancel_incoming", "cancel_both", "decrement"]),
        )

    def amend(self, order_id: int, participant_id: int) -> AmendOrder:
        return AmendOrder(
            order_id,
            participant_id,
            quantity=self.quantity() if self.pick([False, True]) else None,
            price=self.price() if self.pick([False, True]) else None,
            display_quantity=self.pick([1, 2, 5]) * self.lot if self.pick([False, False, True]) else None,
        )

    def mass_cancel(self) -> MassCancel:
        return MassCancel(
            self.pick([1, 2, 3, 4, 5]),
            symbol=self.pick([None, SYMBOLS[0], SYMBOLS[1], "NONE"]),
            side=self.pick([None, "buy", "sell"]),
        )

    def advance(self) -> AdvanceTime:
        step = self.pick([0, 1, 2, 3, -1])
        self.now = max(self.now, self.now + step)
        return AdvanceTime(self.now + min(step, 0))

    def command(self, market: Market) -> Command:
        """The next command; it looks at the market so that cancels hit and nothing stays closed for long."""
        symbol = self.symbol()
        instrument = market.instrument(symbol)
        weights = [8] * 60 + [0] * 6 + [1] * 10 + [2] + [3] * 3 + [4] * (2 * self.busy_phases) + [5]
        if instrument is not None and instrument.phase in ("closed", "halted"):
            weights += [4] * 15 + [5] * 5
        verb = self.pick(weights)
        if verb == 0 or verb == 1:
            owners = {order.order_id: order.participant_id for order in market.orders()}
            order_id = self.pick(list(owners) or [1])
            participant_id = self.often(owners.get(order_id, 1), [9], 10)
            if verb == 0:
                return CancelOrder(order_id, participant_id)
            return self.amend(order_id, participant_id)
        if verb == 2:
            return self.mass_cancel()
        if verb == 3:
            return self.advance()
        if verb == 4:
            phase = self.pick(["continuous"] * 4 + ["auction"] * 3 + ["closed", "closed", "halted"])
            return SetPhase(symbol, phase)
        if verb == 5:
            return self.definition(symbol)
        return self.place(symbol, market)


def from_seed(seed: int) -> Writer:
    """The writer of the tape with this number."""
    return Writer(Random(seed).choice)


def from_hypothesis(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Writer:
    """A writer whose picks Hypothesis makes, and shrinks."""
    return Writer(lambda options: draw(st.sampled_from(options)))
