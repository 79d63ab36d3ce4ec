"""Trading without a book: what the venue's commands become for clearing (an order that reserves) and for matching.

    settlement.messages         matching.messages     clearing: `via`    reserves, for a seller / a buyer
    enter_listing               list_lot              listing            kilograms of one receipt / price × quantity
    enter_take                  take_listing          take               the same, for as long as the command lasts
    enter_counter               counter_bid           counter            the same, while it stands
    enter_auction               open_auction          auction            kilograms / the highest price it can come to
    enter_bid                   bid                   bid                kilograms / its price, while it leads
    enter_report                report_trade          report             kilograms of any receipts / price × quantity
    enter_confirmation          confirm_trade         confirmation       the same, for as long as the command lasts

Matching's `lot_id`, which it never looks into, is the number of the seller's receipt here. A trade settles at once, as
one of the book does, unless the venue has contracts: then earnest money is reserved in place of the price, by both.
"""

from typing import Any, Final, NamedTuple, assert_never

from matching import Market
from matching.messages import (
    AuctionRejected,
    Bid,
    BidRejected,
    ConfirmRejected,
    ConfirmTrade,
    CounterBid,
    CounterRejected,
    ListingRejected,
    ListLot,
    OpenAuction,
    ReportRejected,
    ReportTrade,
    Side,
    TakeListing,
    TakeRejected,
    TimeInForce,
    WithdrawAuction,
    WithdrawCounter,
    WithdrawListing,
    WithdrawReport,
)
from settlement.clearing import Order
from settlement.messages import (
    ConfigureVenue,
    EnterAuction,
    EnterBid,
    EnterConfirmation,
    EnterCounter,
    EnterListing,
    EnterOffer,
    EnterReport,
    EnterTake,
    Via,
)
from settlement.participants import Participants

OTHER_SIDE: Final[dict[Side, Side]] = {"buy": "sell", "sell": "buy"}

WITHDRAWALS: Final[dict[Via, Any]] = {
    "listing": WithdrawListing,
    "counter": WithdrawCounter,
    "auction": WithdrawAuction,
    "report": WithdrawReport,
}
"""How an owner takes back what stands. A bid that leads cannot be, and nothing else stands."""

REJECTIONS: Final[dict[type, Any]] = {
    ListLot: ListingRejected,
    TakeListing: TakeRejected,
    CounterBid: CounterRejected,
    OpenAuction: AuctionRejected,
    Bid: BidRejected,
    ReportTrade: ReportRejected,
    ConfirmTrade: ConfirmRejected,
}


class Unknown(NamedTuple):
    """What a command answers or names is not there, or is nothing to him: there is nothing to give a number to."""

    reason: str
    field: str


class Draft(NamedTuple):
    """An order that reserves nothing yet, and what to tell the market."""

    order: Order
    said: Any


def draft(
    command: EnterOffer, order_id: int, market: Market, venue: ConfigureVenue, participants: Participants
) -> Draft | Unknown:
    """The command as clearing and matching take it.

    `Unknown`: `unknown_listing`, `unknown_auction`, `unknown_report`, `unknown_participant` (the counterparty). O(1).
    """
    match command:
        case EnterListing():
            return _listing(command, order_id, venue)
        case EnterTake():
            return _take(command, order_id, market, venue)
        case EnterCounter():
            return _counter(command, order_id, market, venue)
        case EnterAuction():
            return _auction(command, order_id, market, venue)
        case EnterBid():
            return _bid(command, order_id, market, venue)
        case EnterReport():
            return _report(command, order_id, venue, participants)
        case EnterConfirmation():
            return _confirmation(command, order_id, market, venue)
    assert_never(command)


def reason_here(reason: str) -> str:
    """Matching's reason in the words of the venue's commands, where a lot is named by its receipt."""
    return "invalid_receipt_id" if reason == "invalid_lot_id" else reason


def rejection(said: Any, reason: str) -> Any:
    """The event that refuses what would have been said to the market."""
    return REJECTIONS[type(said)](getattr(said, said.__struct_fields__[0]), reason)


def _listing(command: EnterListing, order_id: int, venue: ConfigureVenue) -> Draft:
    order = _order(
        command,
        order_id,
        venue,
        "listing",
        symbol=command.symbol,
        side=command.side,
        quantity=command.quantity,
        price=command.price,
        time_in_force="day" if command.expires_ns is None else "gtd",
        expires_ns=command.expires_ns,
    )
    order.minimum_quantity = command.minimum_quantity
    said = ListLot(
        listing_id=order_id,
        participant_id=command.participant_id,
        symbol=command.symbol,
        side=command.side,
        quantity=command.quantity,
        price=command.price,
        lot_id=command.receipt_id,
        minimum_quantity=command.minimum_quantity,
        expires_ns=command.expires_ns,
    )
    return Draft(order, said)


def _take(command: EnterTake, order_id: int, market: Market, venue: ConfigureVenue) -> Draft | Unknown:
    listing = market.listing(command.listing_id)
    if listing is None:
        return Unknown("unknown_listing", "listing_id")
    order = _order(
        command,
        order_id,
        venue,
        "take",
        symbol=listing.symbol,
        side=OTHER_SIDE[listing.side],
        quantity=command.quantity,
        price=listing.price,
        time_in_force="fok",
        offer_id=listing.listing_id,
    )
    said = TakeListing(order_id, listing.listing_id, command.participant_id, command.quantity, command.receipt_id)
    return Draft(order, said)


def _counter(command: EnterCounter, order_id: int, market: Market, venue: ConfigureVenue) -> Draft | Unknown:
    listing = market.listing(command.listing_id)
    if listing is None:
        return Unknown("unknown_listing", "listing_id")
    order = _order(
        command,
        order_id,
        venue,
        "counter",
        symbol=listing.symbol,
        side=OTHER_SIDE[listing.side],
        quantity=command.quantity,
        price=command.price,
        time_in_force="gtc" if command.expires_ns is None else "gtd",
        expires_ns=command.expires_ns,
        offer_id=listing.listing_id,
    )
    said = CounterBid(
        order_id,
        listing.listing_id,
        command.participant_id,
        command.quantity,
        command.price,
        command.receipt_id,
        command.expires_ns,
    )
    return Draft(order, said)


def _auction(command: EnterAuction, order_id: int, market: Market, venue: ConfigureVenue) -> Draft:
    order = _order(
        command,
        order_id,
        venue,
        "auction",
        symbol=command.symbol,
        side=command.side,
        quantity=command.quantity,
        price=command.start_price,
        time_in_force="gtd",
        expires_ns=command.ends_ns,
    )
    if command.side == "buy" and command.style == "dutch":
        order.bound = _highest(command, market)
    said = OpenAuction(
        auction_id=order_id,
        participant_id=command.participant_id,
        symbol=command.symbol,
        side=command.side,
        quantity=command.quantity,
        lot_id=command.receipt_id,
        style=command.style,
        start_price=command.start_price,
        reserve_price=command.reserve_price,
        step=command.step,
        ends_ns=command.ends_ns,
        extension_ns=command.extension_ns,
        interval_ns=command.interval_ns,
    )
    return Draft(order, said)


def _highest(command: EnterAuction, market: Market) -> int:
    """What a buyer's clock can rise to: as far as its time, its reserve and the band let it.

    A bid bids at the end at the latest. Without a sensible interval the market has its own reason to refuse it.
    """
    interval_ns = command.interval_ns or 0
    steps = (command.ends_ns - market.now_ns) // interval_ns if interval_ns > 0 else 0
    prices = [command.start_price + command.step * max(steps, 0)]
    if command.reserve_price is not None:
        prices.append(command.reserve_price)
    instrument = market.instrument(command.symbol)
    if instrument is not None and instrument.band is not None and instrument.reference_price is not None:
        prices.append(instrument.reference_price + instrument.band * instrument.tick_size)
    return min(prices)


def _bid(command: EnterBid, order_id: int, market: Market, venue: ConfigureVenue) -> Draft | Unknown:
    auction = market.auction(command.auction_id)
    if auction is None:
        return Unknown("unknown_auction", "auction_id")
    dutch = auction.style == "dutch"
    order = _order(
        command,
        order_id,
        venue,
        "bid",
        symbol=auction.symbol,
        side=OTHER_SIDE[auction.side],
        quantity=auction.quantity,
        price=auction.price if dutch and command.price is None else command.price,
        time_in_force="fok" if dutch else "gtc",
        offer_id=auction.auction_id,
    )
    if dutch:
        order.bound = auction.price
    said = Bid(order_id, auction.auction_id, command.participant_id, command.price, command.receipt_id)
    return Draft(order, said)


def _report(command: EnterReport, order_id: int, venue: ConfigureVenue, participants: Participants) -> Draft | Unknown:
    if command.counterparty_id not in participants:
        return Unknown("unknown_participant", "counterparty_id")
    order = _order(
        command,
        order_id,
        venue,
        "report",
        symbol=command.symbol,
        side=command.side,
        quantity=command.quantity,
        price=command.price,
        time_in_force="gtd",
        expires_ns=command.expires_ns,
    )
    said = ReportTrade(
        report_id=order_id,
        participant_id=command.participant_id,
        counterparty_id=command.counterparty_id,
        symbol=command.symbol,
        side=command.side,
        quantity=command.quantity,
        price=command.price,
        lot_id=command.receipt_id,
        expires_ns=command.expires_ns,
    )
    return Draft(order, said)


def _confirmation(command: EnterConfirmation, order_id: int, market: Market, venue: ConfigureVenue) -> Draft | Unknown:
    report = market.report(command.report_id)
    if report is None or command.participant_id not in (report.participant_id, report.counterparty_id):
        return Unknown("unknown_report", "report_id")
    order = _order(
        command,
        order_id,
        venue,
        "confirmation",
        symbol=report.symbol,
        side=OTHER_SIDE[report.side],
        quantity=report.quantity,
        price=report.price,
        time_in_force="fok",
        offer_id=report.report_id,
    )
    return Draft(order, ConfirmTrade(order_id, report.report_id, command.participant_id))


def _order(
    command: EnterOffer,
    order_id: int,
    venue: ConfigureVenue,
    via: Via,
    *,
    symbol: str,
    side: Side,
    quantity: int,
    price: int | None,
    time_in_force: TimeInForce,
    expires_ns: int | None = None,
    offer_id: int | None = None,
) -> Order:
    """What clearing keeps of it; the money is bounded by its price unless the caller knows better."""
    receipt_id = command.receipt_id
    return Order(
        order_id=order_id,
        client_order_id=command.client_order_id,
        participant_id=command.participant_id,
        symbol=symbol,
        side=side,
        kind="limit",
        price=price,
        stop_price=None,
        quantity=quantity,
        time_in_force=time_in_force,
        expires_ns=expires_ns,
        display_quantity=None,
        minimum_quantity=None,
        post_only=False,
        named=None if receipt_id is None else (receipt_id,),
        fee_rate_ppm=venue.fee_rate_ppm,
        fee_taker_rate_ppm=venue.taker_rate_ppm,
        fee_minimum_fen=venue.fee_minimum_fen,
        bound=price,
        lots=[],
        plain=False,
        via=via,
        offer_id=offer_id,
    )
