"""What becomes of goods: growers bring them, holders split and pledge, storekeepers weigh, hold, count and cool."""

from typing import Any

from settlement.messages import (
    AnnounceLot,
    ArriveLot,
    HoldReceipt,
    InspectLot,
    IssueReceipt,
    LiftHold,
    LoadOut,
    MergeReceipts,
    OrderDelivery,
    PledgeReceipt,
    RecordShrinkage,
    RegradeLot,
    ReleasePledge,
    ReplaceReceipt,
    ReportLoss,
    SplitReceipt,
    TakeStock,
    TransferReceipt,
    VoidReceipt,
    WeighLot,
)
from settlement.messages.climate import PlaceLot, RecordReadings, RegisterLogger
from settlement.messages.storage import PayStorage, SettleWastage
from tests.exchange.whole_venue.crowd import MINUTE_NS, SECOND_NS, Chance, Group

STATES = ("issued", "pledged", "held", "delivery_ordered", "expired")
LOGGERS = ("L1", "L2")
CHAMBERS = (None, "A", "B")


class Holders:
    def __init__(self, chance: Chance) -> None:
        self.chance = chance

    def groups(self) -> list[Group]:
        return [
            Group("intake", [(4, self.announce), (9, self.take_in)]),
            Group(
                "custody",
                [
                    (1.5, self.split),
                    (1.8, self.merge),
                    (0.8, self.transfer),
                    (0.6, self.pledge),
                    (1.2, self.release),
                    (0.4, self.report_loss),
                    (0.8, self.hold),
                    (2, self.lift),
                    (1.2, self.replace),
                    (0.3, self.void),
                ],
            ),
            Group("stock", [(0.7, self.regrade), (0.9, self.shrink), (0.9, self.take_stock), (1, self.settle_wastage)]),
            Group("old way out", [(0.5, self.order_delivery), (1.5, self.load_out)]),
            Group("storage", [(2, self.pay_storage)]),
            Group("climate", [(0.4, self.register_logger), (0.5, self.place_lot), (2, self.read)]),
        ]

    # Intake

    def announce(self) -> Any:
        chance = self.chance
        who = chance.pick(6, 7, 8, 9)
        weight_g = 1_000 * chance.between(2, 40) + chance.pick(0, 0, 1, 999)
        return AnnounceLot(
            participant_id=who,
            variety=chance.pick("BXJ", "BXJ", "HDJ"),
            grade=chance.pick("1", "1", "2", "2", "E"),
            warehouse=chance.pick("SX1", "SX1", "SX2"),
            harvest_date=chance.date(chance.pick(0, 1, 1, 2, 3, 6)),
            cartons=chance.between(2, 9),
            weight_g=weight_g,
            town="岭北镇",
            village="synthetic 7",
            certificate_number="C-1" if who == 9 or chance.likely(20) else None,
            marks=chance.pick(None, "marks"),
        )

    def take_in(self) -> Any:
        """The next step of a lot on its way."""
        chance = self.chance
        lot = chance.one(chance.engine.lots())
        if lot is None:
            return None
        keeper = chance.storekeeper()
        if lot.status in ("announced", "arrived"):
            if lot.status == "announced" and chance.likely(30):
                return ArriveLot(operator_id=keeper, lot_id=lot.lot_id, plate="粤G·1", carrier="北坡物流")
            net_g = min(lot.weight_g + chance.pick(0, 0, -500, 300), 30_000 * lot.cartons)
            return WeighLot(
                operator_id=keeper, lot_id=lot.lot_id, gross_g=net_g + 5_000, tare_g=5_000, scale_id="scale-1"
            )
        if lot.status == "weighed":
            return InspectLot(
                operator_id=keeper,
                lot_id=lot.lot_id,
                grade=lot.grade if chance.likely(80) else chance.pick("E", "1", "2"),
                colour_stage=chance.pick(1, 1, 1, 2, 2, 3, 4) if chance.likely(40) else 1,
                defect_permille=chance.pick(0, 20, 50, 101) if chance.likely(20) else 20,
                temperature_dc=chance.pick(138, 138, 109) if chance.likely(20) else 138,
                finger_length_mm=chance.pick(None, None, None, 150, 139),
                blemish_mm2=chance.pick(None, None, 200),
            )
        weight_g = lot.net_g if chance.likely(30) else None
        return IssueReceipt(operator_id=keeper, lot_id=lot.lot_id, weight_g=weight_g)

    # Custody

    def split(self) -> Any:
        chance = self.chance
        receipt = chance.receipt("issued")
        if receipt is None:
            return None
        first_g = chance.between(1, receipt.weight_g - 1)
        rest_g = receipt.weight_g - first_g
        parts = (first_g, rest_g) if rest_g < 2 or chance.likely(60) else (first_g, 1, rest_g - 1)
        if chance.likely(8):
            parts = (*parts, 1)
        return SplitReceipt(
            participant_id=receipt.participant_id,
            receipt_id=receipt.receipt_id,
            weights_g=tuple(max(1, each) for each in parts),
        )

    def merge(self) -> Any:
        chance = self.chance
        groups: dict[tuple[int, int], list[int]] = {}
        for receipt in chance.books.store.receipts.values():
            if receipt.state == "issued" or chance.likely(3):
                groups.setdefault((receipt.participant_id, receipt.lot_id), []).append(receipt.receipt_id)
        found = chance.one([(key, mine) for key, mine in groups.items() if len(mine) > 1])
        if found is None:
            return None
        (who, _), mine = found
        ids = tuple(chance.random.sample(mine, chance.between(2, min(len(mine), 4))))
        return MergeReceipts(participant_id=who, receipt_ids=ids)

    def transfer(self) -> Any:
        chance = self.chance
        receipt = chance.receipt("issued")
        if receipt is None:
            return None
        return TransferReceipt(
            participant_id=receipt.participant_id,
            receipt_id=receipt.receipt_id,
            to_participant_id=chance.trader(),
            reference=chance.name("gift"),
        )

    def pledge(self) -> Any:
        chance = self.chance
        receipt = chance.receipt("issued")
        if receipt is None:
            return None
        return PledgeReceipt(
            participant_id=receipt.participant_id,
            receipt_id=receipt.receipt_id,
            lender_id=chance.trader(),
            reference=chance.name("loan"),
            amount_fen=chance.between(1, 5_000),
        )

    def release(self) -> Any:
        chance = self.chance
        receipt = chance.one([each for each in chance.books.store.receipts.values() if each.pledge is not None])
        if receipt is None or receipt.pledge is None:
            return None
        return ReleasePledge(lender_id=receipt.pledge.lender_id, receipt_id=receipt.receipt_id)

    def report_loss(self) -> Any:
        receipt = self.chance.receipt(*STATES)
        if receipt is None:
            return None
        return ReportLoss(participant_id=receipt.participant_id, receipt_id=receipt.receipt_id, reason="the dog")

    def hold(self) -> Any:
        chance = self.chance
        receipt = chance.receipt(*STATES)
        if receipt is None:
            return None
        return HoldReceipt(
            operator_id=chance.pick(1, 4, 5),
            receipt_id=receipt.receipt_id,
            cause=chance.pick("quality", "court", "cold_chain"),
            reason="mould",
        )

    def lift(self) -> Any:
        chance = self.chance
        receipt = chance.receipt("held")
        if receipt is None:
            return None
        cause: Any = chance.pick(*[hold.cause for hold in receipt.holds])
        if cause == "contract":
            cause = "quality"
            if chance.likely(80):
                return None
        return LiftHold(operator_id=chance.pick(1, 4, 5), receipt_id=receipt.receipt_id, cause=cause)

    def replace(self) -> Any:
        chance = self.chance
        lost = [
            each
            for each in chance.books.store.receipts.values()
            if any(hold.cause == "loss" for hold in each.holds) or chance.likely(1)
        ]
        receipt = chance.one(lost)
        return None if receipt is None else ReplaceReceipt(operator_id=4, receipt_id=receipt.receipt_id)

    def void(self) -> Any:
        chance = self.chance
        first = [each for each in chance.books.store.receipts.values() if each.parent_receipt_id is None]
        receipt = chance.one(first) or chance.receipt(*STATES)
        return None if receipt is None else VoidReceipt(operator_id=5, receipt_id=receipt.receipt_id, reason="a slip")

    # Stock

    def lot_id(self) -> int | None:
        """A lot that lies there, often one that is promised to somebody."""
        chance = self.chance
        promised = [
            each
            for each in chance.books.store.receipts.values()
            if any(hold.cause == "contract" for hold in each.holds)
        ]
        receipt = chance.one(promised) if promised and chance.likely(25) else chance.receipt(*STATES)
        return None if receipt is None else receipt.lot_id

    def weight_g(self, lot_id: int) -> int:
        receipts = self.chance.books.store.receipts.values()
        return sum(receipt.weight_g for receipt in receipts if receipt.lot_id == lot_id)

    def regrade(self) -> Any:
        chance = self.chance
        lot_id = self.lot_id()
        if lot_id is None:
            return None
        return RegradeLot(
            operator_id=chance.storekeeper(),
            lot_id=lot_id,
            grade=chance.pick("E", "1", "1", "2"),
            colour_stage=chance.pick(1, 1, 1, 2, 2, 3, 4),
            defect_permille=chance.pick(0, 50, 60),
            reason="looked at again",
        )

    def shrink(self) -> Any:
        chance = self.chance
        lot_id = self.lot_id()
        if lot_id is None:
            return None
        weight_g = self.weight_g(lot_id)
        lost_g = weight_g if chance.likely(8) else chance.between(1, chance.pick(3, 400, 3_000))
        return RecordShrinkage(operator_id=chance.storekeeper(), lot_id=lot_id, weight_g=lost_g, reason="dry air")

    def take_stock(self) -> Any:
        chance = self.chance
        lot_id = self.lot_id()
        if lot_id is None:
            return None
        weight_g = self.weight_g(lot_id)
        lost_g = chance.books.store.shrinkage_g[lot_id]
        there_g = weight_g + chance.pick(0, lost_g, chance.between(0, lost_g), -chance.between(0, 2_000), -500, 1)
        return TakeStock(operator_id=chance.storekeeper(), lot_id=lot_id, weight_g=max(0, there_g))

    def settle_wastage(self) -> Any:
        chance = self.chance
        claim_id = chance.one(list(chance.books.claims))
        if claim_id is None:
            return None
        outcome: Any = chance.pick("paid", "paid", "dismissed")
        return SettleWastage(operator_id=chance.operator(), claim_id=claim_id, outcome=outcome, reason="seen")

    # The old way out, and storage

    def order_delivery(self) -> Any:
        receipt = self.chance.receipt("issued")
        if receipt is None:
            return None
        return OrderDelivery(participant_id=receipt.participant_id, receipt_id=receipt.receipt_id)

    def load_out(self) -> Any:
        chance = self.chance
        receipt = chance.receipt("delivery_ordered", "expired") if chance.likely(95) else chance.receipt(*STATES)
        return None if receipt is None else LoadOut(operator_id=chance.storekeeper(), receipt_id=receipt.receipt_id)

    def pay_storage(self) -> Any:
        chance = self.chance
        receipt = chance.receipt("delivery_ordered") if chance.likely(60) else chance.receipt(*STATES)
        if receipt is None:
            return None
        mine = [each.receipt_id for each in chance.books.store.of(receipt.participant_id) if chance.likely(30)]
        ids = dict.fromkeys([receipt.receipt_id, *mine[:4]])
        return PayStorage(participant_id=receipt.participant_id, receipt_ids=tuple(ids))

    # Climate

    def register_logger(self) -> Any:
        chance = self.chance
        return RegisterLogger(
            operator_id=chance.pick(1, 4),
            logger_id=chance.pick(*LOGGERS),
            warehouse=chance.pick("SX1", "SX2"),
            chamber=chance.pick(*CHAMBERS),
        )

    def place_lot(self) -> Any:
        lot_id = self.lot_id()
        if lot_id is None:
            return None
        return PlaceLot(operator_id=self.chance.storekeeper(), lot_id=lot_id, chamber=self.chance.pick(*CHAMBERS))

    def read(self) -> Any:
        """Readings since the last ones, of some minutes' distance, with a mood: right, or outside for long."""
        chance = self.chance
        logger = chance.one(chance.engine.climate.loggers())
        if logger is None:
            return self.register_logger()
        outside = logger.outside_since_ns is not None
        wrong = chance.likely(60 if outside else 25)
        last_ns = logger.last_ns or chance.now_ns - 5 * 3_600 * SECOND_NS
        step_ns = min((chance.now_ns - last_ns) // 6, 55 * MINUTE_NS)
        if step_ns <= 0:
            return None
        readings = tuple(
            (
                chance.now_ns - (5 - number) * step_ns,
                chance.pick(168, 185, 260, 95, 60) if wrong else chance.pick(138, 120, 150),
                chance.pick(None, 900),
            )
            for number in range(6)
        )
        return RecordReadings(
            operator_id=chance.storekeeper(),
            logger_id=logger.logger_id,
            warehouse=logger.warehouse,
            readings=readings[-chance.between(1, 6) :],
        )
