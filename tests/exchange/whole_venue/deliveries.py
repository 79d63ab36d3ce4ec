"""Deliveries, docks, trucks and buy-ins as the events tell them."""

from itertools import pairwise
from typing import Any

from settlement.delivery.states import ENDED, STATES
from settlement.messages import CASH, LedgerPosted, Receipt
from settlement.messages.delivery import (
    BuyIn,
    BuyInChanged,
    DeliveryChanged,
    DeliveryOrder,
    Load,
    LoadChanged,
    Slot,
    SlotChanged,
)

LEADS = {state: {*steps.values(), state} for state, steps in STATES.items()}
FETCHED = ("ordered", "loading", "loaded", "failed")


class Gate:
    """Open delivery orders by their last event, the trucks that wait, the docks that are kept."""

    def __init__(self) -> None:
        self.open: dict[int, DeliveryOrder] = {}
        self.ended: dict[int, str] = {}
        self.contract_of: dict[int, int | None] = {}
        self.loads: dict[int, Load] = {}
        self.slots: dict[int, Slot] = {}
        self.buy_ins: dict[int, BuyIn] = {}
        self._paid: dict[int, dict[str, int]] = {}

    def hear(self, event: Any) -> None:
        match event:
            case DeliveryChanged():
                self._hear_order(event.delivery)
            case SlotChanged():
                if event.slot.state == "booked":
                    self.slots[event.slot.slot_id] = event.slot
                else:
                    del self.slots[event.slot.slot_id]
            case LoadChanged():
                if event.load.state == "weighed":
                    self.loads[event.load.load_id] = event.load
                else:
                    del self.loads[event.load.load_id]
            case LedgerPosted(cause="buy_in"):
                paid = self._paid.setdefault(event.reference_id, {})
                for transfer in event.transfers:
                    assert transfer.asset == CASH
                    paid[transfer.debit] = paid.get(transfer.debit, 0) + transfer.amount
                    paid[transfer.credit] = paid.get(transfer.credit, 0) - transfer.amount
            case BuyInChanged():
                self._hear_buy_in(event.buy_in)
            case _:
                pass

    def _hear_order(self, order: DeliveryOrder) -> None:
        delivery_id = order.delivery_id
        was = self.open.get(delivery_id)
        assert delivery_id not in self.ended, order
        if was is None:
            assert order.state == "ordered"
            self.contract_of[delivery_id] = order.contract_id
        else:
            assert order.state in LEADS[was.state], (was, order)
            assert order.ordered_g == was.ordered_g
            assert order.handed_g >= was.handed_g
        assert 0 <= order.handed_g <= order.loaded_g
        assert not order.wasted_g or order.wastage_reason is not None, order
        if order.state in ENDED:
            self.open.pop(delivery_id, None)
            self.ended[delivery_id] = order.state
        else:
            self.open[delivery_id] = order

    def _hear_buy_in(self, buy_in: BuyIn) -> None:
        """Each source has paid what is told, by the postings; what is bought and settled is what had failed."""
        delivery_id = buy_in.delivery_id
        self.buy_ins[delivery_id] = buy_in
        paid = self._paid.get(delivery_id, {})
        told = {
            "escrow": buy_in.from_escrow_fen + buy_in.returned_fen,
            "earnest": buy_in.from_earnest_fen,
            f"participant:{buy_in.defaulter_id}": buy_in.from_cash_fen,
            "risk_fund": buy_in.from_risk_fund_fen,
        }
        for account, amount in told.items():
            assert paid.get(account, 0) == amount, (buy_in, paid)
        sources = (buy_in.from_escrow_fen, buy_in.from_earnest_fen, buy_in.from_cash_fen, buy_in.from_risk_fund_fen)
        assert sum(sources) == buy_in.bought_fen + buy_in.fee_fen + buy_in.settled_fen, buy_in
        assert buy_in.bought_g <= buy_in.weight_g
        if buy_in.ended_ns is not None:
            if buy_in.reason is None:
                assert buy_in.bought_g + buy_in.settled_g == buy_in.weight_g
                due_fen = buy_in.cash_price * buy_in.settled_g // 1_000
                assert buy_in.settled_fen + buy_in.uncovered_fen == due_fen
            del self.buy_ins[delivery_id]

    def judge(self, receipts: dict[int, Receipt], now_ns: int) -> None:
        waiting: dict[int, int] = {}
        for load in self.loads.values():
            waiting[load.delivery_id] = waiting.get(load.delivery_id, 0) + load.posted_g
            assert load.posted_g <= load.net_g == load.gross_g - load.tare_g
        assert waiting.keys() <= self.open.keys()
        fetched: dict[int, int] = {}
        for delivery_id, order in self.open.items():
            assert order.loaded_g == order.handed_g + waiting.get(delivery_id, 0), order
            assert order.accept_by_ns is None or order.accept_by_ns > now_ns
            if order.state in FETCHED:
                assert order.receipt_id not in fetched, order
                fetched[order.receipt_id] = delivery_id
                receipt = receipts.get(order.receipt_id)
                assert receipt is None or receipt.state in ("delivery_ordered", "held"), (order, receipt)
                assert receipt is None or receipt.participant_id == order.participant_id, (order, receipt)
        assert {slot.delivery_id: slot for slot in self.slots.values()} == {
            order.delivery_id: order.slot for order in self.open.values() if order.slot is not None
        }
        kept = sorted((slot.warehouse, slot.dock, slot.starts_ns, slot.ends_ns) for slot in self.slots.values())
        for before, after in pairwise(kept):
            assert before[:2] != after[:2] or before[3] <= after[2], (before, after)
        assert self.buy_ins.keys() == {order.delivery_id for order in self.open.values() if order.state == "buying_in"}
