"""Lots and receipts as the events tell them: what each step may do to a receipt, and what a lot must add up to."""

from collections.abc import Iterable
from typing import Any

from settlement.civil import day_number
from settlement.life import green_until_ns
from settlement.messages import (
    CASH,
    ENDED_STATES,
    ConfigureVenue,
    Lot,
    LotChanged,
    LotRegraded,
    Receipt,
    ReceiptChanged,
    StockChanged,
    VenueConfigured,
)
from settlement.messages.climate import LifeShortened
from settlement.messages.storage import StoragePaid, StorageTariff
from tests.exchange.whole_venue.money import Ledger

LIVE = ("issued", "pledged", "held", "delivery_ordered", "expired")

NEW: dict[str, tuple[str, ...]] = {
    "issued": ("issued",),
    "transferred": ("issued", "delivery_ordered", "held", "expired"),
    "split": ("issued",),
    "merged": ("issued",),
    "held": ("held",),
    "replaced": LIVE,
    "returned": ("issued", "held", "expired"),
}
"""In which states a receipt may come into being, by the cause that is told."""

STEPS: dict[str, dict[str, tuple[str, ...]]] = {
    "transferred": {
        "issued": ("issued", "split"),
        "held": ("split",),
        "delivery_ordered": ("split",),
    },
    "split": {"issued": ("issued", "split")},
    "merged": {"issued": ("merged",)},
    "returned": {"issued": ("issued", "split"), "held": ("split",), "delivery_ordered": ("split",)},
    "pledged": {"issued": ("pledged",)},
    "released": {"pledged": ("issued",), "held": ("held",), "expired": ("expired",)},
    "held": dict.fromkeys(LIVE, ("held",)),
    "lost": dict.fromkeys(LIVE, ("held",)),
    "lifted": {"held": LIVE},
    "replaced": {"held": ("replaced",)},
    "void": {"issued": ("void",)},
    "expired": {"issued": ("expired",), "pledged": ("expired",), "held": ("held",)},
    "delivery_ordered": {"issued": ("delivery_ordered",)},
    "delivered": {"delivery_ordered": ("delivery_ordered", "delivered"), "expired": ("delivered",)},
    "recalled": {"delivery_ordered": ("issued", "expired")},
    "shrinkage": {state: (state, "void") for state in LIVE},
    **{cause: {state: (state,) for state in LIVE} for cause in ("regraded", "stock_take")},
    **{cause: {state: (state,) for state in LIVE} for cause in ("storage_paid", "life_shortened")},
}
"""What each cause may make of a receipt that was there before, by the state in which it was."""

STEPS["stock_take"] = STEPS["shrinkage"]

REWEIGHS = ("transferred", "split", "returned", "delivered", "shrinkage", "stock_take")
"""Causes by which a live receipt may weigh something else after."""

CONSTANT = ("lot_id", "participant_id", "warehouse", "harvest_date", "issued_ns", "parent_receipt_id", "issued_by")


class Store:
    """Live receipts and lots, and what came of each lot."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.lots: dict[int, Lot] = {}
        self.receipts: dict[int, Receipt] = {}
        self.ended: dict[int, str] = {}
        self.shrinkage_g: dict[int, int] = {}
        self.tariffs: dict[int, StorageTariff | None] = {}
        self._expires_ns: dict[int, int] = {}
        self._predicted_ns: dict[int, int] = {}
        self._life_days: dict[int, int] = {}
        self._venue: VenueConfigured | ConfigureVenue | None = None

    def configure(self, venue: VenueConfigured) -> None:
        self._venue = venue

    def of(self, participant_id: int) -> list[Receipt]:
        return [receipt for receipt in self.receipts.values() if receipt.participant_id == participant_id]

    def hear(self, event: Any) -> None:
        match event:
            case LotChanged():
                self._hear_lot(event.lot)
            case LotRegraded():
                self._predict(event.lot_id, event.colour_stage)
            case LifeShortened():
                self._predicted_ns[event.lot_id] = min(self._predicted_ns[event.lot_id], event.expires_ns)
            case StockChanged():
                change_g = event.booked_g - event.weight_g
                assert event.shrinkage_g - self.shrinkage_g[event.lot_id] == change_g, event
                self.shrinkage_g[event.lot_id] = event.shrinkage_g
            case ReceiptChanged():
                self._hear_receipt(event.cause, event.receipt)
            case StoragePaid():
                self._judge_storage(event)
            case _:
                pass

    def _hear_lot(self, lot: Lot) -> None:
        known = self.lots.get(lot.lot_id)
        if known is None:
            assert lot.status == "announced"
            assert self._venue is not None
            days = next(each.green_life_days for each in self._venue.varieties if each.code == lot.variety)
            self._life_days[lot.lot_id] = days
        else:
            assert known.status not in ("receipted", "refused")
        self.lots[lot.lot_id] = lot
        if lot.status == "inspected":
            assert lot.colour_stage is not None
            self._predict(lot.lot_id, lot.colour_stage)

    def _predict(self, lot_id: int, colour_stage: int) -> None:
        harvested = day_number(self.lots[lot_id].harvest_date)
        assert harvested is not None
        until_ns = green_until_ns(self._life_days[lot_id], colour_stage, harvested)
        self._predicted_ns[lot_id] = min(until_ns, self._predicted_ns.get(lot_id, until_ns))

    def _hear_receipt(self, cause: str, receipt: Receipt) -> None:
        receipt_id = receipt.receipt_id
        assert receipt_id not in self.ended, (cause, receipt)
        assert (
            receipt.weight_g > 0
            or (cause in ("shrinkage", "stock_take") and receipt.state == "void")
            or (receipt.state == "split" and cause in ("transferred", "split", "returned"))
        ), (cause, receipt)
        assert receipt.state in ENDED_STATES or (receipt.state == "held") == bool(receipt.holds), (cause, receipt)
        was = self.receipts.get(receipt_id)
        if was is None:
            self._hear_new(cause, receipt)
        else:
            assert receipt.state in STEPS[cause].get(was.state, ()), (cause, was, receipt)
            assert all(getattr(was, name) == getattr(receipt, name) for name in CONSTANT), (was, receipt)
            assert receipt.weight_g == was.weight_g or cause in REWEIGHS, (cause, was, receipt)
            assert receipt.storage_from_day >= was.storage_from_day or cause == "returned"
            assert was.pledge is None or receipt.state != "delivered"
        if receipt.state in ENDED_STATES:
            self.receipts.pop(receipt_id, None)
            self.ended[receipt_id] = receipt.state
        else:
            self.receipts[receipt_id] = receipt
        self._expires_ns[receipt.lot_id] = receipt.expires_ns

    def _hear_new(self, cause: str, receipt: Receipt) -> None:
        known = self.receipts.keys() | self.ended.keys()
        assert receipt.receipt_id not in known
        assert receipt.state in NEW[cause], (cause, receipt)
        if cause == "issued":
            assert receipt.parent_receipt_id is None
            assert self._venue is not None
            assert self.lots[receipt.lot_id].receipt_id == receipt.receipt_id
            net_g = self.lots[receipt.lot_id].net_g
            assert net_g is not None
            assert receipt.weight_g <= net_g
            self.shrinkage_g[receipt.lot_id] = 0
            tariffs = [each for each in self._venue.storage if each.warehouse == receipt.warehouse]
            self.tariffs[receipt.lot_id] = tariffs[0] if tariffs else None
        else:
            assert receipt.parent_receipt_id in known, (cause, receipt)

    def _judge_storage(self, paid: StoragePaid) -> None:
        """What was due follows from grams, days and the tariff of the lot; nobody pays for the same days twice."""
        tariff = self.tariffs[paid.lot_id]
        rate = 0 if tariff is None else tariff.fen_per_tonne_day + tariff.insurance_fen_per_tonne_day
        days = max(paid.to_day - paid.from_day, 0)
        assert paid.due_fen == -(-paid.weight_g * rate * days // 1_000_000), paid
        assert 0 <= paid.amount_fen <= paid.due_fen
        receipt = self.receipts.get(paid.receipt_id)
        if paid.cause != "contract" and receipt is not None:
            assert receipt.participant_id == paid.participant_id
            assert receipt.storage_from_day == paid.from_day, (paid, receipt)

    def balances(self, held: dict[int, int]) -> dict[tuple[int, str], tuple[int, int]]:
        """(total, reserved) grams of each holder and symbol, where he has any."""
        found: dict[tuple[int, str], tuple[int, int]] = {}
        for receipt in self.receipts.values():
            key = (receipt.participant_id, receipt.symbol)
            total_g, reserved_g = found.get(key, (0, 0))
            free = receipt.state == "issued"
            reserved_g += 1_000 * held.get(receipt.receipt_id, 0) if free else receipt.weight_g
            found[key] = (total_g + receipt.weight_g, reserved_g)
        return found

    def judge(self, held: dict[int, int], touched: Iterable[Any], now_ns: int) -> None:
        """What holds of all receipts and lots after a command; `held` are the kilograms that live orders hold."""
        weights: dict[tuple[str, str], int] = {}
        lots: dict[int, str] = {}
        for receipt in self.receipts.values():
            lot_id = receipt.lot_id
            key = (f"LOT-{lot_id}", f"participant:{receipt.participant_id}")
            weights[key] = weights.get(key, 0) + receipt.weight_g
            assert lots.setdefault(lot_id, receipt.symbol) == receipt.symbol, receipt
            assert receipt.expires_ns == self._expires_ns[lot_id] <= self._predicted_ns[lot_id], receipt
            assert receipt.state not in ("issued", "pledged") or receipt.expires_ns > now_ns, receipt
        for lot_id in lots:
            if self.shrinkage_g[lot_id]:
                weights[f"LOT-{lot_id}", "shrinkage"] = self.shrinkage_g[lot_id]
        booked = {
            key: balance
            for key, balance in self._ledger.balances.items()
            if key[0] != CASH and not key[1].startswith("warehouse:")
        }
        assert booked == weights
        for receipt_id, kilograms in held.items():
            receipt = self.receipts[receipt_id]
            assert receipt.state == "issued", receipt
            assert 1_000 * kilograms <= receipt.weight_g, (receipt, kilograms)
