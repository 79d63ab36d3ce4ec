"""What the parties of contracts do, and operators about them; and what buyers, drivers and the gate do."""

from typing import Any

from settlement.hand_over_codes import code_digest
from settlement.messages.contracts import (
    AcceptGoods,
    AgreeWeight,
    AnswerObjection,
    ApproveOutcome,
    ConfirmForceMajeure,
    Contract,
    DeclareForceMajeure,
    ObjectQuality,
    OpenDispute,
    PayContract,
    ProposeOutcome,
    RegisterInvoice,
    TenderGoods,
    WithdrawObjection,
)
from settlement.messages.delivery import (
    AcceptDelivery,
    BookSlot,
    CancelDelivery,
    CancelSlot,
    DeliveryOrder,
    DismissFailure,
    HandOver,
    MoveSlot,
    RenewCode,
    ReportFailedDelivery,
    RequestDelivery,
    StartBuyIn,
    VoidLoad,
    WeighOut,
)
from settlement.messages.storage import PayStorage
from tests.exchange.whole_venue.crowd import HOUR_NS, MINUTE_NS, Chance, Group

SALT = "00112233445566778899aabbccddeeff"
CODES = ("7K0Q1M4Z", "ZZZZ0000")


class Parties:
    def __init__(self, chance: Chance) -> None:
        self.chance = chance

    def groups(self) -> list[Group]:
        return [
            Group(
                "contracts", [(14, self.go_on), (0.6, self.dispute), (0.5, self.force_majeure), (0.5, self.anything)]
            ),
            Group("decisions", [(3, self.decide)]),
        ]

    def contract(self, *states: str) -> Contract | None:
        """One in any of these states; in a rare state as likely as in a common one."""
        found = [each for each in self.chance.books.contracts.live.values() if not states or each.state in states]
        state = self.chance.one(list(dict.fromkeys(each.state for each in found)))
        return self.chance.one([each for each in found if each.state == state])

    def go_on(self) -> Any:
        """What somebody is to do next."""
        chance = self.chance
        contract = self.contract("concluded", "paid", "tendered", "overdue", "weighed", "part_paid", "objected")
        if contract is None:
            return None
        contract_id, buyer_id, seller_id = contract.contract_id, contract.buyer_id, contract.seller_id
        match contract.state:
            case "concluded" | "paid" | "tendered" | "overdue":
                if not contract.paid and chance.likely(60):
                    return PayContract(participant_id=buyer_id, contract_id=contract_id)
                return self.tender(contract)
            case "weighed":
                weight_g = contract.weighed_g or 1
                if chance.likely(15):
                    weight_g += chance.pick(-300, 200)
                if chance.likely(15):
                    return self.object(contract)
                if chance.likely(15):
                    return WithdrawObjection(participant_id=buyer_id, contract_id=contract_id)
                who = chance.pick(buyer_id, seller_id)
                return AgreeWeight(participant_id=who, contract_id=contract_id, weight_g=max(1, weight_g))
            case "part_paid":
                drawn = chance.random.random()
                if drawn < 0.25:
                    return AcceptGoods(participant_id=buyer_id, contract_id=contract_id)
                if drawn < 0.65:
                    return self.object(contract)
                return self.invoice(contract)
            case _:
                drawn = chance.random.random()
                if drawn < 0.2:
                    return WithdrawObjection(participant_id=buyer_id, contract_id=contract_id)
                if drawn < 0.35:
                    return self.invoice(contract)
                return AnswerObjection(
                    participant_id=seller_id, contract_id=contract_id, accepted=chance.likely(75), reason="seen"
                )

    def tender(self, contract: Contract) -> Any:
        chance = self.chance
        receipt_ids = None
        if chance.likely(40):
            mine = [each for each in chance.books.store.of(contract.seller_id) if each.state == "issued"]
            first = chance.one(mine)
            if first is not None:
                alike = [each.receipt_id for each in mine if each.symbol == first.symbol]
                receipt_ids = tuple(chance.random.sample(alike, chance.between(1, len(alike))))
        return TenderGoods(participant_id=contract.seller_id, contract_id=contract.contract_id, receipt_ids=receipt_ids)

    def object(self, contract: Contract) -> Any:
        chance = self.chance
        most_fen = max(1, contract.settled_fen or contract.value_fen)
        report = chance.likely(30)
        return ObjectQuality(
            participant_id=contract.buyer_id,
            contract_id=contract.contract_id,
            reason="crown rot",
            claim_fen=most_fen if chance.likely(20) else chance.between(1, most_fen),
            photo_digests=() if report else ("a" * 64,),
            laboratory="Zhanjiang" if report else None,
            report_number="7" if report else None,
            report_digest="b" * 64 if report else None,
        )

    def invoice(self, contract: Contract) -> Any:
        return RegisterInvoice(
            participant_id=contract.seller_id,
            contract_id=contract.contract_id,
            invoice_number=self.chance.name("invoice"),
            amount_fen=max(0, (contract.settled_fen or 0) - contract.granted_fen),
        )

    def dispute(self) -> Any:
        contract = self.contract("overdue", "delivering", "uncollected", "failed", "weighed", "part_paid", "objected")
        if contract is None:
            return None
        who = self.chance.pick(contract.buyer_id, contract.seller_id)
        return OpenDispute(participant_id=who, contract_id=contract.contract_id, reason="no agreement")

    def force_majeure(self) -> Any:
        contract = self.contract()
        if contract is None:
            return None
        operator_id = self.chance.operator()
        return DeclareForceMajeure(operator_id=operator_id, contract_id=contract.contract_id, reason="typhoon")

    def decide(self) -> Any:
        """Propose how a dispute ends, or agree to what is proposed."""
        chance = self.chance
        proposed = [each for each in chance.books.contracts.live.values() if each.proposal is not None]
        contract = chance.one(proposed) if chance.likely(60) else None
        if contract is not None and contract.proposal is not None:
            command = ApproveOutcome if contract.proposal.kind == "outcome" else ConfirmForceMajeure
            operator_id = chance.another_operator(contract.proposal.operator_id)
            return command(operator_id=operator_id, contract_id=contract.contract_id)
        contract = self.contract("disputed")
        if contract is None:
            return None
        held = chance.books.contracts.held[contract.contract_id]
        total_fen = sum(held.values())
        buyer_fen = chance.between(0, total_fen)
        seller_fen = chance.between(0, total_fen - buyer_fen)
        if chance.likely(25):
            buyer_fen, seller_fen = chance.pick((total_fen, 0), (0, total_fen), (0, 0))
        return ProposeOutcome(
            operator_id=chance.operator(),
            contract_id=contract.contract_id,
            buyer_fen=buyer_fen,
            seller_fen=seller_fen,
            risk_fund_fen=total_fen - buyer_fen - seller_fen,
            goods_to=chance.pick("buyer", "seller"),
            reason="heard",
        )

    def anything(self) -> Any:
        """Something that may not be the time for."""
        chance = self.chance
        contract = self.contract()
        if contract is None:
            return None
        buyer = {"participant_id": contract.buyer_id, "contract_id": contract.contract_id}
        drawn = chance.between(0, 7)
        if drawn < 5:
            made: list[Any] = [
                PayContract(**buyer),
                AcceptGoods(**buyer),
                WithdrawObjection(**buyer),
                AgreeWeight(**buyer, weight_g=chance.between(1, 20_000)),
                ApproveOutcome(operator_id=chance.operator(), contract_id=contract.contract_id),
            ]
            return made[drawn]
        return (self.tender, self.object, self.invoice)[drawn - 5](contract)


class Drivers:
    """From the order to the gate."""

    def __init__(self, chance: Chance) -> None:
        self.chance = chance

    def groups(self) -> list[Group]:
        return [
            Group("orders out", [(1.5, self.request), (0.7, self.cancel)]),
            Group("gate", [(18, self.go_on), (0.6, self.void), (0.5, self.free_slot), (1, self.anything)]),
            Group("failures", [(0.9, self.fail), (2.5, self.make_good)]),
        ]

    def order(self, *states: str) -> DeliveryOrder | None:
        """One in any of these states; in a rare state as likely as in a common one, more often a contract's."""
        found = [each for each in self.chance.books.gate.open.values() if not states or each.state in states]
        state = self.chance.one(list(dict.fromkeys(each.state for each in found)))
        orders = [each for each in found if each.state == state]
        promised = [each for each in orders if each.contract_id is not None]
        return self.chance.one(promised if promised and self.chance.likely(50) else orders)

    def request(self) -> Any:
        chance = self.chance
        receipt = chance.receipt("issued") if chance.likely(95) else chance.receipt("held", "pledged", "expired")
        if receipt is None:
            return None
        coded: dict[str, Any] = {}
        if chance.likely(50):
            coded = {"code_salt": SALT, "code_digest": code_digest(SALT, CODES[0])}
        return RequestDelivery(
            participant_id=receipt.participant_id,
            receipt_id=receipt.receipt_id,
            weight_g=chance.between(1, receipt.weight_g) if chance.likely(50) else None,
            reference=chance.name("fetch") if chance.likely(50) else None,
            **coded,
        )

    def cancel(self) -> Any:
        order = self.order()
        if order is None:
            return None
        return CancelDelivery(participant_id=order.participant_id, delivery_id=order.delivery_id)

    def go_on(self) -> Any:
        """What is next for a delivery: storage, a dock, the scale, a code, the gate, a word."""
        chance = self.chance
        order = self.order("ordered", "loading", "loaded", "handed_over")
        if order is None:
            return None
        delivery_id, buyer_id = order.delivery_id, order.participant_id
        if order.state == "handed_over":
            if chance.likely(60):
                return None
            return AcceptDelivery(participant_id=buyer_id, delivery_id=delivery_id)
        loads = chance.engine.delivery.loads(delivery_id)
        if loads and (order.state == "loaded" or chance.likely(50)):
            if not order.tries_left:
                return self.draw_code(order)
            code = chance.pick(*[CODES[0].lower()] * 9, CODES[1])
            return HandOver(operator_id=chance.storekeeper(), delivery_id=delivery_id, code=code)
        if order.state == "loaded":
            return None
        receipt = chance.books.store.receipts.get(order.receipt_id)
        if receipt is None:
            return self.weigh(order, 1_000)
        due = chance.engine.storekeeper.due(order.receipt_id, chance.today())
        if due is not None and due.due_fen and chance.likely(85):
            return PayStorage(participant_id=buyer_id, receipt_ids=(order.receipt_id,))
        docked = any(dock.warehouse == order.warehouse for dock in chance.engine.venue().docks)
        if docked and receipt.expires_ns > chance.now_ns:
            if order.slot is None:
                return self.book(order)
            if not order.slot.starts_ns - 30 * MINUTE_NS <= chance.now_ns < order.slot.ends_ns and chance.likely(15):
                return self.book(order)
        left_g = receipt.weight_g - sum(load.posted_g for load in loads)
        return self.weigh(order, left_g)

    def draw_code(self, order: DeliveryOrder) -> Any:
        return RenewCode(
            participant_id=order.participant_id,
            delivery_id=order.delivery_id,
            code_salt=SALT,
            code_digest=code_digest(SALT, self.chance.pick(*[CODES[0]] * 9, CODES[1])),
        )

    def weigh(self, order: DeliveryOrder, left_g: int) -> Any:
        """A truck: all that is left, a little more, a part, or nearly all and the last."""
        chance = self.chance
        left_g = max(1, left_g)
        drawn = chance.random.random() + (0.15 if order.contract_id is not None else 0)
        last = False
        if drawn < 0.40:
            net_g = left_g
        elif drawn < 0.55:
            net_g = left_g + left_g * chance.pick(3, 60, 99) // 1_000
        elif drawn < 0.70:
            net_g = chance.between(1, left_g)
        else:
            net_g = max(1, left_g - left_g * chance.pick(10, 40, 90, 300) // 1_000)
            last = True
        return WeighOut(
            operator_id=chance.storekeeper(),
            delivery_id=order.delivery_id,
            ticket=chance.name("T"),
            gross_g=net_g + 7_000,
            tare_g=7_000,
            scale_id="SX1-9",
            plate="粤G·12345",
            carrier="北坡物流",
            driver="黄师傅",
            last=last,
            reason="dried" if last and chance.likely(90) else None,
        )

    def book(self, order: DeliveryOrder) -> Any:
        """The slot that runs now or comes next, or one of the day."""
        chance = self.chance
        docks = [dock for dock in chance.engine.venue().docks if dock.warehouse == order.warehouse]
        dock = chance.one(docks)
        if dock is None:
            return None
        slot_ns = dock.slot_seconds * 10**9
        first_ns = -(-chance.now_ns // slot_ns) * slot_ns
        command = BookSlot if order.slot is None or chance.likely(10) else MoveSlot
        return command(
            participant_id=chance.pick(order.participant_id, order.participant_id, 4),
            delivery_id=order.delivery_id,
            dock=dock.code,
            starts_ns=first_ns + chance.pick(0, 0, 0, 1, 2, 20) * slot_ns,
            slots=chance.pick(1, 1, 2, 4),
        )

    def free_slot(self) -> Any:
        found = [each for each in self.chance.books.gate.open.values() if each.slot is not None]
        order = self.chance.one(found)
        if order is None:
            return None
        return CancelSlot(participant_id=order.participant_id, delivery_id=order.delivery_id)

    def void(self) -> Any:
        chance = self.chance
        load = chance.one(list(chance.books.gate.loads.values()))
        if load is None:
            return None
        return VoidLoad(
            operator_id=chance.storekeeper(), delivery_id=load.delivery_id, load_id=load.load_id, reason="wrong pallet"
        )

    def fail(self) -> Any:
        chance = self.chance
        order = self.order("ordered", "loading")
        if order is None:
            return None
        receipt = chance.books.store.receipts.get(order.receipt_id)
        likely = ["missing", "spoiled", "refused"]
        if receipt is not None and receipt.state == "held":
            likely += ["held"] * 3
        if receipt is not None and receipt.expires_ns <= chance.now_ns:
            likely += ["expired"] * 3
        cause: Any = chance.pick(*likely)
        return ReportFailedDelivery(
            operator_id=chance.pick(1, 4, 5), delivery_id=order.delivery_id, cause=cause, reason="not there"
        )

    def make_good(self) -> Any:
        chance = self.chance
        order = self.order("failed")
        if order is None:
            return None
        operator_id = chance.another_operator(order.reported_by)
        if chance.likely(30):
            return DismissFailure(operator_id=operator_id, delivery_id=order.delivery_id, reason="found")
        named: dict[str, Any] = {}
        if order.contract_id is None or chance.likely(4):
            named["base_price"] = chance.between(80, 120)
            named["defaulter_id"] = chance.pick(None, None, chance.trader())
        return StartBuyIn(operator_id=operator_id, delivery_id=order.delivery_id, **named)

    def anything(self) -> Any:
        """Something that may not be the time for."""
        chance = self.chance
        order = self.order()
        if order is None:
            return None
        made = (
            lambda: self.book(order),
            lambda: self.draw_code(order),
            lambda: self.weigh(order, order.ordered_g - order.handed_g),
            lambda: HandOver(operator_id=4, delivery_id=order.delivery_id, code=CODES[0]),
            lambda: AcceptDelivery(participant_id=order.participant_id, delivery_id=order.delivery_id),
            lambda: MoveSlot(
                participant_id=order.participant_id,
                delivery_id=order.delivery_id,
                dock="A",
                starts_ns=chance.now_ns // HOUR_NS * HOUR_NS + chance.between(0, 5) * HOUR_NS,
            ),
        )
        return chance.pick(*made)()
