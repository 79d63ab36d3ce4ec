"""The register of live receipts: what is offered of them, how they change hands, and what becomes of them."""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence
from heapq import heapify, heappop, heappush

from settlement.civil import venue_day
from settlement.digest import Digest
from settlement.ledger import lot_asset, warehouse_account
from settlement.messages import (
    LIVE_STATES,
    MAXIMUM_LOTS_PER_ORDER,
    Hold,
    HoldCause,
    Pledge,
    Receipt,
    ReceiptState,
)
from settlement.messages.storage import StorageTariff
from settlement.receipts.receipt import GRAMS, Handover, Holding, LiveReceipt, Lots, Stock, receipt_message
from settlement.receipts.states import next_state


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
        self.emptied: list[Stock] = []
        """Lots that have left with grams recorded as lost: who keeps the books writes them off, and empties this."""
        # (expires_ns, lot_id) of lots that have not expired; one that has left the warehouse is dropped at the top.
        self._expiries: list[tuple[int, int]] = []

    # Looking

    def get(self, receipt_id: int) -> LiveReceipt | None:
        return self._live.get(receipt_id)

    def stock(self, lot_id: int) -> Stock:
        """The lot of a live receipt."""
        return self._stocks[lot_id]

    def find_stock(self, lot_id: int) -> Stock | None:
        """A lot with live receipts, or None."""
        return self._stocks.get(lot_id)

    def stocks(self) -> Iterator[Stock]:
        """Every lot with live receipts, in the order in which they came. O(lots)."""
        return iter(self._stocks.values())

    def of_lot(self, lot_id: int) -> list[LiveReceipt]:
        """A lot's live receipts, ascending number; none of a lot that is not here. O(n)."""
        return list(self._of_lot.get(lot_id, {}).values())

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
        """(total, reserved) grams; what is not `issued` is his still, but counts as reserved. O(1)."""
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
        if named is None:
            # As far as needed: a holding may be long.
            uncovered = kilograms
            for _, receipt_id in holding.free:
                receipt = holding.receipts[receipt_id]
                chosen.append(receipt)
                uncovered -= (receipt.weight_g - receipt.reserved_g) // GRAMS
                if uncovered <= 0 or len(chosen) > MAXIMUM_LOTS_PER_ORDER:
                    break
        taken: Lots = []
        wanted = kilograms
        for receipt in chosen:
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
        live = self._live
        changed = self._digest.changed
        while kilograms:
            entry = held[0]
            moved = min(kilograms, entry[1])
            grams = moved * GRAMS
            sold = live[entry[0]]
            lot_id = sold.lot_id
            sold_id = sold.receipt_id
            stock = self._stocks[lot_id]
            self.last_receipt_id = receipt_id = self.last_receipt_id + 1
            bought = LiveReceipt(
                receipt_id, lot_id, sold_id, buyer_id, grams, 0, "issued", time_ns, sold.storage_from_day
            )
            self._add(bought, stock)
            holding = self._holdings[sold.participant_id][stock.symbol]
            holding.total_g -= grams
            holding.reserved_g -= grams
            sold.reserved_g -= grams
            sold.weight_g -= grams
            changed[sold_id] = None
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
        variety_days: int = 0,
        tariff: StorageTariff | None = None,
        storage_from_day: int | None = None,
        colour_stage: int = 1,
    ) -> LiveReceipt:
        """The first receipt of a lot, for all of it; storage counts from the day of issue unless told otherwise."""
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
            participant_id,
            weight_g,
            0,
            variety_days,
            tariff,
            colour_stage,
        )
        self._stocks[lot_id] = stock
        self._stock_digest.changed[lot_id] = None
        self._of_lot[lot_id] = {}
        if storage_from_day is None:
            storage_from_day = venue_day(time_ns)
        receipt = self._make(lot_id, None, participant_id, weight_g, time_ns, storage_from_day)
        self._add(receipt, stock)
        heappush(self._expiries, (expires_ns, lot_id))
        return receipt

    def order_delivery(self, receipt: LiveReceipt) -> None:
        """Take an issued receipt with nothing reserved out of trade."""
        self._leave_trade(receipt, next_state("order_delivery", receipt.state))

    def recall(self, receipt: LiveReceipt) -> None:
        """A receipt that was ordered out is free again."""
        self._return_to(receipt, next_state("cancel_delivery", receipt.state))
        self._digest.changed[receipt.receipt_id] = None

    def load_out(self, receipt: LiveReceipt, weight_g: int | None = None) -> Stock:
        """Goods of a receipt that is out of trade leave the warehouse, all of them unless a weight is given.

        With the last gram the receipt is `delivered` and no longer live. Its `weight_g` then tells what left last.
        """
        state = next_state("load_out", receipt.state)
        stock = self._stocks[receipt.lot_id]
        if weight_g is None:
            weight_g = receipt.weight_g
        assert 0 < weight_g <= receipt.weight_g
        stock.weight_g -= weight_g
        self._stock_digest.changed[receipt.lot_id] = None
        if weight_g == receipt.weight_g:
            self._end(receipt, stock, state)
        else:
            self._reweigh(receipt, stock, receipt.weight_g - weight_g)
        return stock

    def split(self, receipt: LiveReceipt, weights_g: Sequence[int], time_ns: int) -> list[LiveReceipt]:
        """A free receipt becomes several of the same holder's, which weigh what it weighed. O(parts)."""
        state = next_state("split_receipt", receipt.state)
        assert sum(weights_g) == receipt.weight_g
        assert min(weights_g) > 0
        stock = self._stocks[receipt.lot_id]
        parts = [
            self._make(
                receipt.lot_id, receipt.receipt_id, receipt.participant_id, weight_g, time_ns, receipt.storage_from_day
            )
            for weight_g in weights_g
        ]
        for part in parts:
            self._add(part, stock)
        self._end(receipt, stock, state)
        return parts

    def merge(self, receipts: Sequence[LiveReceipt], time_ns: int) -> LiveReceipt:
        """Free receipts of one holder and one lot become one, child of the first of them.

        Storage counts from the earliest of their days. O(parts).
        """
        first = receipts[0]
        stock = self._stocks[first.lot_id]
        assert all(each.lot_id == first.lot_id for each in receipts)
        assert all(each.participant_id == first.participant_id for each in receipts)
        weight_g = sum(each.weight_g for each in receipts)
        from_day = min(each.storage_from_day for each in receipts)
        merged = self._make(first.lot_id, first.receipt_id, first.participant_id, weight_g, time_ns, from_day)
        self._add(merged, stock)
        for each in receipts:
            self._end(each, stock, next_state("merge_receipts", each.state))
        return merged

    def transfer(self, receipt: LiveReceipt, to_participant_id: int, time_ns: int) -> LiveReceipt:
        """Title to all of a free receipt passes: the new holder has a receipt of his own, the old one is `split`."""
        state = next_state("transfer_receipt", receipt.state)
        stock = self._stocks[receipt.lot_id]
        taken = self._make(
            receipt.lot_id, receipt.receipt_id, to_participant_id, receipt.weight_g, time_ns, receipt.storage_from_day
        )
        self._add(taken, stock)
        self._end(receipt, stock, state)
        return taken

    def give_up(self, receipt: LiveReceipt, to_participant_id: int, time_ns: int) -> LiveReceipt:
        """Goods that were ordered out and will not be delivered pass to who answers for that: free, or as held as they
        were, and expired where their green life has ended meanwhile. The old receipt is `split`.
        """
        state = next_state("start_buy_in", receipt.state)
        stock = self._stocks[receipt.lot_id]
        taken = self._make(
            receipt.lot_id, receipt.receipt_id, to_participant_id, receipt.weight_g, time_ns, receipt.storage_from_day
        )
        if receipt.holds:
            taken.holds = receipt.holds
            taken.state = "held"
        self._add(taken, stock)
        self._end(receipt, stock, state)
        if stock.expires_ns <= time_ns:
            self.expire(taken)
        return taken

    def pledge(self, receipt: LiveReceipt, pledge: Pledge) -> None:
        """A free receipt with nothing reserved secures a loan."""
        self._leave_trade(receipt, next_state("pledge_receipt", receipt.state))
        receipt.pledge = pledge

    def release_pledge(self, receipt: LiveReceipt) -> None:
        """The pledge is over; a receipt that is held or has expired stays so."""
        assert receipt.pledge is not None
        state = next_state("release_pledge", receipt.state)
        receipt.pledge = None
        self._digest.changed[receipt.receipt_id] = None
        if receipt.beneath == "pledged":
            receipt.beneath = "issued"
        elif receipt.state == "pledged":
            self._return_to(receipt, state)

    def hold(self, receipt: LiveReceipt, hold: Hold) -> None:
        """Nothing is done with the receipt for one more cause; nothing of it is reserved any more."""
        assert all(each.cause != hold.cause for each in receipt.holds)
        state = next_state("hold_receipt", receipt.state)
        if receipt.state == "issued":
            self._leave_trade(receipt, state)
        elif receipt.state != "held":
            receipt.beneath = receipt.state
            receipt.state = state
        receipt.holds = (*receipt.holds, hold)
        self._digest.changed[receipt.receipt_id] = None

    def lift(self, receipt: LiveReceipt, cause: HoldCause) -> None:
        """The cause is gone; with the last one the receipt is what it was, or what has become of that."""
        state = next_state("lift_hold", receipt.state, receipt.beneath)
        left = tuple(hold for hold in receipt.holds if hold.cause != cause)
        assert len(left) == len(receipt.holds) - 1
        receipt.holds = left
        self._digest.changed[receipt.receipt_id] = None
        if not left:
            receipt.beneath = "issued"
            self._return_to(receipt, state)

    def replace(self, receipt: LiveReceipt, time_ns: int) -> LiveReceipt:
        """A lost receipt ends; a new one stands for the same goods, as pledged and as held as the old one was."""
        state = next_state("replace_receipt", receipt.state)
        stock = self._stocks[receipt.lot_id]
        new = self._make(
            receipt.lot_id,
            receipt.receipt_id,
            receipt.participant_id,
            receipt.weight_g,
            time_ns,
            receipt.storage_from_day,
        )
        new.pledge = receipt.pledge
        new.holds = tuple(hold for hold in receipt.holds if hold.cause != "loss")
        assert len(new.holds) == len(receipt.holds) - 1
        if new.holds:
            new.state = "held"
            new.beneath = receipt.beneath
        else:
            new.state = receipt.beneath
        self._add(new, stock)
        self._end(receipt, stock, state)
        return new

    def void(self, receipt: LiveReceipt) -> Stock:
        """A free receipt was issued in error: its goods are off the books."""
        state = next_state("void_receipt", receipt.state)
        stock = self._stocks[receipt.lot_id]
        stock.weight_g -= receipt.weight_g
        self._stock_digest.changed[receipt.lot_id] = None
        self._end(receipt, stock, state)
        return stock

    def charge_storage_from(self, receipt: LiveReceipt, day: int) -> None:
        """What storage cost up to this local day, the day not included, is settled."""
        receipt.storage_from_day = day
        self._digest.changed[receipt.receipt_id] = None

    # The life of a lot

    def shrink(self, stock: Stock, lost: Iterable[tuple[LiveReceipt, int]]) -> None:
        """Take grams off receipts of a lot; what they had reserved of them is free by now.

        A receipt that has lost its last gram is `void` and no longer live.
        """
        for receipt, lost_g in lost:
            if not lost_g:
                continue
            stock.weight_g -= lost_g
            stock.shrinkage_g += lost_g
            if lost_g == receipt.weight_g:
                receipt.weight_g = 0
                self._end(receipt, stock, "void", lost_g)
            else:
                self._reweigh(receipt, stock, receipt.weight_g - lost_g)
        self._stock_digest.changed[stock.lot_id] = None

    def grow(self, stock: Stock, found: Iterable[tuple[LiveReceipt, int]]) -> None:
        """Give receipts of a lot grams back that were recorded as lost."""
        for receipt, found_g in found:
            if found_g:
                stock.weight_g += found_g
                stock.shrinkage_g -= found_g
                self._reweigh(receipt, stock, receipt.weight_g + found_g)
        assert stock.shrinkage_g >= 0
        self._stock_digest.changed[stock.lot_id] = None

    def restage(self, stock: Stock, colour_stage: int) -> None:
        """What was found last of the lot's colour."""
        stock.colour_stage = colour_stage
        self._stock_digest.changed[stock.lot_id] = None

    def regrade(self, stock: Stock, symbol: str, colour_stage: int | None = None) -> list[LiveReceipt]:
        """All receipts of the lot, which are told, trade as another symbol; nothing of them is reserved.

        O(receipts of the lot, and of their holders in that symbol).
        """
        receipts = self.of_lot(stock.lot_id)
        for receipt in receipts:
            assert not receipt.reserved_g
            self._unseat(receipt, stock, receipt.weight_g)
        stock.symbol = symbol
        if colour_stage is not None:
            stock.colour_stage = colour_stage
        self._stock_digest.changed[stock.lot_id] = None
        for receipt in receipts:
            self._add(receipt, stock)
        for holder_id in dict.fromkeys(receipt.participant_id for receipt in receipts):
            holding = self._holdings[holder_id][symbol]
            holding.receipts = dict(sorted(holding.receipts.items()))
        return receipts

    def shorten(self, stock: Stock, expires_ns: int) -> bool:
        """Let a lot expire then if that is sooner; whether it is. Green life is never given back."""
        if expires_ns >= stock.expires_ns:
            return False
        stock.expires_ns = expires_ns
        self._stock_digest.changed[stock.lot_id] = None
        heappush(self._expiries, (expires_ns, stock.lot_id))
        return True

    def next_expiry_ns(self) -> int | None:
        """When the next lot expires. A lot that has left the warehouse is nobody's worry, nor is an end put forward."""
        expiries = self._expiries
        while expiries:
            expires_ns, lot_id = expiries[0]
            stock = self._stocks.get(lot_id)
            if stock is not None and stock.expires_ns == expires_ns:
                return expires_ns
            heappop(expiries)
        return None

    def expiring(self, time_ns: int) -> list[LiveReceipt]:
        """The receipts that this time ends, by expiry, then lot, then number; ask once only.

        What is ordered out is on its way, and does not expire.
        """
        found: list[LiveReceipt] = []
        while (expires_ns := self.next_expiry_ns()) is not None and expires_ns <= time_ns:
            _, lot_id = heappop(self._expiries)
            found.extend(receipt for receipt in self._of_lot[lot_id].values() if _may_expire(receipt))
        return found

    def expire(self, receipt: LiveReceipt) -> None:
        """Take a receipt whose green life is over out of trade; its orders have been cancelled.

        One that is held has expired once nothing holds it any more.
        """
        state = next_state("expiry", receipt.state)
        if receipt.state == "issued":
            self._leave_trade(receipt, state)
            return
        if receipt.state == "held":
            receipt.beneath = "expired"
        receipt.state = state
        self._digest.changed[receipt.receipt_id] = None

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
        """Put back what `state` gave, as it was at `now_ns`. O(n log n)."""
        for stock in stocks:
            self._stocks[stock.lot_id] = stock
            self._stock_digest.changed[stock.lot_id] = None
            self._of_lot[stock.lot_id] = {}
        # All keys first, then one sort each: to insert them one by one into a long holding took half of a start.
        for receipt in live:
            stock = self._stocks[receipt.lot_id]
            holding = self._seat(receipt, stock)
            if receipt.state == "issued" and receipt.weight_g - receipt.reserved_g >= GRAMS:
                holding.free.append((stock.harvest_day, receipt.receipt_id))
        for holdings in self._holdings.values():
            for holding in holdings.values():
                holding.free.sort()
        for stock in self._stocks.values():
            # A life may have been shortened to this moment, and is then still to end.
            if stock.expires_ns > now_ns or any(_may_expire(each) for each in self._of_lot[stock.lot_id].values()):
                self._expiries.append((stock.expires_ns, stock.lot_id))
        heapify(self._expiries)
        self.last_receipt_id = last_receipt_id

    def audit(self) -> None:
        """Assert that weights, stocks, holdings and the order of sale agree. O(receipts)."""
        assert not self.emptied
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
            self._audit_state(receipt)
            assert self._of_lot[receipt.lot_id][receipt_id] is receipt
            weights[receipt.lot_id] = weights.get(receipt.lot_id, 0) + receipt.weight_g
            if receipt.state == "issued":
                issued[stock.symbol] = issued.get(stock.symbol, 0) + 1
            holdings.setdefault((receipt.participant_id, stock.symbol), []).append(receipt)
        assert issued == self._issued
        assert weights == {lot_id: stock.weight_g for lot_id, stock in self._stocks.items()}
        for stock in self._stocks.values():
            assert stock.shrinkage_g >= 0
            assert stock.weight_g + stock.shrinkage_g <= stock.received_g
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
        holding = self._seat(receipt, stock)
        if receipt.state == "issued" and receipt.weight_g - receipt.reserved_g >= GRAMS:
            key = (stock.harvest_day, receipt.receipt_id)
            free = holding.free
            # Mostly it is the newest of the latest harvest.
            if not free or free[-1] < key:
                free.append(key)
            else:
                insort(free, key)

    def _seat(self, receipt: LiveReceipt, stock: Stock) -> Holding:
        """Enter a receipt into every index but the order of sale of its holding, which is returned."""
        receipt_id = receipt.receipt_id
        symbol = stock.symbol
        self._live[receipt_id] = receipt
        self._digest.changed[receipt_id] = None
        self._of_lot[receipt.lot_id][receipt_id] = receipt
        holdings = self._holdings.get(receipt.participant_id)
        if holdings is None:
            holdings = self._holdings[receipt.participant_id] = {}
        holding = holdings.get(symbol)
        if holding is None:
            holding = holdings[symbol] = Holding()
        holding.receipts[receipt_id] = receipt
        holding.total_g += receipt.weight_g
        if receipt.state == "issued":
            holding.reserved_g += receipt.reserved_g
            self._issued[symbol] = self._issued.get(symbol, 0) + 1
        else:
            holding.reserved_g += receipt.weight_g
        return holding

    def _audit_state(self, receipt: LiveReceipt) -> None:
        assert receipt.state in LIVE_STATES
        assert receipt.state == "issued" or not receipt.reserved_g
        assert (receipt.state == "held") == bool(receipt.holds)
        causes = [hold.cause for hold in receipt.holds]
        assert len(dict.fromkeys(causes)) == len(causes)
        under = receipt.beneath if receipt.state == "held" else receipt.state
        assert under in ("issued", "pledged", "delivery_ordered", "expired")
        assert receipt.state == "held" or receipt.beneath == "issued"
        assert under == "expired" or (receipt.pledge is not None) == (under == "pledged")

    def _make(
        self,
        lot_id: int,
        parent_receipt_id: int | None,
        participant_id: int,
        weight_g: int,
        time_ns: int,
        storage_from_day: int,
    ) -> LiveReceipt:
        """The next receipt, issued, in no index yet."""
        self.last_receipt_id = receipt_id = self.last_receipt_id + 1
        return LiveReceipt(
            receipt_id, lot_id, parent_receipt_id, participant_id, weight_g, 0, "issued", time_ns, storage_from_day
        )

    def _drop(self, receipt: LiveReceipt, stock: Stock) -> None:
        """Take a receipt that is no longer live, and counts in no sum any more, out of every index."""
        receipt_id = receipt.receipt_id
        del self._live[receipt_id]
        self._digest.changed[receipt_id] = None
        receipts = self._of_lot[receipt.lot_id]
        del receipts[receipt_id]
        if not receipts:
            del self._of_lot[receipt.lot_id]
            del self._stocks[receipt.lot_id]
            self._stock_digest.changed[receipt.lot_id] = None
            if stock.shrinkage_g:
                self.emptied.append(stock)
        self._leave_holding(receipt, stock)

    def _leave_holding(self, receipt: LiveReceipt, stock: Stock) -> None:
        holdings = self._holdings[receipt.participant_id]
        holding = holdings[stock.symbol]
        del holding.receipts[receipt.receipt_id]
        if not holding.receipts:
            del holdings[stock.symbol]
            if not holdings:
                del self._holdings[receipt.participant_id]

    def _end(self, receipt: LiveReceipt, stock: Stock, state: ReceiptState, weight_g: int | None = None) -> None:
        """A receipt with nothing reserved is no longer live; `weight_g` is what it weighed, if it says so no more."""
        assert not receipt.reserved_g
        self._uncount(receipt, stock, receipt.weight_g if weight_g is None else weight_g)
        receipt.state = state
        self._drop(receipt, stock)

    def _unseat(self, receipt: LiveReceipt, stock: Stock, weight_g: int) -> None:
        """Take a live receipt out of its holder's holding alone."""
        self._uncount(receipt, stock, weight_g)
        self._leave_holding(receipt, stock)

    def _uncount(self, receipt: LiveReceipt, stock: Stock, weight_g: int) -> None:
        """Take a receipt that weighed so much, with nothing reserved, out of its holding's sums and out of trade."""
        holding = self._holdings[receipt.participant_id][stock.symbol]
        holding.total_g -= weight_g
        if receipt.state == "issued":
            if weight_g >= GRAMS:
                _remove(holding.free, (stock.harvest_day, receipt.receipt_id))
            self._count_out(stock.symbol)
        else:
            holding.reserved_g -= weight_g

    def _reweigh(self, receipt: LiveReceipt, stock: Stock, weight_g: int) -> None:
        """A live receipt stands for another weight, not below what is reserved of it."""
        assert weight_g >= receipt.reserved_g
        holding = self._holdings[receipt.participant_id][stock.symbol]
        change_g = weight_g - receipt.weight_g
        holding.total_g += change_g
        if receipt.state == "issued":
            was_free = receipt.weight_g - receipt.reserved_g >= GRAMS
            is_free = weight_g - receipt.reserved_g >= GRAMS
            key = (stock.harvest_day, receipt.receipt_id)
            if is_free and not was_free:
                insort(holding.free, key)
            elif was_free and not is_free:
                _remove(holding.free, key)
        else:
            holding.reserved_g += change_g
        receipt.weight_g = weight_g
        self._digest.changed[receipt.receipt_id] = None

    def _leave_trade(self, receipt: LiveReceipt, state: ReceiptState) -> None:
        """An issued receipt with nothing reserved cannot be sold any more."""
        assert receipt.state == "issued"
        assert not receipt.reserved_g
        stock = self._stocks[receipt.lot_id]
        holding = self._holdings[receipt.participant_id][stock.symbol]
        if receipt.weight_g >= GRAMS:
            _remove(holding.free, (stock.harvest_day, receipt.receipt_id))
        holding.reserved_g += receipt.weight_g
        receipt.state = state
        self._digest.changed[receipt.receipt_id] = None
        self._count_out(stock.symbol)

    def _return_to(self, receipt: LiveReceipt, state: ReceiptState) -> None:
        """A receipt that was not to be sold is in that state now; where it is `issued` it can be sold again."""
        receipt.state = state
        if state != "issued":
            return
        stock = self._stocks[receipt.lot_id]
        holding = self._holdings[receipt.participant_id][stock.symbol]
        holding.reserved_g -= receipt.weight_g
        if receipt.weight_g >= GRAMS:
            insort(holding.free, (stock.harvest_day, receipt.receipt_id))
        self._issued[stock.symbol] = self._issued.get(stock.symbol, 0) + 1

    def _count_out(self, symbol: str) -> None:
        left = self._issued[symbol] - 1
        if left:
            self._issued[symbol] = left
        else:
            del self._issued[symbol]


def _may_expire(receipt: LiveReceipt) -> bool:
    return (receipt.beneath if receipt.state == "held" else receipt.state) in ("issued", "pledged")


def _remove(keys: list[tuple[int, int]], key: tuple[int, int]) -> None:
    at = bisect_left(keys, key)
    assert keys[at] == key
    del keys[at]
