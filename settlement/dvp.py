"""Delivery against payment: a trade moves cash, fees and title in one step, or not at all.

It cannot fail for want of assets: both orders have reserved what they need (see `clearing` and `receipts`).
"""

from typing import Any

from matching.messages import TradeExecuted
from settlement.civil import venue_day
from settlement.clearing import Order, Purse
from settlement.ledger import FEES, Ledger
from settlement.messages import CASH, LedgerPosted, LotsDelivered, ReceiptChanged, TradeSettled
from settlement.messages.storage import StoragePaid
from settlement.receipts import GRAMS, Receipts, receipt_message
from settlement.storage import STORAGE, accrued_fen, chargeable_after_trade, paid_from_proceeds_fen


def settle(
    trade: TradeExecuted,
    buy: Order,
    sell: Order,
    buyer: Purse,
    seller: Purse,
    ledger: Ledger,
    receipts: Receipts,
    time_ns: int,
    events: list[Any],
) -> TradeSettled:
    """Settle a trade and append what happened, in this order.

    `lots_delivered`; `ledger_posted` with the linked transfers: the price from buyer to seller, the buyer's fee, the
    seller's fee, the storage that has accrued on what he sells, the goods lot by lot (no transfer of nothing);
    `storage_paid` lot by lot; `receipt_changed` of the seller's receipt and of the buyer's new one, lot by lot;
    `trade_settled`, which is returned. Storage is paid as far as what the fee leaves of the proceeds reaches; the rest
    lapses and `storage_paid` says so. The buyer's reservation falls to what the rest of his order needs. O(lots).
    """
    trade_id = trade.trade_id
    price = trade.price
    quantity = trade.quantity
    amount_fen = price * quantity

    aggressor_side = trade.aggressor_side
    buy.filled += quantity
    buyer_fee_fen = buy.charge(amount_fen, aggressor_side == "buy")
    cost_fen = amount_fen + buyer_fee_fen
    bound = buy.bound
    left_fen = buy.reserved_fen - cost_fen if bound is None else buy.required_fen(buy.quantity, bound)
    assert 0 <= left_fen <= buy.reserved_fen - cost_fen
    buyer.reserved_fen -= buy.reserved_fen - left_fen
    buyer.total_fen -= cost_fen
    buy.reserved_fen = left_fen

    sell.filled += quantity
    fee_due_fen = sell.charge(amount_fen, aggressor_side == "sell")
    proceeds_fen = amount_fen - fee_due_fen

    transfer = ledger.transfer
    transfers = [transfer(CASH, buyer.account, seller.account, amount_fen)]
    if buyer_fee_fen:
        transfers.append(transfer(CASH, buyer.account, FEES, buyer_fee_fen))
    if fee_due_fen:
        transfers.append(transfer(CASH, seller.account, FEES, fee_due_fen))
    today = venue_day(time_ns)
    storage: list[StoragePaid] = []
    storage_fen = 0
    handovers = receipts.deliver(sell.lots, quantity, buy.participant_id, time_ns)
    delivered = []
    lots = []
    changes: list[ReceiptChanged] = []
    for sold, bought, kilograms, stock in handovers:
        transfers.append(transfer(stock.asset, seller.account, buyer.account, kilograms * GRAMS))
        delivered.append((sold.receipt_id, kilograms))
        lots.append((sold.receipt_id, bought.receipt_id, kilograms))
        from_day = sold.storage_from_day
        if stock.tariff is not None:
            receipts.charge_storage_from(bought, chargeable_after_trade(stock.tariff, from_day, today))
        changes.append(ReceiptChanged("transferred", receipt_message(sold, stock)))
        changes.append(ReceiptChanged("transferred", receipt_message(bought, stock)))
        due_fen = accrued_fen(stock.tariff, kilograms * GRAMS, from_day, today)
        if due_fen:
            paid_fen = paid_from_proceeds_fen(due_fen, proceeds_fen - storage_fen)
            storage_fen += paid_fen
            storage.append(
                StoragePaid(
                    "trade",
                    trade_id,
                    seller.participant_id,
                    sold.receipt_id,
                    stock.lot_id,
                    stock.warehouse,
                    kilograms * GRAMS,
                    from_day,
                    today,
                    due_fen,
                    paid_fen,
                )
            )
    if storage_fen:
        transfers.append(transfer(CASH, seller.account, STORAGE, storage_fen))
    seller.total_fen += proceeds_fen - storage_fen
    events.append(LotsDelivered(trade_id, tuple(delivered)))
    events.append(LedgerPosted("trade", trade_id, tuple(transfers)))
    events.extend(storage)
    events.extend(changes)
    settled = TradeSettled(
        trade_id,
        trade.symbol,
        price,
        quantity,
        aggressor_side,
        buy.order_id,
        sell.order_id,
        buy.participant_id,
        sell.participant_id,
        amount_fen,
        buyer_fee_fen,
        fee_due_fen,
        tuple(lots),
        storage_fen,
    )
    events.append(settled)
    return settled
