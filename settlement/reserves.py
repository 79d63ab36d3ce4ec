"""Proof of reserves: what lies in the stores, what receipts stand for it, and how a holder finds his own among them.

    lot 7 in SX1   received 9 000 000 g, loaded out 2 500 000 g, recorded shrinkage 40 000 g  →  stock 6 460 000 g
                   receipts 6 460 000 g: 3f61…, 9a0c…, d7e2…   one commitment each, in the order of their digits

A commitment says nothing to who does not have the receipt's key, which its holder is given with the receipt:

    commitment = HMAC-SHA256(key of the receipt, "statement|receipt|holder|lot|warehouse|grams")

The key is the receipt's for ever, the statement's number is new each time: commitments of two statements cannot be
laid side by side, and a holder checks any later statement by himself, without asking the venue about it. A venue that
counted one paper for two holders would need two texts with one digest.
"""

import hmac
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

from msgspec import Struct

COLUMNS: Final = (
    "kind",
    "sequence",
    "time_ns",
    "warehouse",
    "lot_id",
    "symbol",
    "received_g",
    "loaded_out_g",
    "voided_g",
    "shrinkage_g",
    "stock_g",
    "receipts_g",
    "receipts",
    "commitment",
)
"""Of the statement's rows; what a kind of row does not tell is empty."""


class CountedReceipt(Struct, frozen=True, kw_only=True):
    """A receipt that stands for goods."""

    receipt_id: int
    participant_id: int
    lot_id: int
    warehouse: str
    weight_g: int


class LotReserve(Struct, frozen=True, kw_only=True):
    """A lot that lies in a store, or for which receipts stand. Stock is what was received less what has left, what was
    struck off with a void receipt and what was recorded as shrinkage; receipts are to add up to it, to the gram."""

    warehouse: str
    lot_id: int
    symbol: str
    received_g: int
    loaded_out_g: int
    voided_g: int
    shrinkage_g: int
    receipts_g: int
    receipts: int

    @property
    def stock_g(self) -> int:
        return self.received_g - self.loaded_out_g - self.voided_g - self.shrinkage_g


class Reserves(Struct, frozen=True, kw_only=True):
    """All lots, by warehouse and number, and the receipts that stand for them, by number."""

    lots: list[LotReserve]
    receipts: list[CountedReceipt]

    @property
    def difference_g(self) -> int:
        """By how much receipts and stock differ, over all lots: 0, or something is wrong."""
        return sum(abs(lot.receipts_g - lot.stock_g) for lot in self.lots)


def receipt_key(secret: bytes, receipt_id: int) -> bytes:
    """The key of a receipt, 32 bytes, drawn from the venue's secret."""
    return hmac.digest(secret, b"receipt|%d" % receipt_id, sha256)


def told(sequence: int, receipt: CountedReceipt) -> str:
    """What a commitment is made of, in the holder's words."""
    parts = (
        sequence,
        receipt.receipt_id,
        receipt.participant_id,
        receipt.lot_id,
        receipt.warehouse,
        receipt.weight_g,
    )
    return "|".join(map(str, parts))


def commitment(key: bytes, sequence: int, receipt: CountedReceipt) -> str:
    """In lower-case hexadecimal digits."""
    return hmac.new(key, told(sequence, receipt).encode(), sha256).hexdigest()


def statement(sequence: int, time_ns: int, reserves: Reserves, secret: bytes) -> bytes:
    """The statement as CSV in UTF-8, the same for the same reserves: its header, the whole, each warehouse, each lot,
    each receipt. O(receipts log receipts).
    """
    rows: list[Sequence[object]] = [COLUMNS]
    rows.append(("statement", sequence, time_ns, "", "", "", *_sums(reserves.lots), ""))
    for warehouse in sorted({lot.warehouse: None for lot in reserves.lots}):
        lots = [lot for lot in reserves.lots if lot.warehouse == warehouse]
        rows.append(("warehouse", sequence, "", warehouse, "", "", *_sums(lots), ""))
    for lot in reserves.lots:
        rows.append(("lot", sequence, "", lot.warehouse, lot.lot_id, lot.symbol, *_sums([lot]), ""))
    commitments = sorted(
        (receipt.warehouse, receipt.lot_id, commitment(receipt_key(secret, receipt.receipt_id), sequence, receipt))
        for receipt in reserves.receipts
    )
    for warehouse, lot_id, digits in commitments:
        rows.append(("receipt", sequence, "", warehouse, lot_id, *[""] * 8, digits))
    return "".join(",".join(map(str, row)) + "\n" for row in rows).encode()


def _sums(lots: Iterable[LotReserve]) -> tuple[int, ...]:
    each = [
        (
            lot.received_g,
            lot.loaded_out_g,
            lot.voided_g,
            lot.shrinkage_g,
            lot.stock_g,
            lot.receipts_g,
            lot.receipts,
        )
        for lot in lots
    ]
    return tuple(map(sum, zip(*each, strict=True))) if each else (0,) * 7
