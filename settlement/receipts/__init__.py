"""Warehouse receipts: who owns which grams of which lot, and which of them are promised to offers.

    lot 7: 9 000 kg in SX1                      holding of participant 3 in BXJ-1-SX1-26W47
      receipt 12  grower   6 000 kg  pledged      receipt 14    500 kg   120 kg reserved
      receipt 14  trader     500 kg  issued       receipt 31  2 000 kg
      receipt 15  trader   2 500 kg  delivery ordered

What an order may take is whole kilograms of receipts that are `issued`; the grams between stay on the receipt. Whoever
gets goods gets a new receipt for them, and so does a holder who splits or merges: a receipt never changes hands, and
every gram has a line of descent. Lots expire as a whole: their parts have one green life.
"""

from settlement.receipts.receipt import (
    GRAMS,
    Handover,
    Holding,
    LiveReceipt,
    Lots,
    Stock,
    receipt_message,
    shares,
)
from settlement.receipts.register import Receipts

__all__ = [
    "GRAMS",
    "Handover",
    "Holding",
    "LiveReceipt",
    "Lots",
    "Receipts",
    "Stock",
    "receipt_message",
    "shares",
]
