"""Corrections by an operator: a trade is taken back or, where its goods have gone on, money moved instead."""

from typing import Annotated

from litestar import get, post
from litestar.params import JSONBody
from msgspec import Meta

from settlement import queries
from settlement.messages import AdjustCash, BustTrade, CashAdjusted, TradeBusted
from settlement.queries import Adjustment, Bust
from web.bodies import Answer, Body, Cursor, Limit, MinSequence, PositiveInteger, Text
from web.context import SignedIn, gateway_of
from web.errors import problems
from web.operators import done, runs_the_venue
from web.views import Items


class NewBust(Body, frozen=True):
    """Which trade to take back, and why: both sides are told."""

    trade_id: PositiveInteger
    reason: Annotated[Text, Meta(examples=["price off by a digit"])]


class BustedTrade(Answer, frozen=True):
    """The trade that was taken back: price, fees and goods have returned."""

    trade_id: int
    symbol: str
    price: int
    quantity: int
    buyer_id: int
    seller_id: int
    reason: str
    lots: Annotated[
        tuple[tuple[int, int, int], ...],
        Meta(description="`[buyer's receipt_id, seller's new receipt_id, kilograms]`."),
    ]
    sequence: int
    time_ns: int


class NewAdjustment(Body, frozen=True):
    """Money from one participant to another; each `reference` is taken once."""

    debit_id: Annotated[PositiveInteger, Meta(description="The participant who pays.")]
    credit_id: Annotated[PositiveInteger, Meta(description="The participant who is paid.")]
    amount_fen: PositiveInteger
    reference: Text
    reason: Text


@post(
    "/operator/busts",
    tags=["operator"],
    summary="Take a trade back",
    guards=[runs_the_venue],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def bust_trade(request: SignedIn, data: JSONBody[NewBust]) -> BustedTrade:
    """The same goods, the price and both fees return. 409 `goods_moved` where the buyer's receipts are not all there,
    whole and free; `funds_moved` where the seller has not the proceeds at hand; `too_old` after 24 hours or 100,000
    trades; `already_busted`.
    """
    outcome = await gateway_of(request).submit(
        BustTrade(operator_id=request.user.participant_id, trade_id=data.trade_id, reason=data.reason)
    )
    busted = done(outcome, TradeBusted)
    trade = busted.trade
    return BustedTrade(
        trade_id=trade.trade_id,
        symbol=trade.symbol,
        price=trade.price,
        quantity=trade.quantity,
        buyer_id=trade.buyer_id,
        seller_id=trade.seller_id,
        reason=busted.reason,
        lots=busted.lots,
        sequence=outcome.sequence,
        time_ns=outcome.time_ns,
    )


@get(
    "/operator/busts",
    tags=["operator"],
    summary="Trades taken back",
    guards=[runs_the_venue],
    responses=problems(401, 403),
)
async def list_busts(
    request: SignedIn, limit: Limit = 100, cursor: Cursor = None, min_sequence: MinSequence = None
) -> Items[Bust]:
    """The newest first."""
    sequence, page = await gateway_of(request).history(
        lambda connection: queries.busts(connection, cursor=cursor, limit=limit), min_sequence=min_sequence
    )
    return Items(items=page.items, next=page.next, sequence=sequence)


@post(
    "/operator/adjustments",
    tags=["operator"],
    summary="Move money between participants",
    guards=[runs_the_venue],
    responses=problems(401, 403, 404, 409, 413, 415),
)
async def adjust_cash(request: SignedIn, data: JSONBody[NewAdjustment]) -> Adjustment:
    """409 `insufficient_funds` where the payer has not so much free, `duplicate_reference`, `same_participant`."""
    outcome = await gateway_of(request).submit(
        AdjustCash(
            operator_id=request.user.participant_id,
            debit_id=data.debit_id,
            credit_id=data.credit_id,
            amount_fen=data.amount_fen,
            reference=data.reference,
            reason=data.reason,
        )
    )
    adjusted = done(outcome, CashAdjusted)
    return Adjustment(
        operator_id=adjusted.operator_id,
        debit_id=adjusted.debit_id,
        credit_id=adjusted.credit_id,
        amount_fen=adjusted.amount_fen,
        reference=adjusted.reference,
        reason=adjusted.reason,
        sequence=outcome.sequence,
        time_ns=outcome.time_ns,
    )


@get(
    "/operator/adjustments",
    tags=["operator"],
    summary="Money moved between participants",
    guards=[runs_the_venue],
    responses=problems(401, 403),
)
async def list_adjustments(
    request: SignedIn, limit: Limit = 100, cursor: Cursor = None, min_sequence: MinSequence = None
) -> Items[Adjustment]:
    """The newest first."""
    sequence, page = await gateway_of(request).history(
        lambda connection: queries.adjustments(connection, cursor=cursor, limit=limit), min_sequence=min_sequence
    )
    return Items(items=page.items, next=page.next, sequence=sequence)


PRIVATE = [bust_trade, list_busts, adjust_cash, list_adjustments]
