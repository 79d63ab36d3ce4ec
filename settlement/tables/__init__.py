"""The settlement history as tables: people, lots, receipts, orders, fills, the ledger and its balances.

Every row is a view of journaled events and can be built again from them. The engine holds what must hold between rows;
the database holds it once more, by foreign keys and checks, so that neither a fault in a projection nor a hand at the
tables goes unnoticed. No key leads to the public history, which this room does not know, nor from a symbol: a rejected
order names whatever it was sent with. Column names are the field names of `settlement.messages`; ids are the engine's,
money is fen, goods are grams (an order's and a fill's quantity: kilograms), time is nanoseconds since 1970 UTC. All
integers are 64 bits wide.

Each subject has a module, named as its office and never as a table, so that `tables.lots` is always the table.
"""

from settlement.tables.bank import (
    bank_lines,
    bank_statements,
    pending_transfers,
    reconciliations,
    vouchers,
    withdrawals,
)
from settlement.tables.climate import (
    cold_chain_breaks,
    cold_chain_ends,
    cold_chain_receipts,
    life_losses,
    loggers,
    lot_places,
    readings,
)
from settlement.tables.common import metadata, storable
from settlement.tables.contracts import contract_steps, contracts, trading_days
from settlement.tables.delivery import buy_in_attempts, buy_ins, deliveries, loads, slots
from settlement.tables.depository import receipt_merges, receipt_transfers, receipts, regrades, stock_changes
from settlement.tables.intake import lots
from settlement.tables.people import participants, venue_configurations
from settlement.tables.statistics import daily_totals, daily_trading
from settlement.tables.storage import storage_payments, wastage_claims, wastage_settlements, wastage_shares
from settlement.tables.trading import busts, fills, orders
from settlement.tables.treasury import accounts, adjustments, balances, deposits, transfers

__all__ = [
    "accounts",
    "adjustments",
    "balances",
    "bank_lines",
    "bank_statements",
    "busts",
    "buy_in_attempts",
    "buy_ins",
    "cold_chain_breaks",
    "cold_chain_ends",
    "cold_chain_receipts",
    "contract_steps",
    "contracts",
    "daily_totals",
    "daily_trading",
    "deliveries",
    "deposits",
    "fills",
    "life_losses",
    "loads",
    "loggers",
    "lot_places",
    "lots",
    "metadata",
    "orders",
    "participants",
    "pending_transfers",
    "readings",
    "receipt_merges",
    "receipt_transfers",
    "receipts",
    "reconciliations",
    "regrades",
    "slots",
    "stock_changes",
    "storable",
    "storage_payments",
    "trading_days",
    "transfers",
    "venue_configurations",
    "wastage_claims",
    "wastage_settlements",
    "wastage_shares",
    "vouchers",
    "withdrawals",
]
