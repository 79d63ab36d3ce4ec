"""What the parties owe each other first: the buyer the price, the seller the goods; both done, title passes."""

from typing import Any, Final

from msgspec.structs import replace

from settlement.books import Books
from settlement.civil import DAY_NS
from settlement.contracts.goods import GoodsRoom
from settlement.contracts.money import OTHER, Side, Till, value_fen
from settlement.contracts.register import Register
from settlement.differentials import Differentials, Goods
from settlement.messages.contracts import Contract, Party, PayContract, TenderGoods
from settlement.receipts import GRAMS, LiveReceipt
from settlement.symbols import parse_symbol


class Performance:
    """Paying, tendering, and the passing of title."""

    def __init__(self, books: Books, register: Register, goods: GoodsRoom) -> None:
        self._books: Final = books
        self._register: Final = register
        self._goods: Final = goods

    def pay(self, command: PayContract) -> None:
        """Refused: `unknown_contract`, `wrong_party`, `wrong_state`, `already_paid`, `insufficient_funds`."""
        contract = self._register.own(command, "pay", "buyer")
        if contract is None:
            return
        if contract.paid:
            self._books.refuse(command, "already_paid", "contract_id")
            return
        till = Till(self._books, contract)
        if contract.due_fen > till.free_fen("buyer"):
            self._books.refuse(command, "insufficient_funds", "contract_id")
            return
        till.pay_in(contract.due_fen)
        state = "overdue" if contract.state == "overdue" else "paid"
        contract = till.close(paid=True, state=state, **self._not_late(contract, "buyer"))
        contract = self._register.put(self.withdraw_tender(contract), "paid")
        if contract.tendered:
            self.pass_title(contract)

    def tender(self, command: TenderGoods) -> None:
        """Refused: `unknown_contract`, `wrong_party`, `wrong_state`, `already_tendered`; of the goods set aside:
        `goods_not_at_hand`; of others: `substitution_not_allowed`, `invalid_receipt_ids`, `unknown_receipt`,
        `wrong_variety`, `no_differential`, `insufficient_goods`, `goods_expire`, `price_not_positive`,
        `premium_uncovered`.
        """
        contract = self._register.own(command, "tender", "seller")
        if contract is None:
            return
        if contract.tendered and self._goods.at_hand(contract):
            self._books.refuse(command, "already_tendered", "contract_id")
            return
        if command.receipt_ids is None:
            if not self._goods.at_hand(contract):
                self._books.refuse(command, "goods_not_at_hand", "contract_id")
                return
            self._tendered(contract)
            return
        offered = self._substitution(contract, command.receipt_ids)
        if isinstance(offered, str):
            self._books.refuse(command, offered, "receipt_ids")
            return
        differential, symbol = offered
        receipt_ids = tuple(self._goods.substitute(contract, command.receipt_ids))
        self._tendered(
            replace(
                contract,
                receipt_ids=receipt_ids,
                goods_symbol=symbol,
                differential_fen=differential,
                due_fen=(contract.price + differential) * contract.quantity,
            )
        )

    def _substitution(self, contract: Contract, receipt_ids: tuple[int, ...]) -> tuple[int, str] | str:
        """(differential, symbol) of other goods in place of those set aside, or the refusal. Changes nothing.

        Several receipts are of one symbol, and the least of them counts for all.
        """
        books = self._books
        if not contract.terms.substitution:
            return "substitution_not_allowed"
        if not receipt_ids or len(dict.fromkeys(receipt_ids)) != len(receipt_ids):
            return "invalid_receipt_ids"
        receipts: list[LiveReceipt] = []
        for receipt_id in receipt_ids:
            receipt = books.receipts.get(receipt_id)
            if receipt is None or receipt.participant_id != contract.seller_id or receipt.state != "issued":
                return "unknown_receipt"
            receipts.append(receipt)
        stocks = [books.receipts.stock(receipt.lot_id) for receipt in receipts]
        if any(stock.symbol != stocks[0].symbol for stock in stocks):
            return "invalid_receipt_ids"
        agreed = parse_symbol(contract.symbol)
        parts = parse_symbol(stocks[0].symbol)
        assert agreed is not None
        assert parts is not None
        if parts.variety != agreed.variety:
            return "wrong_variety"
        table = Differentials(books.venue.differentials)
        standard = Goods(agreed.warehouse, agreed.grade, str(contract.colour_stage))
        found = [
            table.between(agreed.variety, standard, Goods(stock.warehouse, parts.grade, str(stock.colour_stage)))
            for stock in stocks
        ]
        worth = [each for each in found if each is not None]
        if len(worth) != len(found):
            return "no_differential"
        if sum((receipt.weight_g - receipt.reserved_g) // GRAMS for receipt in receipts) < contract.quantity:
            return "insufficient_goods"
        if any(stock.expires_ns < contract.pickup_by_ns for stock in stocks):
            return "goods_expire"
        price = contract.price + min(worth)
        if price <= 0:
            return "price_not_positive"
        if contract.paid:
            most_g = contract.quantity * (1_000 + contract.terms.tolerance_permille)
            if value_fen(price, most_g) - contract.escrow_fen > contract.buyer_earnest_fen:
                return "premium_uncovered"
        return min(worth), stocks[0].symbol

    def _tendered(self, contract: Contract) -> None:
        changes: dict[str, Any] = {"tendered": True, **self._not_late(contract, "seller")}
        if contract.state == "concluded":
            changes["state"] = "tendered"
        contract = self._register.put(replace(contract, **changes), "tendered")
        if contract.paid:
            self.pass_title(contract)

    def withdraw_tender(self, contract: Contract) -> Contract:
        """Goods that are not at hand any more are not tendered; who is late then is the seller."""
        if not contract.tendered or self._goods.at_hand(contract):
            return contract
        late: Party | None = contract.late
        if contract.state == "overdue":
            late = "seller" if contract.paid else "both"
        return replace(contract, tendered=False, late=late)

    @staticmethod
    def _not_late(contract: Contract, side: Side) -> dict[str, Any]:
        """He has done his part; the other may be late still."""
        if contract.state != "overdue":
            return {}
        return {"late": OTHER[side] if contract.late in ("both", OTHER[side]) else None}

    def pass_title(self, contract: Contract) -> None:
        """Both have done their part. Whoever was late has put off what follows by as many days."""
        books = self._books
        put_off_ns = contract.late_days * DAY_NS
        storage = self._goods.storage_due(contract)
        receipts, transfers = self._goods.pass_title(contract)
        books.post("contract", contract.contract_id, transfers)
        books.desk.close_exhausted((contract.goods_symbol,))
        contract = replace(
            contract,
            state="delivering",
            receipt_ids=tuple([receipt.receipt_id for receipt in receipts]),
            title_ns=books.time_ns,
            pickup_by_ns=contract.pickup_by_ns + put_off_ns,
            final_by_ns=contract.final_by_ns + put_off_ns,
            late=None,
            late_days=0,
            storage=storage,
        )
        tolerance = contract.terms.tolerance_permille
        delivery_ids = [
            self._register.deliveries.open_for_contract(
                receipt, contract.contract_id, receipt.weight_g * tolerance // 1_000
            )
            for receipt in receipts
        ]
        self._register.put(replace(contract, delivery_ids=tuple(delivery_ids)), "title_passed")
