"""Books with people and goods in the stores, and a desk that writes down what it is asked: offices are tried on these.

1 the operator, 2 the warehouse, 3 the grower Chen, 4 the trader Li. The day is 2026-11-23, 10:00 in Suixi.
"""

from collections.abc import Iterable
from typing import Any

from settlement.books import Books
from settlement.civil import day_number, day_start_ns, venue_day
from settlement.ledger import BANK, participant_account
from settlement.messages import ConfigureVenue, RegisterParticipant, RequestRefused
from settlement.receipts import LiveReceipt
from settlement.storage import first_chargeable_day, tariff_of
from settlement.venue import VARIETIES, WAREHOUSES

OPERATOR, WAREHOUSE, CHEN, LI = 1, 2, 3, 4
SYMBOL = "BXJ-1-SX1-26W47"
HOUR_NS = 3_600 * 10**9
DAY_NS = 24 * HOUR_NS
MONDAY = day_start_ns(day_number("2026-11-23") or 0) + 10 * HOUR_NS


class Desk:
    """Says what offices have asked of trading."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def uncover(self, receipt: LiveReceipt, reason: str, kept_g: int = 0) -> None:
        self.asked.append(("uncover", receipt.receipt_id, reason, kept_g))

    def uncover_all(self, receipts: Iterable[LiveReceipt], reason: str) -> None:
        self.asked.append(("uncover", [receipt.receipt_id for receipt in receipts], reason))

    def open(self, symbol: str) -> None:
        self.asked.append(("open", symbol))

    def close_exhausted(self, symbols: Iterable[str]) -> None:
        self.asked.append(("close", list(symbols)))

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"nobody here asks the desk for {name}")


class Stores:
    """One office over books of its own. Every verb executes one command and answers with what it led to."""

    def __init__(self, office: Any, **configured: Any) -> None:
        self.books = Books()
        self.desk = Desk()
        self.books.desk = self.desk
        self.office = office(self.books)
        self.lots = 0
        self.books.configure(
            ConfigureVenue(fee_rate_ppm=0, fee_minimum_fen=0, warehouses=WAREHOUSES, varieties=VARIETIES, **configured)
        )
        self.books.time_ns = MONDAY
        for name, roles in (
            ("operator", ("operator",)),
            ("warehouse", ("warehouse",)),
            ("chen", ("grower", "trader")),
            ("li", ("trader",)),
        ):
            command = RegisterParticipant(name=name, display_name=name.title(), roles=roles)  # type: ignore[arg-type]
            self.books.admit(self.books.participants.register(command))

    def do(self, command: Any) -> list[Any]:
        """Execute, audit, and answer what happened."""
        self.books.sequence += 1
        self.office.handlers()[type(command)](command)
        self.books.close()
        self.office.audit()
        self.books.receipts.audit()
        self.books.ledger.audit()
        told = list(self.books.events)
        self.books.events.clear()
        return told

    def refused(self, command: Any) -> tuple[str, str | None]:
        """Why the command is refused; it must change nothing."""
        before = (self.office.state(), self.books.receipts.state(), self.books.ledger.state())
        (event,) = self.do(command)
        assert isinstance(event, RequestRefused)
        assert event.command == command.__struct_config__.tag
        assert before == (self.office.state(), self.books.receipts.state(), self.books.ledger.state())
        return event.reason, event.field

    def deposit(self, participant_id: int, amount_fen: int) -> None:
        self.books.pay(BANK, self.books.purses[participant_id], amount_fen)
        self.books.balances.clear()

    def cash(self, participant_id: int) -> int:
        return self.books.purses[participant_id].total_fen

    def store(
        self, holder_id: int = CHEN, weight_g: int = 10_000_000, *, warehouse: str = "SX1", life_days: int = 20
    ) -> LiveReceipt:
        """A new lot with its receipt."""
        books = self.books
        self.lots += 1
        today = venue_day(books.time_ns)
        tariff = tariff_of(books.venue.storage, warehouse)
        receipt = books.receipts.issue(
            self.lots,
            holder_id,
            SYMBOL.replace("SX1", warehouse),
            warehouse,
            "2026-11-20",
            20_777,
            weight_g,
            day_start_ns(today + life_days),
            WAREHOUSE,
            books.time_ns,
            tariff=tariff,
            storage_from_day=first_chargeable_day(tariff, today),
        )
        stock = books.receipts.stock(self.lots)
        books.move_goods(stock, stock.account, participant_account(holder_id), weight_g)
        return receipt

    def wait(self, *, days: int = 0, hours: int = 0) -> None:
        self.books.time_ns += days * DAY_NS + hours * HOUR_NS
