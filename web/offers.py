"""Trading without a book over HTTP: listings and counter-bids, one-way auctions, reported trades.

Whatever is entered is answered like an order, and is one in `/orders` and `/fills`: `via` tells the way. What stands is
read from the engine, and names nobody but the parties of a report.
"""

from typing import Annotated

from litestar import Response, delete, get, post
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from matching.messages import (
    DeclineReport,
    Side,
    Style,
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
    EnterReport,
    EnterTake,
)
from web.account_views import Order
from web.bodies import Answer, Body, Cursor, Integer, Limit, MinSequence, PositiveInteger, ShortText, TimeNs
from web.context import SignedIn, gateway_of, services, without_fields
from web.errors import NotFound, problems
from web.trading import SymbolFilter, may_trade
from web.views import Items, is_id, live, page_of

Name = Annotated[ShortText, Meta(description="Your name for it: sent again, it is not done again.")]
ReceiptId = Annotated[Integer, Meta(description="Who sells: the receipt to be delivered from.")]


class NewListing(Body, frozen=True):
    """A lot at a price, or a want (`buy`). Without `expires_ns` it is good until its instrument closes."""

    client_order_id: Name
    symbol: ShortText
    quantity: Integer
    price: Integer
    side: Side = "sell"
    receipt_id: ReceiptId | None = None
    minimum_quantity: Annotated[Integer, Meta(description="Takes are not smaller, but for the last.")] | None = None
    expires_ns: TimeNs | None = None


class NewTake(Body, frozen=True):
    client_order_id: Name
    quantity: Integer
    receipt_id: ReceiptId | None = None


class NewCounter(Body, frozen=True):
    """Another price for a listing, which its lister may accept."""

    client_order_id: Name
    quantity: Integer
    price: Integer
    receipt_id: ReceiptId | None = None
    expires_ns: TimeNs | None = None


class NewAuction(Body, frozen=True):
    """`english`: bids improve by `step`. `dutch`: the clock's price gets worse by `step` each `interval_ns`."""

    client_order_id: Name
    symbol: ShortText
    quantity: Integer
    style: Style
    start_price: Integer
    step: Integer
    ends_ns: TimeNs
    side: Side = "sell"
    receipt_id: ReceiptId | None = None
    reserve_price: Annotated[Integer, Meta(description="Not shown to anybody.")] | None = None
    extension_ns: TimeNs = 0
    interval_ns: TimeNs | None = None


class NewBid(Body, frozen=True):
    client_order_id: Name
    price: Annotated[Integer, Meta(description="May be left out where a clock runs.")] | None = None
    receipt_id: ReceiptId | None = None


class NewReport(Body, frozen=True):
    """A trade agreed on with the counterparty; `side` is the reporter's."""

    client_order_id: Name
    counterparty_id: PositiveInteger
    symbol: ShortText
    side: Side
    quantity: Integer
    price: Integer
    expires_ns: TimeNs
    receipt_id: ReceiptId | None = None


class NewConfirmation(Body, frozen=True):
    client_order_id: Name
    receipt_id: ReceiptId | None = None


class Counter(Answer, frozen=True):
    counter_id: int
    quantity: int
    price: int
    expires_ns: int | None
    mine: bool


class Listing(Answer, frozen=True):
    """`remaining` kilograms can still be taken, at `price`."""

    listing_id: int
    symbol: str
    side: Side
    quantity: int
    remaining: int
    price: int
    receipt_id: int | None
    minimum_quantity: int | None
    expires_ns: int | None
    counters: list[Counter]
    mine: bool


class Auction(Answer, frozen=True):
    """`price` is the leading bid's, or what the clock shows; `leading` says that the bid is your own."""

    auction_id: int
    symbol: str
    side: Side
    quantity: int
    receipt_id: int | None
    style: Style
    start_price: int
    step: int
    opened_ns: int
    ends_ns: int
    extension_ns: int
    interval_ns: int | None
    price: int | None
    leading: bool
    mine: bool


class Report(Answer, frozen=True):
    """A trade that its counterparty has not answered; `side` is the reporter's."""

    report_id: int
    participant_id: int
    counterparty_id: int
    symbol: str
    side: Side
    quantity: int
    price: int
    receipt_id: int | None
    expires_ns: int
    mine: bool


# Listings


@post("/listings", tags=["offers"], summary="List", guards=[may_trade], responses=problems(401, 403, 409, 413, 415))
async def list_lot(request: SignedIn, data: JSONBody[NewListing]) -> Response[Order]:
    """201 and 200 as for an order. The goods of a lot, the money of a want, are reserved while it stands."""
    status, order = await services(request).desk.enter(
        EnterListing(
            participant_id=request.user.participant_id,
            client_order_id=data.client_order_id,
            symbol=data.symbol,
            side=data.side,
            quantity=data.quantity,
            price=data.price,
            receipt_id=data.receipt_id,
            minimum_quantity=data.minimum_quantity,
            expires_ns=data.expires_ns,
        )
    )
    return Response(order, status_code=status)


@get("/listings", tags=["offers"], summary="Listings", responses=problems(401))
async def read_listings(
    request: SignedIn,
    symbol: SymbolFilter = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_sequence: MinSequence = None,
) -> Items[Listing]:
    """What can be taken, the newest first, with the counter-bids that stand."""
    gateway = gateway_of(request)
    me = request.user.participant_id
    sequence = await live(gateway, min_sequence)
    shown, following = page_of(gateway.listings(symbol), lambda each: each.listing_id, cursor, limit)
    items = [
        Listing(
            listing_id=each.listing_id,
            symbol=each.symbol,
            side=each.side,
            quantity=each.quantity,
            remaining=each.remaining,
            price=each.price,
            receipt_id=each.lot_id,
            minimum_quantity=each.minimum_quantity,
            expires_ns=each.expires_ns,
            counters=[
                Counter(bid.counter_id, bid.quantity, bid.price, bid.expires_ns, bid.participant_id == me)
                for bid in gateway.counters(each.listing_id)
            ],
            mine=each.participant_id == me,
        )
        for each in shown
    ]
    return Items(items=items, next=following, sequence=sequence)


@post(
    "/listings/{listing_id:int}/takes",
    tags=["offers"],
    summary="Take of a listing",
    guards=[may_trade],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def take_listing(request: SignedIn, listing_id: FromPath[int], data: JSONBody[NewTake]) -> Response[Order]:
    """At the listing's price, whole or nothing. Who takes a want names the receipt that he delivers from."""
    _known(listing_id, "unknown_listing")
    status, order = await services(request).desk.enter(
        EnterTake(
            participant_id=request.user.participant_id,
            client_order_id=data.client_order_id,
            listing_id=listing_id,
            quantity=data.quantity,
            receipt_id=data.receipt_id,
        )
    )
    return Response(order, status_code=status)


@post(
    "/listings/{listing_id:int}/counters",
    tags=["offers"],
    summary="Answer a listing with another price",
    guards=[may_trade],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def counter_bid(request: SignedIn, listing_id: FromPath[int], data: JSONBody[NewCounter]) -> Response[Order]:
    """It stands, with money or goods reserved, until it is accepted, withdrawn or the listing ends."""
    _known(listing_id, "unknown_listing")
    status, order = await services(request).desk.enter(
        EnterCounter(
            participant_id=request.user.participant_id,
            client_order_id=data.client_order_id,
            listing_id=listing_id,
            quantity=data.quantity,
            price=data.price,
            receipt_id=data.receipt_id,
            expires_ns=data.expires_ns,
        )
    )
    return Response(order, status_code=status)


@post(
    "/counters/{counter_id:int}/acceptance",
    tags=["offers"],
    summary="Accept a counter-bid",
    status_code=200,
    guards=[may_trade, without_fields],
    responses=problems(401, 403, 404, 409),
)
async def accept_counter(request: SignedIn, counter_id: FromPath[int]) -> Order:
    """Your listing, after the trade at the counter-bid's price for the smaller of both quantities."""
    return await services(request).desk.accept(request.user.participant_id, counter_id)


@delete(
    "/listings/{listing_id:int}",
    tags=["offers"],
    summary="Withdraw a listing",
    status_code=200,
    guards=[may_trade],
    responses=problems(401, 403, 404),
)
async def withdraw_listing(request: SignedIn, listing_id: FromPath[int]) -> Order:
    """The listing as it ended; its counter-bids end with it."""
    _known(listing_id, "unknown_listing")
    command = WithdrawListing(listing_id, request.user.participant_id)
    return await services(request).desk.withdraw(command, listing_id)


@delete(
    "/counters/{counter_id:int}",
    tags=["offers"],
    summary="Withdraw a counter-bid",
    status_code=200,
    guards=[may_trade],
    responses=problems(401, 403, 404),
)
async def withdraw_counter(request: SignedIn, counter_id: FromPath[int]) -> Order:
    """The counter-bid as it ended."""
    _known(counter_id, "unknown_counter")
    command = WithdrawCounter(counter_id, request.user.participant_id)
    return await services(request).desk.withdraw(command, counter_id)


# One-way auctions


@post(
    "/auctions",
    tags=["offers"],
    summary="Open an auction",
    guards=[may_trade],
    responses=problems(401, 403, 409, 413, 415),
)
async def open_auction(request: SignedIn, data: JSONBody[NewAuction]) -> Response[Order]:
    """One lot to who bids best until the end, or to the first who stops the clock."""
    status, order = await services(request).desk.enter(
        EnterAuction(
            participant_id=request.user.participant_id,
            client_order_id=data.client_order_id,
            symbol=data.symbol,
            side=data.side,
            quantity=data.quantity,
            receipt_id=data.receipt_id,
            style=data.style,
            start_price=data.start_price,
            reserve_price=data.reserve_price,
            step=data.step,
            ends_ns=data.ends_ns,
            extension_ns=data.extension_ns,
            interval_ns=data.interval_ns,
        )
    )
    return Response(order, status_code=status)


@get("/auctions", tags=["offers"], summary="Auctions", responses=problems(401))
async def read_auctions(
    request: SignedIn,
    symbol: SymbolFilter = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    min_sequence: MinSequence = None,
) -> Items[Auction]:
    """Those under way, the newest first. Reserves are not shown."""
    gateway = gateway_of(request)
    me = request.user.participant_id
    sequence = await live(gateway, min_sequence)
    shown, following = page_of(gateway.auctions(symbol), lambda each: each.auction_id, cursor, limit)
    items = [
        Auction(
            auction_id=each.auction_id,
            symbol=each.symbol,
            side=each.side,
            quantity=each.quantity,
            receipt_id=each.lot_id,
            style=each.style,
            start_price=each.start_price,
            step=each.step,
            opened_ns=each.opened_ns,
            ends_ns=each.ends_ns,
            extension_ns=each.extension_ns,
            interval_ns=each.interval_ns,
            price=each.price,
            leading=each.bidder_id == me,
            mine=each.participant_id == me,
        )
        for each in shown
    ]
    return Items(items=items, next=following, sequence=sequence)


@post(
    "/auctions/{auction_id:int}/bids",
    tags=["offers"],
    summary="Bid",
    guards=[may_trade],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def bid(request: SignedIn, auction_id: FromPath[int], data: JSONBody[NewBid]) -> Response[Order]:
    """A leading bid stands, with money or goods reserved, until it is outbid or the auction ends."""
    _known(auction_id, "unknown_auction")
    status, order = await services(request).desk.enter(
        EnterBid(
            participant_id=request.user.participant_id,
            client_order_id=data.client_order_id,
            auction_id=auction_id,
            price=data.price,
            receipt_id=data.receipt_id,
        )
    )
    return Response(order, status_code=status)


@delete(
    "/auctions/{auction_id:int}",
    tags=["offers"],
    summary="Withdraw an auction",
    status_code=200,
    guards=[may_trade],
    responses=problems(401, 403, 404, 409),
)
async def withdraw_auction(request: SignedIn, auction_id: FromPath[int]) -> Order:
    """The auction as it ended; 409 `has_bids` once somebody has bid."""
    _known(auction_id, "unknown_auction")
    command = WithdrawAuction(auction_id, request.user.participant_id)
    return await services(request).desk.withdraw(command, auction_id)


# Negotiated trades


@post(
    "/reports",
    tags=["offers"],
    summary="Report a trade",
    guards=[may_trade],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def report_trade(request: SignedIn, data: JSONBody[NewReport]) -> Response[Order]:
    """It is a trade once the counterparty confirms it; until then your part is reserved."""
    status, order = await services(request).desk.enter(
        EnterReport(
            participant_id=request.user.participant_id,
            client_order_id=data.client_order_id,
            counterparty_id=data.counterparty_id,
            symbol=data.symbol,
            side=data.side,
            quantity=data.quantity,
            price=data.price,
            receipt_id=data.receipt_id,
            expires_ns=data.expires_ns,
        )
    )
    return Response(order, status_code=status)


@get("/reports", tags=["offers"], summary="Reported trades", responses=problems(401))
async def read_reports(
    request: SignedIn, limit: Limit = 100, cursor: Cursor = None, min_sequence: MinSequence = None
) -> Items[Report]:
    """Those that you have reported or are to confirm, the newest first."""
    gateway = gateway_of(request)
    me = request.user.participant_id
    sequence = await live(gateway, min_sequence)
    shown, following = page_of(gateway.reports(me), lambda each: each.report_id, cursor, limit)
    items = [
        Report(
            report_id=each.report_id,
            participant_id=each.participant_id,
            counterparty_id=each.counterparty_id,
            symbol=each.symbol,
            side=each.side,
            quantity=each.quantity,
            price=each.price,
            receipt_id=each.lot_id,
            expires_ns=each.expires_ns,
            mine=each.participant_id == me,
        )
        for each in shown
    ]
    return Items(items=items, next=following, sequence=sequence)


@post(
    "/reports/{report_id:int}/confirmation",
    tags=["offers"],
    summary="Confirm a reported trade",
    guards=[may_trade],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def confirm_trade(
    request: SignedIn, report_id: FromPath[int], data: JSONBody[NewConfirmation]
) -> Response[Order]:
    """Your side of the trade. Who sells may name the receipt; else the oldest harvest goes first."""
    _known(report_id, "unknown_report")
    status, order = await services(request).desk.enter(
        EnterConfirmation(
            participant_id=request.user.participant_id,
            client_order_id=data.client_order_id,
            report_id=report_id,
            receipt_id=data.receipt_id,
        )
    )
    return Response(order, status_code=status)


@delete(
    "/reports/{report_id:int}",
    tags=["offers"],
    summary="Withdraw or decline a report",
    status_code=204,
    guards=[may_trade],
    responses=problems(401, 403, 404),
)
async def end_report(request: SignedIn, report_id: FromPath[int]) -> None:
    """By the one who reported, or by the one who was to confirm."""
    _known(report_id, "unknown_report")
    gateway = gateway_of(request)
    me = request.user.participant_id
    await live(gateway)
    view = gateway.report(report_id)
    mine = view is None or view.participant_id == me
    command = WithdrawReport(report_id, me) if mine else DeclineReport(report_id, me)
    await services(request).desk.withdraw(command, report_id)


def _known(offer_id: int, unknown: str) -> None:
    """A number that can be no id never reaches the venue. Raises `NotFound`."""
    if not is_id(offer_id):
        raise NotFound(unknown)


PRIVATE = [
    list_lot,
    read_listings,
    take_listing,
    counter_bid,
    accept_counter,
    withdraw_listing,
    withdraw_counter,
    open_auction,
    read_auctions,
    bid,
    withdraw_auction,
    report_trade,
    read_reports,
    confirm_trade,
    end_report,
]
