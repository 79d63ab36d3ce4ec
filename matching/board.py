"""The board: what is offered in the modes without a book, until someone takes it, its owner does not want it any more,
or its time comes.

    listing 11   BXJ  sells 500 at 230      counters 14 (400 at 225), 17 (500 at 222)
    auction 12   GJ   sells 800 from 180    best bid 18 (195)
    report  13   FJ   1 sells 300 to 4 at 310
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeVar

from sortedcontainers import SortedDict

from matching.instrument import Instrument
from matching.messages import Bid, Event, Side, TradeExecuted
from matching.order import Order

Kind = TypeVar("Kind", bound="Offer")
Key = TypeVar("Key")

Trade = Callable[[Instrument, int, int, int, int, Side | None], TradeExecuted]
"""Execute a trade in the instrument: price, quantity, the buying and the selling id, the aggressor's side."""

OTHER_SIDE: Final[dict[Side, Side]] = {"buy": "sell", "sell": "buy"}


class Offer:
    """Something live that is no order: a listing, a counter-bid, an auction, or a report of a trade.

    Who else than its owner is a party to it (a report's counterparty) stands in `parties`. `deadline_ns` is None where
    no time ends it.
    """

    __slots__ = ("deadline_ns", "id", "instrument", "participant_id", "parties", "side")

    def __init__(
        self, id: int, participant_id: int, instrument: Instrument, side: Side, deadline_ns: int | None
    ) -> None:
        self.id = id
        self.participant_id = participant_id
        self.parties: tuple[int, ...] = (participant_id,)
        self.instrument = instrument
        self.side: Side = side
        self.deadline_ns = deadline_ns

    def close(self, board: "Board", reason: str, events: list[Event]) -> None:
        """End it, and what hangs on it, without a trade."""
        raise NotImplementedError

    def fall_due(self, board: "Board", events: list[Event]) -> None:
        """Its time has come."""
        self.close(board, "expired", events)

    def withdrawable(self) -> bool:
        """Whether its owner may still take it back."""
        return True

    def ends_with_day(self) -> bool:
        """Whether it ends when its instrument closes."""
        return False

    def misfits(self) -> bool:
        """Whether its instrument, as it is defined now, would refuse it."""
        raise NotImplementedError

    def audit(self) -> None:
        """Assert what must hold of it; for tests."""
        raise NotImplementedError


class Board:
    """All live offers: by id, by symbol, by party and by deadline.

    Ids are shared with orders and with the bids that lead an auction: none is used twice among what lives.
    """

    __slots__ = ("_by_deadline", "_by_party", "_by_symbol", "_instruments", "_orders", "live", "trade")

    def __init__(self, instruments: Mapping[str, Instrument], orders: Mapping[int, Order], trade: Trade) -> None:
        self._instruments = instruments
        self._orders = orders
        self.trade = trade
        self.live: dict[int, Offer | Bid] = {}
        self._by_symbol: dict[str, dict[int, Offer]] = {}
        self._by_party: dict[int, dict[int, Offer]] = {}
        self._by_deadline: SortedDict[tuple[int, int], Offer] = SortedDict()

    # Looking

    def find(self, kind: type[Kind], id: int) -> Kind | None:
        """The live offer of this kind and id. O(1)."""
        offer = self.live.get(id)
        return offer if isinstance(offer, kind) else None

    def of_symbol(self, kind: type[Kind], symbol: str) -> list[Kind]:
        """The live offers of this kind in the instrument, ascending id. O(its offers, sorted)."""
        return _of_kind(kind, self._by_symbol.get(symbol, {}))

    def of_party(self, kind: type[Kind], participant_id: int) -> list[Kind]:
        """The live offers of this kind to which he is a party, ascending id. O(his offers, sorted)."""
        return _of_kind(kind, self._by_party.get(participant_id, {}))

    def owned(self, participant_id: int) -> list[Offer]:
        """What he has offered himself, ascending id. O(his offers, sorted)."""
        return [offer for offer in self.of_party(Offer, participant_id) if offer.participant_id == participant_id]

    def next_deadline_ns(self) -> int | None:
        """O(log offers)."""
        return self._by_deadline.peekitem(0)[0][0] if self._by_deadline else None

    def instrument(self, symbol: str) -> Instrument:
        return self._instruments[symbol]

    # Refusals that several commands share

    def refuse_new(self, symbol: str, id: int, mode: str) -> str | None:
        """Why nothing new of this id can be offered in the instrument. O(1)."""
        instrument = self._instruments.get(symbol)
        if instrument is None:
            return "unknown_symbol"
        if self.taken(id):
            return "duplicate_order_id"
        if instrument.definition.mode != mode:
            return "wrong_mode"
        return None if instrument.phase == "continuous" else "wrong_phase"

    def refuse_answer(self, offer: Offer, id: int) -> str | None:
        """Why this offer cannot be answered by something of this id. O(1)."""
        if self.taken(id):
            return "duplicate_order_id"
        return None if offer.instrument.phase == "continuous" else "wrong_phase"

    def taken(self, id: int) -> bool:
        return id in self._orders or id in self.live

    # Changing

    def post(self, offer: Offer) -> None:
        """Make an offer live. O(log offers)."""
        self.live[offer.id] = offer
        self._by_symbol.setdefault(offer.instrument.symbol, {})[offer.id] = offer
        for participant_id in offer.parties:
            self._by_party.setdefault(participant_id, {})[offer.id] = offer
        if offer.deadline_ns is not None:
            self._by_deadline[offer.deadline_ns, offer.id] = offer

    def remove(self, offer: Offer) -> None:
        """The end of a live offer: nothing of it is kept. O(log offers)."""
        del self.live[offer.id]
        _drop(self._by_symbol, offer.instrument.symbol, offer.id)
        for participant_id in offer.parties:
            _drop(self._by_party, participant_id, offer.id)
        if offer.deadline_ns is not None:
            del self._by_deadline[offer.deadline_ns, offer.id]

    def postpone(self, offer: Offer, deadline_ns: int) -> None:
        """Let a live offer that has a deadline end later. O(log offers)."""
        assert offer.deadline_ns is not None
        del self._by_deadline[offer.deadline_ns, offer.id]
        offer.deadline_ns = deadline_ns
        self._by_deadline[deadline_ns, offer.id] = offer

    def fall_due(self, now_ns: int, events: list[Event]) -> None:
        """End what has reached its deadline, by deadline, then id. O(ended × log offers)."""
        while self._by_deadline and self._by_deadline.peekitem(0)[0][0] <= now_ns:
            self._by_deadline.peekitem(0)[1].fall_due(self, events)

    def close(self, id: int, reason: str) -> list[Event]:
        """Close a live offer; the events. O(log offers), and what hangs on it."""
        offer = self.live[id]
        assert isinstance(offer, Offer)
        events: list[Event] = []
        offer.close(self, reason, events)
        return events

    def close_all(self, offers: Iterable[Offer], reason: str, events: list[Event]) -> None:
        """Close these, given in ascending id; what went with one before it is passed over."""
        for offer in offers:
            if self.live.get(offer.id) is offer:
                offer.close(self, reason, events)

    def audit(self, now_ns: int) -> None:
        """Assert that the indices agree and every offer is sound; for tests. O(offers)."""
        assert not self.live.keys() & self._orders.keys()
        offers = {id: offer for id, offer in self.live.items() if isinstance(offer, Offer)}
        assert offers == {id: offer for some in self._by_symbol.values() for id, offer in some.items()}
        assert offers == {id: offer for some in self._by_party.values() for id, offer in some.items()}
        assert all(self._by_symbol.values())
        assert all(self._by_party.values())
        dated = {(offer.deadline_ns, id): offer for id, offer in offers.items() if offer.deadline_ns is not None}
        assert dated == self._by_deadline
        for id, offer in offers.items():
            assert offer.id == id
            assert offer.deadline_ns is None or offer.deadline_ns > now_ns
            assert self._by_symbol[offer.instrument.symbol][id] is offer
            assert all(self._by_party[participant_id][id] is offer for participant_id in offer.parties)
            assert self._instruments[offer.instrument.symbol] is offer.instrument
            assert not offer.misfits()
            assert offer.instrument.phase != "closed" or not offer.ends_with_day()
            offer.audit()


def misfits(instrument: Instrument, mode: str, price: int, *quantities: int) -> bool:
    """Whether an offer at this price and of these quantities is not for the instrument as it is defined now."""
    if instrument.definition.mode != mode or not instrument.on_tick(price) or not instrument.in_band(price):
        return True
    return any(quantity % instrument.lot_size for quantity in quantities)


def _of_kind(kind: type[Kind], offers: Mapping[int, Offer]) -> list[Kind]:
    return [offer for _, offer in sorted(offers.items()) if isinstance(offer, kind)]


def _drop(index: dict[Key, dict[int, Offer]], key: Key, id: int) -> None:
    offers = index[key]
    del offers[id]
    if not offers:
        del index[key]
