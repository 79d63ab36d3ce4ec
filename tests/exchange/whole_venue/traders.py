"""What traders do: orders in the book, listings, auctions, agreed trades."""

from typing import Any

from matching.messages import (
    AcceptCounter,
    AmendOrder,
    CancelOrder,
    DeclineReport,
    MassCancel,
    WithdrawAuction,
    WithdrawCounter,
    WithdrawListing,
    WithdrawReport,
)
from settlement.messages import (
    EnterAuction,
    EnterBid,
    EnterConfirmation,
    EnterCounter,
    EnterListing,
    EnterOrder,
    EnterReport,
    EnterTake,
    ExecutionReport,
    Receipt,
)
from tests.exchange.whole_venue.crowd import HOUR_NS, MINUTE_NS, Chance, Group


class Traders:
    def __init__(self, chance: Chance) -> None:
        self.chance = chance

    def groups(self) -> list[Group]:
        return [
            Group(
                "book", [(9, self.order), (4, self.cross), (1.5, self.amend), (1, self.cancel), (0.3, self.cancel_all)]
            ),
            Group(
                "listings",
                [(4, self.list_lot), (8, self.take), (4, self.counter), (3, self.accept), (1.2, self.withdraw_offer)],
            ),
            Group("auctions", [(3, self.auction), (8, self.bid), (0.5, self.withdraw_auction)]),
            Group("agreed", [(3, self.report), (6, self.confirm), (0.6, self.withdraw_report), (0.6, self.decline)]),
        ]

    # Finding

    def live(self, *ways: str) -> list[ExecutionReport]:
        return [report for report in self.chance.books.orders.live.values() if report.via in ways]

    def goods(self, *modes: str) -> Receipt | None:
        """A receipt with something free in an instrument of such a mode."""
        chance = self.chance
        held = chance.books.orders.held()
        return chance.one(
            [
                receipt
                for receipt in chance.books.store.receipts.values()
                if receipt.state == "issued"
                and receipt.weight_g >= 1_000 * (held.get(receipt.receipt_id, 0) + 1)
                and chance.mode_of(receipt.symbol) in modes
                and (chance.open(receipt.symbol) or chance.likely(3))
            ]
        )

    def quantity(self, receipt: Receipt | None = None) -> int:
        """Kilograms, often all that there is."""
        chance = self.chance
        if receipt is not None:
            free = receipt.weight_g // 1_000 - chance.books.orders.held().get(receipt.receipt_id, 0)
            return max(1, free if chance.likely(30) else chance.between(1, min(free, 12)))
        return chance.between(1, 12)

    def seller(self, symbol: str, buyer_id: int) -> tuple[int, int | None] | None:
        """(who, his receipt): someone else who could sell of it; now and then somebody who cannot."""
        chance = self.chance
        if chance.likely(3):
            return chance.trader(), chance.pick(None, 1)
        found = chance.one(
            [
                receipt
                for receipt in chance.books.store.receipts.values()
                if receipt.symbol == symbol
                and receipt.state == "issued"
                and receipt.weight_g >= 1_000
                and (receipt.participant_id != buyer_id or chance.likely(5))
            ]
        )
        return None if found is None else (found.participant_id, found.receipt_id)

    def another(self, participant_id: int) -> int:
        """A trader, hardly ever himself."""
        chance = self.chance
        drawn = chance.trader()
        return drawn if drawn != participant_id or chance.likely(5) else chance.trader()

    def price(self) -> int:
        return self.chance.between(96, 104)

    def expiry(self) -> int:
        return self.chance.now_ns + self.chance.pick(MINUTE_NS, HOUR_NS, 5 * HOUR_NS, 30 * HOUR_NS, 700 * HOUR_NS)

    # The book

    def order(self) -> Any:
        chance = self.chance
        receipt = self.goods("continuous", "call_auction")
        sells = receipt is not None and chance.likely(50)
        if receipt is not None and chance.likely(80):
            symbol = receipt.symbol
        else:
            found = chance.symbol("continuous", "call_auction")
            if found is None:
                return None
            symbol = found
            sells = False
        kind = chance.pick(*["limit"] * 9, "market", "market", "stop", "stop", "stop_limit")
        fields: dict[str, Any] = {"kind": kind}
        if kind in ("limit", "stop_limit"):
            fields["price"] = self.price()
        if kind in ("stop", "stop_limit"):
            fields["stop_price"] = self.price()
        if chance.likely(30):
            fields["time_in_force"] = chance.pick("day", "gtd", "ioc", "fok", "opening", "closing")
            if fields["time_in_force"] == "gtd":
                fields["expires_ns"] = self.expiry()
        if chance.likely(12):
            fields["display_quantity"] = chance.pick(1, 2, 3)
        if chance.likely(5):
            fields["minimum_quantity"] = chance.pick(1, 2)
        fields["post_only"] = chance.likely(4)
        fields["self_trade"] = chance.pick("cancel_resting", "cancel_incoming", "cancel_both", "decrement")
        if sells and receipt is not None:
            quantity = self.quantity(receipt)
            if chance.likely(30):
                mine = [each.receipt_id for each in chance.books.store.of(receipt.participant_id)]
                fields["lots"] = tuple(chance.random.sample(mine, min(len(mine), chance.between(1, 3))))
        else:
            quantity = self.quantity()
        who = receipt.participant_id if sells and receipt is not None else chance.trader()
        return EnterOrder(
            participant_id=who,
            client_order_id=chance.name("order"),
            symbol=symbol,
            side="sell" if sells else "buy",
            quantity=quantity,
            **fields,
        )

    def cross(self) -> Any:
        """Take what rests."""
        chance = self.chance
        resting = chance.one([report for report in self.live("order") if report.price is not None])
        if resting is None:
            return None
        buys = resting.side == "sell"
        seller = None if buys else self.seller(resting.symbol, resting.participant_id)
        if not buys and seller is None:
            return None
        return EnterOrder(
            participant_id=self.another(resting.participant_id) if seller is None else seller[0],
            client_order_id=chance.name("order"),
            symbol=resting.symbol,
            side="buy" if buys else "sell",
            quantity=min(resting.remaining, 12) if chance.likely(60) else self.quantity(),
            price=resting.price,
        )

    def amend(self) -> Any:
        chance = self.chance
        order = chance.one(self.live("order"))
        if order is None:
            return None
        return AmendOrder(
            order.order_id,
            order.participant_id,
            chance.pick(None, order.quantity + 1, max(1, order.quantity - 1), chance.between(1, 15)),
            chance.pick(None, None, self.price()),
            chance.pick(None, None, None, 1, 4),
        )

    def cancel(self) -> Any:
        order = self.chance.one(self.live("order", "order", "listing", "counter", "auction", "bid", "report"))
        return None if order is None else CancelOrder(order.order_id, order.participant_id)

    def cancel_all(self) -> Any:
        chance = self.chance
        symbol = chance.one([None, *chance.engine.market.symbols()])
        return MassCancel(chance.trader(), symbol, chance.pick(None, "buy", "sell"))

    # Listings

    def list_lot(self) -> Any:
        chance = self.chance
        receipt = self.goods("listing")
        symbol = chance.symbol("listing")
        if symbol is None:
            return None
        wants = receipt is None or chance.likely(30)
        return EnterListing(
            participant_id=chance.trader() if wants or receipt is None else receipt.participant_id,
            client_order_id=chance.name("listing"),
            symbol=symbol if wants or receipt is None else receipt.symbol,
            side="buy" if wants else "sell",
            quantity=self.quantity(None if wants else receipt),
            price=self.price(),
            receipt_id=None if wants or receipt is None else receipt.receipt_id,
            minimum_quantity=chance.pick(None, None, 1, 2),
            expires_ns=chance.pick(None, None, self.expiry()),
        )

    def take(self) -> Any:
        chance = self.chance
        listing = chance.one(self.live("listing"))
        if listing is None:
            return None
        offered = self.answer(listing)
        if offered is None:
            return None
        who, receipt_id = offered
        return EnterTake(
            participant_id=who,
            client_order_id=chance.name("take"),
            listing_id=listing.order_id,
            quantity=listing.remaining if chance.likely(40) else chance.between(1, listing.remaining),
            receipt_id=receipt_id,
        )

    def answer(self, offer: ExecutionReport) -> tuple[int, int | None] | None:
        """Who answers an offer, and with which receipt where he sells."""
        if offer.side == "buy":
            return self.seller(offer.symbol, offer.participant_id)
        return self.another(offer.participant_id), None

    def counter(self) -> Any:
        chance = self.chance
        listing = chance.one(self.live("listing"))
        if listing is None:
            return None
        offered = self.answer(listing)
        if offered is None:
            return None
        who, receipt_id = offered
        return EnterCounter(
            participant_id=who,
            client_order_id=chance.name("counter"),
            listing_id=listing.order_id,
            quantity=chance.between(1, listing.remaining + 1),
            price=self.price(),
            receipt_id=receipt_id,
            expires_ns=chance.pick(None, None, self.expiry()),
        )

    def accept(self) -> Any:
        chance = self.chance
        counter = chance.one(self.live("counter"))
        if counter is None or counter.offer_id is None:
            return None
        lister_id = chance.books.orders.live[counter.offer_id].participant_id
        return AcceptCounter(counter.order_id, counter.participant_id if chance.likely(8) else lister_id)

    def withdraw_offer(self) -> Any:
        offer = self.chance.one(self.live(self.chance.pick("listing", "counter")))
        if offer is None:
            return None
        command = WithdrawListing if offer.via == "listing" else WithdrawCounter
        return command(offer.order_id, offer.participant_id)

    # Auctions

    def auction(self) -> Any:
        chance = self.chance
        receipt = self.goods("one_way_auction")
        symbol = chance.symbol("one_way_auction")
        if symbol is None:
            return None
        wants = receipt is None or chance.likely(30)
        style: Any = chance.pick("english", "english", "dutch")
        return EnterAuction(
            participant_id=chance.trader() if wants or receipt is None else receipt.participant_id,
            client_order_id=chance.name("auction"),
            symbol=symbol if wants or receipt is None else receipt.symbol,
            side="buy" if wants else "sell",
            quantity=self.quantity(None if wants else receipt),
            receipt_id=None if wants or receipt is None else receipt.receipt_id,
            style=style,
            start_price=self.price(),
            reserve_price=chance.pick(None, None, 96, 100, 104),
            step=chance.pick(1, 2),
            ends_ns=chance.now_ns + chance.pick(1, 4, 30) * HOUR_NS,
            extension_ns=chance.pick(0, HOUR_NS, 60 * HOUR_NS) if style == "english" else 0,
            interval_ns=HOUR_NS if style == "dutch" else None,
        )

    def bid(self) -> Any:
        chance = self.chance
        auction = chance.one(self.live("auction"))
        if auction is None:
            return None
        view = chance.engine.market.auction(auction.order_id)
        if view is None:
            return None
        offered = self.answer(auction)
        if offered is None:
            return None
        who, receipt_id = offered
        upwards = -1 if auction.side == "buy" else 1
        asked = view.start_price if view.price is None else view.price + upwards * view.step * (view.style != "dutch")
        price = asked + upwards * chance.pick(0, 0, 1, 3, -1)
        return EnterBid(
            participant_id=who,
            client_order_id=chance.name("bid"),
            auction_id=auction.order_id,
            price=None if view.style == "dutch" and chance.likely(50) else price,
            receipt_id=receipt_id,
        )

    def withdraw_auction(self) -> Any:
        auction = self.chance.one(self.live("auction"))
        return None if auction is None else WithdrawAuction(auction.order_id, auction.participant_id)

    # Agreed trades

    def report(self) -> Any:
        chance = self.chance
        receipt = self.goods("negotiated")
        symbol = chance.symbol("negotiated")
        if symbol is None:
            return None
        if receipt is None and chance.likely(90):
            return None
        sells = receipt is not None and chance.likely(60)
        if receipt is not None:
            symbol = receipt.symbol
        seller_id = chance.trader() if receipt is None else receipt.participant_id
        buyer_id = self.another(seller_id)
        return EnterReport(
            participant_id=seller_id if sells else buyer_id,
            client_order_id=chance.name("report"),
            counterparty_id=buyer_id if sells else seller_id,
            symbol=symbol,
            side="sell" if sells else "buy",
            quantity=self.quantity(receipt),
            price=self.price(),
            receipt_id=receipt.receipt_id if sells and receipt is not None and chance.likely(50) else None,
            expires_ns=self.expiry(),
        )

    def confirm(self) -> Any:
        chance = self.chance
        report = chance.one(self.live("report"))
        if report is None:
            return None
        view = chance.engine.market.report(report.order_id)
        if view is None:
            return None
        receipt_id = None
        if report.side == "buy" and chance.likely(40):
            mine = [each for each in chance.books.store.of(view.counterparty_id) if each.symbol == report.symbol]
            receipt = chance.one(mine)
            receipt_id = None if receipt is None else receipt.receipt_id
        return EnterConfirmation(
            participant_id=view.counterparty_id,
            client_order_id=chance.name("confirmation"),
            report_id=report.order_id,
            receipt_id=receipt_id,
        )

    def withdraw_report(self) -> Any:
        report = self.chance.one(self.live("report"))
        return None if report is None else WithdrawReport(report.order_id, report.participant_id)

    def decline(self) -> Any:
        report = self.chance.one(self.live("report"))
        view = None if report is None else self.chance.engine.market.report(report.order_id)
        return None if view is None else DeclineReport(view.report_id, view.counterparty_id)
