"""Instruments: their definitions and phases, and what becomes of one whose goods run out."""

from collections.abc import Iterable
from typing import Final

from exchange.clearing import EXPIRED, Clearing
from matching import Market
from matching.messages import (
    AdvanceTime,
    CommandRejected,
    DefineInstrument,
    InstrumentDefined,
    Phase,
    SetPhase,
)
from settlement.books import Books
from settlement.office import Handlers
from settlement.symbols import parse_symbol
from settlement.venue import first_definition, permits


class Instruments:
    """What may be traded, and when. An instrument without a receipt that can be sold is closed till the next one."""

    def __init__(self, books: Books, market: Market, clearing: Clearing) -> None:
        self._books: Final = books
        self._market: Final = market
        self._clearing: Final = clearing
        self.exhausted: dict[str, None] = {}
        """Symbols that were closed here for want of a receipt that can be sold; the next one opens them."""

    def handlers(self) -> Handlers:
        return {SetPhase: self._set_phase, DefineInstrument: self._define_instrument, AdvanceTime: self._advance_time}

    def _set_phase(self, command: SetPhase) -> None:
        events = self._market.apply(command)
        if command.phase != "closed" and type(events[0]) is not CommandRejected:
            self.exhausted.pop(command.symbol, None)
        self._clearing.clear(events)

    def _define_instrument(self, command: DefineInstrument) -> None:
        refusal = self._refuse_symbol(command.symbol)
        if refusal is not None:
            self._books.refuse(command, refusal, "symbol")
            return
        if not permits(self._books.venue.profile, command.mode):
            self._books.refuse(command, "mode_not_permitted", "mode")
            return
        if self._market.check(command) is None and self._market.instrument(command.symbol) is not None:
            self._rebound(command)
        events = self._market.apply(command)
        if command.phase != "closed" and type(events[0]) is InstrumentDefined:
            self.exhausted.pop(command.symbol, None)
        self._clearing.clear(events)

    def _refuse_symbol(self, symbol: str) -> str | None:
        """What no lot here trades as: `invalid_symbol`, `unknown_variety`, `unknown_warehouse`; None: it is fine."""
        parts = parse_symbol(symbol)
        if parts is None:
            return "invalid_symbol"
        venue = self._books.venue
        if all(variety.code != parts.variety for variety in venue.varieties):
            return "unknown_variety"
        if all(warehouse.code != parts.warehouse for warehouse in venue.warehouses):
            return "unknown_warehouse"
        return None

    def _rebound(self, command: DefineInstrument) -> None:
        """Let buys without a limit reserve up to the new band's top before it is in force; cancel those that cannot."""
        top = None
        if command.band is not None and command.reference_price is not None:
            top = command.reference_price + command.band * command.tick_size
        for order in self._clearing.orders_in({command.symbol: None}):
            if order.side == "sell" or order.price is not None:
                continue
            if top is None:
                self._clearing.cancel(order, "no_price_bound")
                continue
            refusal = self._clearing.raise_reservation(order, order.required_fen(order.quantity, top))
            if refusal is not None:
                self._clearing.cancel(order, refusal)
                continue
            order.bound = top
            self._clearing.order_digest.changed[order.order_id] = None
            self._clearing.fit(order)

    def _advance_time(self, command: AdvanceTime) -> None:
        """A reason for a batch when only time has passed: its own time has come already, a later one is refused."""
        if command.time_ns > self._books.time_ns:
            self._books.events.append(CommandRejected("advance_time", None, "time_ahead"))

    def lot_size(self, symbol: str) -> int:
        """Kilograms of which an order's quantity is a multiple; 1 for a symbol that is not defined."""
        instrument = self._market.instrument(symbol)
        return 1 if instrument is None else instrument.lot_size

    def open(self, symbol: str) -> None:
        """There is something to sell: define the instrument, or open again what was closed for want of receipts."""
        instrument = self._market.instrument(symbol)
        if instrument is None:
            self._clearing.clear(self._market.apply(first_definition(symbol, self._books.venue.profile)))
        elif symbol in self.exhausted:
            del self.exhausted[symbol]
            if instrument.phase == "closed":
                phase: Phase = "auction" if instrument.mode == "call_auction" else "continuous"
                self._clearing.clear(self._market.apply(SetPhase(symbol, phase)))

    def close_exhausted(self, symbols: Iterable[str]) -> None:
        """Where no receipt can be sold any more, cancel what rests (`expired`) and close till the next receipt."""
        exhausted = {symbol: None for symbol in symbols if not self._books.receipts.tradable(symbol)}
        if not exhausted:
            return
        for order in self._clearing.orders_in(exhausted):
            if order.order_id in self._clearing.orders:  # A listing takes its counter-bids with it.
                self._clearing.cancel(order, EXPIRED)
        for symbol in exhausted:
            instrument = self._market.instrument(symbol)
            assert instrument is not None
            if instrument.phase != "closed":
                self.exhausted[symbol] = None
                self._clearing.clear(self._market.apply(SetPhase(symbol, "closed")))
