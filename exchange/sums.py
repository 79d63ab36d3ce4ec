"""The sums: what the database's rows must add up to among themselves and against the engine, told in a line each.

    ledger        each asset sums to zero over its accounts, which are the engine's; nobody owes but bank and warehouses
    balances      each is what the transfers of its account add up to, money in fen and goods in grams
    reservations  each balance holds back what live orders, pending payments and receipts that cannot be sold hold
    receipts      the live ones of each lot are its stock: what came in less what went out and what was lost

The database's own transfers, receipts and orders are added up here; the engine only tells its accounts and the money
that its live orders hold, which no row says.
"""

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Connection, select, text

from exchange.engine import Engine
from settlement import tables
from settlement.ledger import may_owe
from settlement.messages import CASH
from settlement.messages.receipts import ENDED_STATES

LIVE_STATUSES: Final = ("accepted", "resting", "partly_filled")
GRAMS: Final = 1_000
"""A kilogram, by which orders count."""

MAXIMUM_TOLD: Final = 20
"""Violations of one rule that are told one by one."""

# A sum of 64-bit amounts may need more bits, which SQLite has not: the halves are added up apart.
_ACCOUNTS: Final = """
SELECT asset, account, sum(upper) AS upper, sum(lower) AS lower FROM (
    SELECT asset, credit AS account, amount / 4294967296 AS upper, amount % 4294967296 AS lower FROM transfers
    UNION ALL
    SELECT asset, debit, -(amount / 4294967296), -(amount % 4294967296) FROM transfers
) AS moved GROUP BY asset, account
"""

Amounts = dict[tuple[int, str], int]
"""By participant and asset, as `balances` has them: `CNY` in fen, a symbol in grams."""


class Sums:
    """Reads the snapshot of `connection`, at whose cursor `engine` stands. `violations` counts what was found."""

    def __init__(self, connection: Connection, engine: Engine, report: Callable[[str], Any]) -> None:
        self._connection = connection
        self._engine = engine
        self._report = report
        self.violations = 0
        self._accounts: dict[tuple[str, str], int] = {
            (row.asset, row.account): held
            for row in connection.execute(text(_ACCOUNTS))
            if (held := int(row.upper) * 4_294_967_296 + int(row.lower))
        }
        table = tables.receipts
        self._receipts = connection.execute(select(table).where(table.c.state.not_in(ENDED_STATES))).all()
        self._symbols = {f"LOT-{row.lot_id}": row.symbol for row in self._receipts}
        self._balances = connection.execute(select(tables.balances)).all()

    def check(self) -> None:
        """Report each rule in its turn, after what violates it. O(transfers + what is live)."""
        for about, rule in (
            ("ledger", self._ledger),
            ("balances", self._add_up),
            ("reservations", self._reservations),
            ("receipts", self._stock),
        ):
            found: list[str] = []
            holds = rule(found)
            for detail in found[:MAXIMUM_TOLD]:
                self._report(f"{about}: {detail}")
            self.violations += len(found)
            self._report(f"{about}: {f'wrong in {len(found)} places' if found else holds}")

    def _ledger(self, found: list[str]) -> str:
        ours = {(asset, account): amount for asset, account, amount in self._engine.accounts()}
        sums: dict[str, int] = {}
        for asset, account in sorted(ours.keys() | self._accounts.keys()):
            amount, held = ours.get((asset, account), 0), self._accounts.get((asset, account), 0)
            if amount != held:
                found.append(f"{account} has {held} of {asset} by its transfers, {amount} in the engine")
            if held < 0 and not may_owe(asset, account):
                found.append(f"{account} owes {-held} of {asset}")
            sums[asset] = sums.get(asset, 0) + amount
        found += [f"{asset} sums to {amount}" for asset, amount in sums.items() if amount]
        return f"each of {_count(sums, 'asset')} sums to zero over {_count(ours, 'account')} in all"

    def _add_up(self, found: list[str]) -> str:
        posted: Amounts = {}
        for (asset, account), held in self._accounts.items():
            kind, _, number = account.partition(":")
            if kind == "participant":
                _add(posted, int(number), self._symbols.get(asset, asset), held)
        told = {(row.participant_id, row.asset): row.total for row in self._balances}
        _compare(posted, told, "by the transfers", "by the balance", found)
        count = self._connection.execute(text("SELECT count(*) FROM transfers")).scalar_one()
        return f"{len(told):,} are what {count:,} transfers add up to"

    def _reservations(self, found: list[str]) -> str:
        held: Amounts = {}
        of_orders = self._engine.reserved_by_orders()
        for participant_id, fen in of_orders.items():
            _add(held, participant_id, CASH, fen)
        pending = self._pending()
        for participant_id, fen in pending:
            _add(held, participant_id, CASH, fen)
        offered, orders = self._offered()
        unsaleable = 0
        for row in self._receipts:
            kilograms = offered.pop(row.receipt_id, 0)
            if row.state != "issued":
                unsaleable += 1
                _add(held, row.participant_id, row.symbol, row.weight_g)
                if kilograms:
                    found.append(f"receipt {row.receipt_id} is {row.state} and offered")
                continue
            _add(held, row.participant_id, row.symbol, kilograms * GRAMS)
            if kilograms * GRAMS > row.weight_g:
                found.append(f"receipt {row.receipt_id} weighs {row.weight_g} g, {kilograms} kg of it are offered")
        found += [f"receipt {receipt_id} is offered and does not live" for receipt_id in sorted(offered)]
        told = {(row.participant_id, row.asset): row.reserved for row in self._balances}
        _compare(held, told, "is held", "by the balance", found)
        return (
            f"{orders:,} live orders, {_count(pending, 'pending payment')} and {_count(range(unsaleable), 'receipt')} "
            "that cannot be sold hold what is held back"
        )

    def _pending(self) -> list[tuple[int, int]]:
        """(participant, fen) of payments that were asked for and not made yet."""
        table = tables.pending_transfers
        query = select(table.c.debit, table.c.amount).where(table.c.state == "pending", table.c.asset == CASH)
        return [
            (int(row.debit.partition(":")[2]), row.amount)
            for row in self._connection.execute(query)
            if row.debit.startswith("participant:")
        ]

    def _offered(self) -> tuple[dict[int, int], int]:
        """Kilograms of each receipt that live orders offer, and how many orders live."""
        table = tables.orders
        offered: dict[int, int] = {}
        orders = 0
        for row in self._connection.execute(select(table.c.lots).where(table.c.status.in_(LIVE_STATUSES))):
            orders += 1
            for receipt_id, kilograms in row.lots or ():
                offered[receipt_id] = offered.get(receipt_id, 0) + kilograms
        return offered, orders

    def _stock(self, found: list[str]) -> str:
        held: dict[str, int] = {}
        for row in self._receipts:
            asset = f"LOT-{row.lot_id}"
            held[asset] = held.get(asset, 0) + row.weight_g
        # What a warehouse owes of a lot, less what it has lost of it, lies there.
        stock: dict[str, int] = {}
        warehouses: dict[str, None] = {}
        for (asset, account), amount in self._accounts.items():
            kind, _, code = account.partition(":")
            if asset != CASH and kind != "participant":
                stock[asset] = stock.get(asset, 0) - amount
                if code:
                    warehouses[code] = None
        for asset in sorted(held.keys() | stock.keys()):
            if held.get(asset, 0) != stock.get(asset, 0):
                found.append(f"of {asset} {held.get(asset, 0)} g are on receipts, {stock.get(asset, 0)} g in stock")
        return (
            f"{len(self._receipts):,} live ones are the stock of {_count(stock, 'lot')} in "
            f"{_count(warehouses, 'warehouse')}"
        )


def _add(amounts: Amounts, participant_id: int, asset: str, amount: int) -> None:
    key = (participant_id, asset)
    amounts[key] = amounts.get(key, 0) + amount


def _compare(ours: Amounts, told: Amounts, how: str, where: str, found: list[str]) -> None:
    for key in sorted(ours.keys() | told.keys()):
        mine, theirs = ours.get(key, 0), told.get(key, 0)
        if mine != theirs:
            found.append(f"participant {key[0]} has {mine} of {key[1]} {how}, {theirs} {where}")


def _count(things: Any, name: str) -> str:
    return f"{len(things):,} {name}{'' if len(things) == 1 else 's'}"
