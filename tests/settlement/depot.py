"""A venue in memory with the verbs of a store: the engine alone, audited after each command."""

from typing import Any

from settlement.messages import (
    HoldReceipt,
    LiftHold,
    MergeReceipts,
    PledgeReceipt,
    Receipt,
    RecordShrinkage,
    RegradeLot,
    ReleasePledge,
    ReplaceReceipt,
    ReportLoss,
    SplitReceipt,
    TakeStock,
    TransferReceipt,
    VoidReceipt,
)
from tests.exchange.floor import CHEN, LI, OPERATOR, WANG, WAREHOUSE, Floor

BANK = WANG
"""Wang lends."""


class Depot(Floor):
    """Chen is the grower, Li and Wang trade; Wang lends too. Every verb answers what the command led to."""

    def split(self, participant_id: int, receipt_id: int, *weights_g: int) -> list[Any]:
        return self.do(SplitReceipt(participant_id=participant_id, receipt_id=receipt_id, weights_g=weights_g))

    def merge(self, participant_id: int, *receipt_ids: int) -> list[Any]:
        return self.do(MergeReceipts(participant_id=participant_id, receipt_ids=receipt_ids))

    def give(self, participant_id: int, receipt_id: int, to: int = LI, reference: str = "gift") -> list[Any]:
        return self.do(
            TransferReceipt(
                participant_id=participant_id, receipt_id=receipt_id, to_participant_id=to, reference=reference
            )
        )

    def pledge(self, participant_id: int, receipt_id: int, lender_id: int = BANK, reference: str = "loan") -> list[Any]:
        return self.do(
            PledgeReceipt(
                participant_id=participant_id,
                receipt_id=receipt_id,
                lender_id=lender_id,
                reference=reference,
                amount_fen=1_000_000,
            )
        )

    def release(self, receipt_id: int, lender_id: int = BANK) -> list[Any]:
        return self.do(ReleasePledge(lender_id=lender_id, receipt_id=receipt_id))

    def hold(self, receipt_id: int, cause: Any = "quality", operator_id: int = WAREHOUSE) -> list[Any]:
        return self.do(HoldReceipt(operator_id=operator_id, receipt_id=receipt_id, cause=cause, reason="a smell"))

    def lift(self, receipt_id: int, cause: Any = "quality", operator_id: int = WAREHOUSE) -> list[Any]:
        return self.do(LiftHold(operator_id=operator_id, receipt_id=receipt_id, cause=cause))

    def lose(self, participant_id: int, receipt_id: int) -> list[Any]:
        return self.do(ReportLoss(participant_id=participant_id, receipt_id=receipt_id, reason="burnt"))

    def replace(self, receipt_id: int, operator_id: int = OPERATOR) -> list[Any]:
        return self.do(ReplaceReceipt(operator_id=operator_id, receipt_id=receipt_id))

    def void(self, receipt_id: int, operator_id: int = OPERATOR) -> list[Any]:
        return self.do(VoidReceipt(operator_id=operator_id, receipt_id=receipt_id, reason="the wrong lot"))

    def regrade(self, lot_id: int, grade: Any = "2", colour_stage: int = 1, **changes: Any) -> list[Any]:
        fields = {"operator_id": WAREHOUSE, "reason": "stored fruit inspected"} | changes
        return self.do(RegradeLot(lot_id=lot_id, grade=grade, colour_stage=colour_stage, **fields))

    def shrink(self, lot_id: int, weight_g: int, operator_id: int = WAREHOUSE) -> list[Any]:
        return self.do(RecordShrinkage(operator_id=operator_id, lot_id=lot_id, weight_g=weight_g, reason="dried up"))

    def count(self, lot_id: int, weight_g: int, operator_id: int = WAREHOUSE) -> list[Any]:
        return self.do(TakeStock(operator_id=operator_id, lot_id=lot_id, weight_g=weight_g))

    def the(self, receipt_id: int) -> Receipt:
        """A live receipt."""
        receipt = self.engine.receipt(receipt_id)
        assert receipt is not None
        return receipt

    def parts(self, participant_id: int = CHEN) -> list[int]:
        """Numbers of his live receipts."""
        return [receipt.receipt_id for receipt in self.engine.receipts(participant_id)]
