"""Warehouse receipts: who owns which grams of which lot, and which of them are promised to offers.

    lot 7: 9 000 kg in SX1                      holding of participant 3 in BXJ-1-SX1-26W47
      receipt 12  grower   6 000 kg  issued       receipt 14    500 kg   120 kg reserved
      receipt 14  trader     500 kg  issued       receipt 31  2 000 kg
      receipt 15  trader   2 500 kg  delivery ordered

What an order may take is whole kilograms of receipts that are `issued`; the grams between stay on the receipt.
A receipt is split by fills alone. Lots expire as a whole: their parts have one green life.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heappush
from itertools import islice
from typing import Final, NamedTuple

from msgspec import Struct

from settlement.digest import Digest
from settlement.ledger import lot_asset, warehouse_account
from settlement.messages import MAXIMUM_LOTS_PER_ORDER, Receipt, ReceiptState

GRAMS: Final = 1_000
"""Grams in a kilogram, the unit of an order's quantity."""

Lots = list[list[int]]
"""What an offer holds: `[receipt_id, kilograms]`, to be delivered in this order. Changed in place by `Receipts`."""


class LiveReceipt(Struct, gc=False, array_like=True):
    """A receipt whose goods lie in the warehouse. What all parts of a lot share stands in its `Stock`."""

    receipt_id: int
    lot_id: int
    parent_receipt_id: int | None
    participant_id: int
    weight_g: int
    reserved_g: int
    state: ReceiptState
    issued_ns: int


class Stock(Struct, gc=False, array_like=True):
    """A lot in a warehouse: what its receipts have in common, and the grams that lie there."""

    lot_id: int
    symbol: str
    warehouse: str
    harvest_date: str
    harvest_day: int
    expires_ns: int
    issued_by: int
    weight_g: int
    asset: str
    account: str


class Holding:
    """A participant's receipts of one symbol; `free` keys those with a whole kilogram to offer, next to sell first."""

    __slots__ = ("free", "receipts", "reserved_g", "total_g")

    def __init__(self) -> None:
        self.total_g = 0
        self.reserved_g = 0
        self.receipts: dict[int, LiveReceipt] = {}
        self.free: list[tuple[int, int]] = []
        """(harvest day, receipt_id), ascending."""


class Handover(NamedTuple):
    """A part of a fill: the seller's receipt, now smaller, the buyer's new one, and the lot they are of."""

    sold: LiveReceipt
    bought: LiveReceipt
    kilograms: int
    stock: Stock


class Receipts:
    """All live receipts. Costs are O(receipts touched), and O(log holding) to keep the order of sale, unless said."""

    def __init__(self) -> None:
        self.last_receipt_id = 0
        self._live: dict[int, LiveReceipt] = {}
        self._stocks: dict[int, Stock] = {}
        self._of_lot: dict[int, dict[int, LiveReceipt]] = {}
        self._holdings: dict[int, dict[str, Holding]] = {}
        self._issued: dict[str, int] = {}
        self._digest: Digest[int] = Digest()
        self._stock_digest: Digest[int] = Digest()
        # (expires_ns, lot_id) of lots that have not expired; one that has left the warehouse is dropped at the top.
        self._expiries: list[tuple[int, int]] = []

    # Looking

    def get(self, receipt_id: int) -> LiveReceipt | None:
        return self._live.get(receipt_id)

    def stock(self, lot_id: int) -> Stock:
        """The lot of a live receipt."""
        return self._stocks[lot_id]

    def of(self, participant_id: int) -> list[LiveReceipt]:
        """A participant's live receipts, ascending number. O(n log n)."""
        holdings = self._holdings.get(participant_id)
        if holdings is None:
            return []
        return sorted(
            (receipt for holding in holdings.values() for receipt in holding.receipts.values()),
            key=lambda receipt: receipt.receipt_id,
        )

    def all(self) -> Iterator[LiveReceipt]:
        """Every live receipt, ascending number. O(receipts)."""
        return iter(self._live.values())

    def symbols_of(self, participant_id: int) -> list[str]:
        """The symbols of which a participant holds goods, ascending."""
        return sorted(self._holdings.get(participant_id, {}))

    def balance(self, participant_id: int, symbol: str) -> tuple[int, int]:
        """(total, reserved) grams; what is ordered out or expired is his still, but counts as reserved. O(1)."""
        holding = self._holdings.get(participant_id, {}).get(symbol)
        return (0, 0) if holding is None else (holding.total_g, holding.reserved_g)

    def tradable(self, symbol: str) -> bool:
        """Whether any receipt of the symbol may still be sold. O(1)."""
        return symbol in self._issued

    def message(self, receipt: LiveReceipt) -> Receipt:
        """A live receipt as the world sees it."""
        return receipt_message(receipt, self._stocks[receipt.lot_id])

    # Reserving

    def reserve(
        self, participant_id: int, symbol: str, kilograms: int, named: tuple[int, ...] | None, held: Lots
    ) -> str | None:
        """Reserve more goods for an offer, behind those that it has `held` so far; the refusal, or None when done.

        From the `named` receipts in that order, else oldest harvest first, then receipt number. In this order:
        `unknown_receipt` (a named one is not his, of another symbol, or not to be sold), `insufficient_goods`,
        `too_many_lots`. A refusal changes nothing.
        """
        holding = self._holdings.get(participant_id, {}).get(symbol)
        chosen: list[LiveReceipt] = []
        for receipt_id in named or ():
            receipt = None if holding is None else holding.receipts.get(receipt_id)
            if receipt is None or receipt.state != "issued":
                return "unknown_receipt"
            chosen.append(receipt)
        if holding is None or kilograms * GRAMS > holding.total_g - holding.reserved_g:
            return "insufficient_goods"
        found: Iterable[LiveReceipt] = chosen
        if named is None:
            receipts = holding.receipts
            # One by one, as far as needed: a holding may be long.
            found = (receipts[receipt_id] for _, receipt_id in islice(holding.free, MAXIMUM_LOTS_PER_ORDER + 1))
        taken: Lots = []
        wanted = kilograms
        for receipt in found:
            offered = min(wanted, (receipt.weight_g - receipt.reserved_g) // GRAMS)
            if offered:
                taken.append([receipt.receipt_id, offered])
                wanted -= offered
                if not wanted:
                    break
        entries = len(held) + len(taken)
        if held and taken and held[-1][0] == taken[0][0]:
            entries -= 1
        if wanted and (named is not None or len(holding.free) <= MAXIMUM_LOTS_PER_ORDER + 1):
            return "insufficient_goods"
        if wanted or entries > MAXIMUM_LOTS_PER_ORDER:
            return "too_many_lots"
        changed = self._digest.changed
        for receipt_id, offered in taken:
            receipt = holding.receipts[receipt_id]
            receipt.reserved_g += offered * GRAMS
            changed[receipt_id] = None
            if receipt.weight_g - receipt.reserved_g < GRAMS:
                _remove(holding.free, (self._stocks[receipt.lot_id].harvest_day, receipt_id))
        holding.reserved_g += kilograms * GRAMS
        if entries != len(held) + len(taken):
            held[-1][1] += taken[0][1]
            del taken[0]
        held.extend(taken)
        return None

    def release(self, held: Lots, kilograms: int) -> None:
        """Free the last reserved kilograms of an offer."""
        while kilograms:
            entry = held[-1]
            freed = min(kilograms, entry[1])
            receipt = self._live[entry[0]]
            holding = self._holdings[receipt.participant_id][self._stocks[receipt.lot_id].symbol]
            was_free = receipt.weight_g - receipt.reserved_g >= GRAMS
            receipt.reserved_g -= freed * GRAMS
            self._digest.changed[receipt.receipt_id] = None
            holding.reserved_g -= freed * GRAMS
            if not was_free:
                insort(holding.free, (self._stocks[receipt.lot_id].harvest_day, receipt.receipt_id))
            kilograms -= freed
            entry[1] -= freed
            if not entry[1]:
                held.pop()

    # Changing hands

    def deliver(self, held: Lots, kilograms: int, buyer_id: int, time_ns: int) -> list[Handover]:
        """Move title to the first reserved kilograms of an offer to a buyer: each part becomes a receipt of his own.

        A seller's receipt that has nothing left is `split` and no longer live.
        """
        handovers = []
        while kilograms:
            entry = held[0]
            moved = min(kilograms, entry[1])
            grams = moved * GRAMS
            sold = self._live[entry[0]]
            stock = self._stocks[sold.lot_id]
            self.last_receipt_id = receipt_id = self.last_receipt_id + 1
            bought = LiveReceipt(receipt_id, sold.lot_id, sold.receipt_id, buyer_id, grams, 0, "issued", time_ns)
            self._add(bought, stock)
            holding = self._holdings[sold.participant_id][stock.symbol]
            holding.total_g -= grams
            holding.reserved_g -= grams
            sold.reserved_g -= grams
            sold.weight_g -= grams
            self._digest.changed[sold.receipt_id] = None
            if not sold.weight_g:
                sold.state = "split"
                self._issued[stock.symbol] -= 1
                self._drop(sold, stock)
            handovers.append(Handover(sold, bought, moved, stock))
            kilograms -= moved
            entry[1] -= moved
            if not entry[1]:
                del held[0]
        return handovers

    # The life of a receipt

    def issue(
        self,
        lot_id: int,
        participant_id: int,
        symbol: str,
        warehouse: str,
        harvest_date: str,
        harvest_day: int,
        weight_g: int,
        expires_ns: int,
        issued_by: int,
        time_ns: int,
    ) -> LiveReceipt:
        """The first receipt of a lot, for all of it."""
        assert lot_id not in self._stocks
        stock = Stock(
            lot_id,
            symbol,
            warehouse,
            harvest_date,
            harvest_day,
            expires_ns,
            issued_by,
            weight_g,
            lot_asset(lot_id),
            warehouse_account(warehouse),
        )
        self._stocks[lot_id] = stock
        self._stock_digest.changed[lot_id] = None
        self._of_lot[lot_id] = {}
        self.last_receipt_id = receipt_id = self.last_receipt_id + 1
        receipt = LiveReceipt(receipt_id, lot_id, None, participant_id, weight_g, 0, "issued", time_ns)
        self._add(receipt, stock)
        heappush(self._expiries, (expires_ns, lot_id))
        return receipt

    def order_delivery(self, receipt: LiveReceipt) -> None:
        """Take an issued receipt with nothing reserved out of trade."""
        assert receipt.state == "issued"
        assert not receipt.reserved_g
        self._end_trade(receipt, "delivery_ordered")

    def load_out(self, receipt: LiveReceipt) -> Stock:
        """The goods of a receipt that is out of trade leave the warehouse: it is `delivered`, no longer live."""
        assert receipt.state in ("delivery_ordered", "expired")
        stock = self._stocks[receipt.lot_id]
        holding = self._holdings[receipt.participant_id][stock.symbol]
        holding.total_g -= receipt.weight_g
        holding.reserved_g -= receipt.weight_g
        stock.weight_g -= receipt.weight_g
        self._stock_digest.changed[receipt.lot_id] = None
        receipt.state = "delivered"
        self._drop(receipt, stock)
        return stock

    def next_expiry_ns(self) -> int | None:
        """When the next lot expires. A lot that has left the warehouse is nobody's worry."""
        expiries = self._expiries
        while expiries and expiries[0][1] not in self._stocks:
            heappop(expiries)
        return expiries[0][0] if expiries else None

    def expiring(self, time_ns: int) -> list[LiveReceipt]:
        """The issued receipts of the lots that expire by this time, by expiry, then lot, then number; ask once only."""
        found: list[LiveReceipt] = []
        while (expires_ns := self.next_expiry_ns()) is not None and expires_ns <= time_ns:
            _, lot_id = heappop(self._expiries)
            found.extend(receipt for receipt in self._of_lot[lot_id].values() if receipt.state == "issued")
        return found

    def expire(self, receipt: LiveReceipt) -> None:
        """Take a receipt whose green life is over out of trade; its orders have been cancelled."""
        assert receipt.state == "issued"
        assert not receipt.reserved_g
        self._end_trade(receipt, "expired")

    # State

    def state(self) -> tuple[int, list[Stock], list[LiveReceipt]]:
        """All there is to keep, canonical: by number."""
        return self.last_receipt_id, list(self._stocks.values()), list(self._live.values())

    def digest(self) -> tuple[int, bytes, bytes]:
        """What stands for `state`. O(what has changed since the last time)."""
        return (
            self.last_receipt_id,
            self._stock_digest.bring_up_to_date(self._stocks.get),
            self._digest.bring_up_to_date(self._live.get),
        )

    def restore(self, last_receipt_id: int, stocks: Iterable[Stock], live: Iterable[LiveReceipt], now_ns: int) -> None:
        """Put back what `state` gave, as it was at `now_ns`."""
        for stock in stocks:
            self._stocks[stock.lot_id] = stock
            self._stock_digest.changed[stock.lot_id] = None
            self._of_lot[stock.lot_id] = {}
            if stock.expires_ns > now_ns:
                self._expiries.append((stock.expires_ns, stock.lot_id))
        heapify(self._expiries)
        for receipt in live:
            self._add(receipt, self._stocks[receipt.lot_id])
        self.last_receipt_id = last_receipt_id

    def audit(self) -> None:
        """Assert that weights, stocks, holdings and the order of sale agree. O(receipts)."""
        assert list(self._live) == sorted(self._live)
        weights: dict[int, int] = {}
        issued: dict[str, int] = {}
        holdings: dict[tuple[int, str], list[LiveReceipt]] = {}
        for receipt_id, receipt in self._live.items():
            stock = self._stocks[receipt.lot_id]
            assert receipt.receipt_id == receipt_id <= self.last_receipt_id
            assert receipt.weight_g > 0
            assert 0 <= receipt.reserved_g <= receipt.weight_g
            assert receipt.reserved_g % GRAMS == 0
            assert receipt.state in ("issued", "expired", "delivery_ordered")
            assert receipt.state == "issued" or not receipt.reserved_g
            assert self._of_lot[receipt.lot_id][receipt_id] is receipt
            weights[receipt.lot_id] = weights.get(receipt.lot_id, 0) + receipt.weight_g
            if receipt.state == "issued":
                issued[stock.symbol] = issued.get(stock.symbol, 0) + 1
            holdings.setdefault((receipt.participant_id, stock.symbol), []).append(receipt)
        assert issued == self._issued
        assert weights == {lot_id: stock.weight_g for lot_id, stock in self._stocks.items()}
        assert sum(len(receipts) for receipts in self._of_lot.values()) == len(self._live)
        kept = {(owner, symbol): kept for owner, held in self._holdings.items() for symbol, kept in held.items()}
        assert kept.keys() == holdings.keys()
        for key, receipts in holdings.items():
            holding = kept[key]
            assert list(holding.receipts.values()) == receipts
            assert holding.total_g == sum(receipt.weight_g for receipt in receipts)
            assert holding.reserved_g == sum(
                receipt.reserved_g if receipt.state == "issued" else receipt.weight_g for receipt in receipts
            )
            assert holding.free == sorted(
                (self._stocks[receipt.lot_id].harvest_day, receipt.receipt_id)
                for receipt in receipts
                if receipt.state == "issued" and receipt.weight_g - receipt.reserved_g >= GRAMS
            )

    def _add(self, receipt: LiveReceipt, stock: Stock) -> None:
        """Enter a receipt into every index."""
        receipt_id = receipt.receipt_id
        self._live[receipt_id] = receipt
        self._digest.changed[receipt_id] = None
        self._of_lot[receipt.lot_id][receipt_id] = receipt
        holdings = self._holdings.get(receipt.participant_id)
        if holdings is None:
            holdings = self._holdings[receipt.participant_id] = {}
        holding = holdings.get(stock.symbol)
        if holding is None:
            holding = holdings[stock.symbol] = Holding()
        holding.receipts[receipt_id] = receipt
        holding.total_g += receipt.weight_g
        if receipt.state == "issued":
            holding.reserved_g += receipt.reserved_g
            self._issued[stock.symbol] = self._issued.get(stock.symbol, 0) + 1
            if receipt.weight_g - receipt.reserved_g >= GRAMS:
                insort(holding.free, (stock.harvest_day, receipt_id))
        else:
            holding.reserved_g += receipt.weight_g

    def _drop(self, receipt: LiveReceipt, stock: Stock) -> None:
        """Take a receipt that is no longer live out of every index."""
        receipt_id = receipt.receipt_id
        del self._live[receipt_id]
        self._digest.changed[receipt_id] = None
        receipts = self._of_lot[receipt.lot_id]
        del receipts[receipt_id]
        if not receipts:
            del self._of_lot[receipt.lot_id]
            del self._stocks[receipt.lot_id]
            self._stock_digest.changed[receipt.lot_id] = None
        holdings = self._holdings[receipt.participant_id]
        holding = holdings[stock.symbol]
        del holding.receipts[receipt_id]
        if not holding.receipts:
            del holdings[stock.symbol]
            if not holdings:
                del self._holdings[receipt.participant_id]

    def _end_trade(self, receipt: LiveReceipt, state: ReceiptState) -> None:
        stock = self._stocks[receipt.lot_id]
        holding = self._holdings[receipt.participant_id][stock.symbol]
        if receipt.weight_g >= GRAMS:
            _remove(holding.free, (stock.harvest_day, receipt.receipt_id))
        holding.reserved_g += receipt.weight_g
        receipt.state = state
        self._digest.changed[receipt.receipt_id] = None
        left = self._issued[stock.symbol] - 1
        if left:
            self._issued[stock.symbol] = left
        else:
            del self._issued[stock.symbol]


def receipt_message(receipt: LiveReceipt, stock: Stock) -> Receipt:
    """The receipt, live or ended just now, as the world sees it."""
    return Receipt(
        receipt.receipt_id,
        receipt.lot_id,
        receipt.participant_id,
        stock.symbol,
        stock.warehouse,
        receipt.weight_g,
        stock.harvest_date,
        receipt.issued_ns,
        stock.expires_ns,
        receipt.parent_receipt_id,
        receipt.reserved_g,
        receipt.state,
        stock.issued_by,
    )


def _remove(keys: list[tuple[int, int]], key: tuple[int, int]) -> None:
    at = bisect_left(keys, key)
    assert keys[at] == key
    del keys[at]
