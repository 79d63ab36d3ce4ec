"""Books with the office of contracts over them, a desk and a delivery office that only write down what they are asked.

1 the operator, 2 the warehouse, 3 the grower Chen who sells, 4 the trader Li who buys, 5 a second operator, 6 the
trader Wang. It is Wednesday 2026-09-23, 10:00 in Suixi. The venue trades Monday to Friday, but not on 2026-09-25
(mid-autumn) and not from 2026-10-01 to 2026-10-07.
"""

from typing import Any

from matching.messages import Side, TradeExecuted
from settlement.books import Books
from settlement.civil import day_number, day_start_ns, iso_date, venue_day
from settlement.clearing import Order
from settlement.contracts import Contracts
from settlement.ledger import BANK, participant_account
from settlement.messages import ConfigureVenue, RegisterParticipant, RequestRefused
from settlement.messages.contracts import AnnounceTradingDays, Contract, ContractChanged, ContractTerms
from settlement.receipts import LiveReceipt
from settlement.storage import tariff_of
from settlement.symbols import parse_symbol
from settlement.venue import VARIETIES, WAREHOUSES

OPERATOR, WAREHOUSE, CHEN, LI, DEPUTY, WANG = 1, 2, 3, 4, 5, 6
SYMBOL = "BXJ-1-SX1-26W39"
HOUR_NS = 3_600 * 10**9
DAY_NS = 24 * HOUR_NS
HOLIDAYS = ("2026-09-25", *(f"2026-10-{day:02}" for day in range(1, 8)))


def day_of(date: str) -> int:
    day = day_number(date)
    assert day is not None
    return day


def time_of(date: str, hour: int = 0) -> int:
    """The time in nanoseconds of an hour on the venue's wall."""
    return day_start_ns(day_of(date)) + hour * HOUR_NS


def announcement(since: str, until: str) -> AnnounceTradingDays:
    """Monday to Friday without `HOLIDAYS`."""
    days = [iso_date(day) for day in range(day_of(since), day_of(until) + 1) if (day + 3) % 7 < 5]
    return AnnounceTradingDays(since=since, until=until, days=tuple(day for day in days if day not in HOLIDAYS))


class Desk:
    """Trading is asked for nothing here that it would have to do."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []

    def open(self, symbol: str) -> None:
        self.asked.append(("open", symbol))

    def close_exhausted(self, symbols: Any) -> None:
        self.asked.append(("close", tuple(symbols)))

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"nobody here asks the desk for {name}")


class Gate:
    """Delivery orders by number: the receipts that are to be fetched."""

    def __init__(self) -> None:
        self.orders: dict[int, int] = {}
        self.tolerances: dict[int, int] = {}

    def open_for_contract(self, receipt: LiveReceipt, contract_id: int, tolerance_g: int) -> int:
        delivery_id = len(self.tolerances) + 1
        assert receipt.state == "delivery_ordered"
        self.orders[delivery_id] = receipt.receipt_id
        self.tolerances[delivery_id] = tolerance_g
        return delivery_id

    def withdraw(self, receipt_id: int) -> bool:
        for delivery_id, ordered in list(self.orders.items()):
            if ordered == receipt_id:
                del self.orders[delivery_id]
                return True
        return False


class ContractBooks:
    """Every verb executes one command or lets time come, audits, and answers with what it led to."""

    def __init__(self, terms: ContractTerms | None = None, **configured: Any) -> None:
        self.terms = terms or ContractTerms()
        self.books = Books()
        self.desk = Desk()
        self.books.desk = self.desk
        self.gate = Gate()
        self.contracts = Contracts(self.books)
        self.contracts.deliver_by(self.gate)
        self.books.configure(
            ConfigureVenue(
                fee_rate_ppm=500, fee_minimum_fen=0, warehouses=WAREHOUSES, varieties=VARIETIES, **configured
            )
        )
        self.books.time_ns = time_of("2026-09-23", 10)
        self.lots = 0
        self.trades = 0
        self.ended: dict[int, Contract] = {}
        for name, roles in (
            ("operator", ("operator",)),
            ("warehouse", ("warehouse",)),
            ("chen", ("grower", "trader")),
            ("li", ("trader",)),
            ("deputy", ("operator",)),
            ("wang", ("trader",)),
        ):
            command = RegisterParticipant(name=name, display_name=name.title(), roles=roles)  # type: ignore[arg-type]
            self.books.admit(self.books.participants.register(command))
        self.do(announcement("2026-09-21", "2026-12-31"))

    # People and goods

    def deposit(self, participant_id: int, amount_fen: int) -> None:
        self.books.pay(BANK, self.books.purses[participant_id], amount_fen)
        self.books.balances.clear()

    def spend(self, participant_id: int, amount_fen: int) -> None:
        self.books.pay(self.books.purses[participant_id], BANK, amount_fen)
        self.books.balances.clear()

    def cash(self, participant_id: int) -> int:
        return self.books.purses[participant_id].total_fen

    def account(self, name: str) -> int:
        return self.books.ledger.balance("CNY", name)

    def store(
        self,
        kilograms: int,
        *,
        holder_id: int = CHEN,
        symbol: str = SYMBOL,
        expires: str = "2026-12-31",
        colour_stage: int = 1,
    ) -> LiveReceipt:
        """A new lot with its receipt; the first day of storage is today."""
        books = self.books
        self.lots += 1
        parts = parse_symbol(symbol)
        assert parts is not None
        receipt = books.receipts.issue(
            self.lots,
            holder_id,
            symbol,
            parts.warehouse,
            "2026-09-22",
            day_of("2026-09-22"),
            kilograms * 1_000,
            time_of(expires),
            WAREHOUSE,
            books.time_ns,
            tariff=tariff_of(books.venue.storage, parts.warehouse),
            colour_stage=colour_stage,
        )
        stock = books.receipts.stock(self.lots)
        books.move_goods(stock, stock.account, participant_account(holder_id), kilograms * 1_000)
        return receipt

    # Trading

    def order(self, side: Side, participant_id: int, price: int, quantity: int) -> Order:
        """An offer that has reserved what its contracts will take."""
        books = self.books
        order = Order(
            order_id=2 * self.trades + (1 if side == "sell" else 2),
            client_order_id="a",
            participant_id=participant_id,
            symbol=SYMBOL,
            side=side,
            kind="limit",
            price=price,
            stop_price=None,
            quantity=quantity,
            time_in_force="gtc",
            expires_ns=None,
            display_quantity=None,
            minimum_quantity=None,
            post_only=False,
            named=None,
            fee_rate_ppm=books.venue.fee_rate_ppm,
            fee_taker_rate_ppm=books.venue.taker_rate_ppm,
            fee_minimum_fen=books.venue.fee_minimum_fen,
            bound=price,
            lots=[],
            plain=False,
            via="listing" if side == "sell" else "take",
            terms=self.terms,
        )
        order.reserved_fen = order.required_fen(quantity, price)
        purse = books.purses[participant_id]
        assert order.reserved_fen <= purse.total_fen - purse.reserved_fen
        purse.reserved_fen += order.reserved_fen
        if side == "sell":
            refusal = books.receipts.reserve(participant_id, SYMBOL, quantity, None, order.lots)
            assert refusal is None, refusal
        return order

    def match(self, buy: Order, sell: Order, price: int, quantity: int) -> list[Any]:
        self.trades += 1
        trade = TradeExecuted(self.trades, SYMBOL, price, quantity, buy.order_id, sell.order_id, "buy")
        self.contracts.conclude(trade, buy, sell)
        return self._told()

    def drop(self, order: Order) -> None:
        """The offer ends, and what it still holds is free."""
        if order.lots:
            self.books.receipts.release(order.lots, sum(held for _, held in order.lots))
        self.books.purses[order.participant_id].reserved_fen -= order.reserved_fen
        order.reserved_fen = 0

    def trade(self, price: int = 300, quantity: int = 1_000, *, buyer: int = LI, seller: int = CHEN) -> Contract:
        """The seller's listing is taken whole: the contract."""
        sell, buy = self.order("sell", seller, price, quantity), self.order("buy", buyer, price, quantity)
        told = self.match(buy, sell, price, quantity)
        self.drop(buy)
        self.drop(sell)
        return contract_in(told)

    def open(self, price: int = 300, quantity: int = 1_000) -> Contract:
        """Goods in the store, money in both purses, and a contract over them."""
        self.store(quantity)
        self.deposit(CHEN, price * quantity)
        self.deposit(LI, 2 * price * quantity)
        return self.trade(price, quantity)

    # Doing

    def do(self, command: Any) -> list[Any]:
        """Execute a command that is not refused."""
        told = self._execute(command)
        refused = [event for event in told if isinstance(event, RequestRefused)]
        assert not refused, refused
        return told

    def refused(self, command: Any) -> str:
        """Why the command is refused; it must change nothing."""
        before = self._everything()
        (event,) = self._execute(command)
        assert isinstance(event, RequestRefused), event
        assert before == self._everything()
        return event.reason

    def let(self, hook: str, *arguments: Any) -> list[Any]:
        """The delivery office tells something."""
        getattr(self.contracts.collection, hook)(*arguments)
        return self._told()

    def fetch(self, contract: Contract, net_g: int, *, reason: str | None = None) -> list[Any]:
        """All of a contract's goods leave by the scale, receipt by receipt."""
        told: list[Any] = []
        left_g = net_g
        for delivery_id in contract.delivery_ids:
            booked_g = self.load_out(delivery_id)
            last = delivery_id == contract.delivery_ids[-1]
            weight_g = left_g if last else net_g * booked_g // (contract.quantity * 1_000)
            left_g -= weight_g
            told += self.let("on_weighed_out", contract.contract_id, delivery_id, weight_g, booked_g, True, 0, reason)
        return told

    def load_out(self, delivery_id: int) -> int:
        """What the warehouse has of it is gone by the books; the grams."""
        books = self.books
        receipt = books.receipts.get(self.gate.orders.pop(delivery_id))
        assert receipt is not None
        stock = books.receipts.load_out(receipt)
        books.move_goods(stock, participant_account(receipt.participant_id), stock.account, receipt.weight_g)
        return receipt.weight_g

    def wait(self, date: str, hour: int = 0) -> list[Any]:
        """Time comes, deadline by deadline."""
        return self.wait_until(time_of(date, hour))

    def wait_until(self, time_ns: int) -> list[Any]:
        told: list[Any] = []
        while (due_ns := self.contracts.next_deadline_ns()) is not None and due_ns <= time_ns:
            self.books.time_ns = due_ns
            self.contracts.reach()
            told += self._told()
        self.books.time_ns = time_ns
        return told

    def now(self, contract: Contract) -> Contract:
        """The contract as it stands, or ended."""
        return self.contracts.get(contract.contract_id) or self.ended[contract.contract_id]

    def _execute(self, command: Any) -> list[Any]:
        self.books.sequence += 1
        self.contracts.handlers()[type(command)](command)
        return self._told()

    def _everything(self) -> Any:
        books = self.books
        purses = [(purse.total_fen, purse.reserved_fen) for purse in books.purses.values()]
        return self.contracts.state(), books.receipts.state(), books.ledger.state(), purses

    def _told(self) -> list[Any]:
        books = self.books
        books.close()
        told = list(books.events)
        books.events.clear()
        for event in told:
            if isinstance(event, ContractChanged) and event.contract.ended_ns is not None:
                self.ended[event.contract.contract_id] = event.contract
        self.contracts.audit()
        books.receipts.audit()
        books.ledger.audit()
        twin = Contracts(books)
        twin.restore(self.contracts.state())
        assert twin.state() == self.contracts.state()
        assert twin.next_deadline_ns() == self.contracts.next_deadline_ns()
        assert twin.digest() == self.contracts.digest()
        return told


def contract_in(told: list[Any]) -> Contract:
    """The contract as the last event of it tells."""
    found: list[Contract] = [event.contract for event in told if isinstance(event, ContractChanged)]
    return found[-1]


def causes(told: list[Any]) -> list[str]:
    """What happened to contracts, in order."""
    return [event.cause for event in told if isinstance(event, ContractChanged)]


def day_now(contracts: ContractBooks) -> str:
    return iso_date(venue_day(contracts.books.time_ns))
