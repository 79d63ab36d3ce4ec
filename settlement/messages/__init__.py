"""Commands and events of the venue beyond matching: people, money, lots, receipts, orders with their reservations.

Commands are imperative, events past tense; all are frozen Structs tagged by `type`. Money is integer fen (`_fen`),
goods are integer grams (`_g`) except an order's `quantity`, which is kilograms, time is nanoseconds since 1970 UTC
(`_ns`), civil dates are ISO text (`2026-11-23`). Every field that is journaled keeps its name and meaning for ever;
new ones come with defaults.

Each subject has a module of its own; what is said in many rooms is also had from here.
"""

from settlement.messages.climate import ClimateCommand, ClimateEvent
from settlement.messages.common import (
    CASH,
    MAXIMUM_INTEGER,
    MAXIMUM_MONEY_FEN,
    MAXIMUM_TEXT,
    CivilDate,
    Message,
    Natural,
    PositiveInteger,
    RequestRefused,
    Text,
)
from settlement.messages.contracts import ContractsCommand, ContractsEvent
from settlement.messages.delivery import DeliveryCommand, DeliveryEvent
from settlement.messages.ledger import (
    AdjustCash,
    BalanceChanged,
    CashAdjusted,
    CashDeposited,
    Deposit,
    LedgerPosted,
    PendingChanged,
    Transfer,
)
from settlement.messages.lots import (
    AnnounceLot,
    ArriveLot,
    InspectLot,
    Lot,
    LotChanged,
    LotStatus,
    WeighLot,
)
from settlement.messages.orders import (
    MAXIMUM_LOTS_PER_ORDER,
    BustTrade,
    ClientOrderId,
    EnterAuction,
    EnterBid,
    EnterConfirmation,
    EnterCounter,
    EnterListing,
    EnterOffer,
    EnterOrder,
    EnterReport,
    EnterTake,
    ExecutionReport,
    LotsDelivered,
    OrderRepeated,
    OrderStatus,
    TradeBusted,
    TradeSettled,
    Via,
)
from settlement.messages.receipts import (
    ENDED_STATES,
    LIVE_STATES,
    Hold,
    HoldCause,
    HoldReceipt,
    IssueReceipt,
    LiftHold,
    LoadOut,
    LotRegraded,
    MergeReceipts,
    OrderDelivery,
    Pledge,
    PledgeReceipt,
    Receipt,
    ReceiptCause,
    ReceiptChanged,
    ReceiptCommand,
    ReceiptEvent,
    ReceiptsMerged,
    ReceiptState,
    ReceiptTransferred,
    RecordShrinkage,
    RegradeLot,
    ReleasePledge,
    ReplaceReceipt,
    ReportLoss,
    SplitReceipt,
    StockCause,
    StockChanged,
    TakeStock,
    TransferReceipt,
    VoidReceipt,
)
from settlement.messages.storage import StorageCommand, StorageEvent
from settlement.messages.treasury import TreasuryCommand, TreasuryEvent
from settlement.messages.venue import (
    ConfigureVenue,
    Grade,
    ParticipantRegistered,
    Profile,
    RegisterParticipant,
    Role,
    Variety,
    VenueConfigured,
    Warehouse,
)

SettlementCommand = (
    ConfigureVenue
    | RegisterParticipant
    | Deposit
    | AnnounceLot
    | ArriveLot
    | WeighLot
    | InspectLot
    | ReceiptCommand
    | EnterOrder
    | EnterOffer
    | BustTrade
    | AdjustCash
    | ContractsCommand
    | DeliveryCommand
    | StorageCommand
    | ClimateCommand
    | TreasuryCommand
)
SettlementEvent = (
    RequestRefused
    | VenueConfigured
    | ParticipantRegistered
    | CashDeposited
    | LotChanged
    | ReceiptEvent
    | LedgerPosted
    | BalanceChanged
    | LotsDelivered
    | TradeSettled
    | ExecutionReport
    | OrderRepeated
    | TradeBusted
    | CashAdjusted
    | ContractsEvent
    | DeliveryEvent
    | StorageEvent
    | ClimateEvent
    | PendingChanged
    | TreasuryEvent
)

__all__ = [
    "CASH",
    "ENDED_STATES",
    "LIVE_STATES",
    "MAXIMUM_INTEGER",
    "MAXIMUM_LOTS_PER_ORDER",
    "MAXIMUM_MONEY_FEN",
    "MAXIMUM_TEXT",
    "AdjustCash",
    "AnnounceLot",
    "ArriveLot",
    "BalanceChanged",
    "BustTrade",
    "CashAdjusted",
    "CashDeposited",
    "CivilDate",
    "ClientOrderId",
    "ClimateCommand",
    "ClimateEvent",
    "ConfigureVenue",
    "DeliveryCommand",
    "DeliveryEvent",
    "Deposit",
    "EnterAuction",
    "EnterBid",
    "EnterConfirmation",
    "EnterCounter",
    "EnterListing",
    "EnterOffer",
    "EnterOrder",
    "EnterReport",
    "EnterTake",
    "ExecutionReport",
    "Grade",
    "Hold",
    "HoldCause",
    "HoldReceipt",
    "InspectLot",
    "IssueReceipt",
    "LedgerPosted",
    "LiftHold",
    "LoadOut",
    "Lot",
    "LotChanged",
    "LotRegraded",
    "LotStatus",
    "LotsDelivered",
    "MergeReceipts",
    "Message",
    "Natural",
    "OrderDelivery",
    "OrderRepeated",
    "OrderStatus",
    "ParticipantRegistered",
    "PendingChanged",
    "Pledge",
    "PledgeReceipt",
    "PositiveInteger",
    "Profile",
    "Receipt",
    "ReceiptCause",
    "ReceiptChanged",
    "ReceiptCommand",
    "ReceiptEvent",
    "ReceiptState",
    "ReceiptTransferred",
    "ReceiptsMerged",
    "RecordShrinkage",
    "RegisterParticipant",
    "RegradeLot",
    "ReleasePledge",
    "ReplaceReceipt",
    "ReportLoss",
    "RequestRefused",
    "Role",
    "SettlementCommand",
    "SettlementEvent",
    "SplitReceipt",
    "StockCause",
    "StockChanged",
    "StorageCommand",
    "StorageEvent",
    "TakeStock",
    "Text",
    "TradeBusted",
    "TradeSettled",
    "Transfer",
    "TransferReceipt",
    "Variety",
    "VenueConfigured",
    "Via",
    "VoidReceipt",
    "Warehouse",
    "WeighLot",
]
