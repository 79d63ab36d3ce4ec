"""Reading the settlement history: each function takes a connection and answers with messages ready for the wire.

Lists are pages, the newest first, of at most `limit` items. `Page.next` is an opaque text that asks for what follows,
null on the last page; a page by key alone costs O(log rows + limit), however deep it lies. A cursor that no page gave
raises `InvalidCursor`. A `participant_id` of none means everyone's.

Each subject has a module, named as its office; what is asked for is had from here.
"""

from settlement.queries.climate import (
    ColdChainBreak,
    ColdChainReceipt,
    ReadingsSummary,
    StoredReading,
    cold_chain_breaks,
    cold_chain_receipts,
    readings,
    readings_summary,
)
from settlement.queries.contracts import ContractStep, contract, contract_of_trade, contract_steps, contracts
from settlement.queries.delivery import (
    BuyInAttempt,
    buy_in,
    buy_in_attempts,
    deliveries,
    delivery,
    loads,
)
from settlement.queries.depository import (
    Origin,
    Regrade,
    StockChange,
    has_part,
    last_regrade,
    origin,
    receipt,
    receipts,
    stock_changes,
)
from settlement.queries.intake import lot, lots
from settlement.queries.paging import DEFAULT_LIMIT, MAXIMUM_LIMIT, InvalidCursor, Page
from settlement.queries.people import participant, participant_by_name, participants, venue
from settlement.queries.reserves import reserves
from settlement.queries.stock import LotsInStore, ReceiptsInStore, lots_in_store, receipts_in_store
from settlement.queries.storage import (
    StorageIncome,
    StoragePayment,
    WastageClaim,
    storage_income,
    storage_payments,
    wastage_claims,
)
from settlement.queries.trading import (
    LIVE_ORDERS,
    Bust,
    Fill,
    bust,
    busts,
    displayed,
    fills,
    fills_of_trade,
    order,
    order_by_client_id,
    orders,
)
from settlement.queries.treasury import (
    Adjustment,
    DepositEntry,
    LedgerEntry,
    adjustments,
    balances,
    deposits,
    ledger,
    ledger_of_account,
    ledger_of_cause,
)

__all__ = [
    "DEFAULT_LIMIT",
    "LIVE_ORDERS",
    "MAXIMUM_LIMIT",
    "Adjustment",
    "Bust",
    "BuyInAttempt",
    "ColdChainBreak",
    "ColdChainReceipt",
    "ContractStep",
    "DepositEntry",
    "Fill",
    "InvalidCursor",
    "LedgerEntry",
    "LotsInStore",
    "Origin",
    "Page",
    "ReadingsSummary",
    "ReceiptsInStore",
    "Regrade",
    "StockChange",
    "StorageIncome",
    "StoragePayment",
    "StoredReading",
    "WastageClaim",
    "adjustments",
    "balances",
    "bust",
    "busts",
    "buy_in",
    "buy_in_attempts",
    "cold_chain_breaks",
    "cold_chain_receipts",
    "contract",
    "contract_of_trade",
    "contract_steps",
    "contracts",
    "deliveries",
    "displayed",
    "delivery",
    "deposits",
    "fills",
    "fills_of_trade",
    "has_part",
    "last_regrade",
    "ledger",
    "ledger_of_account",
    "ledger_of_cause",
    "loads",
    "lots_in_store",
    "lot",
    "lots",
    "order",
    "order_by_client_id",
    "orders",
    "origin",
    "participant",
    "participant_by_name",
    "participants",
    "readings",
    "readings_summary",
    "receipt",
    "receipts",
    "receipts_in_store",
    "reserves",
    "stock_changes",
    "storage_income",
    "storage_payments",
    "venue",
    "wastage_claims",
]
