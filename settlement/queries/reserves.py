"""What the proof of reserves is drawn up from: the ledger's grams beside the receipts that stand for them."""

from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, Connection, func, select

from settlement import tables
from settlement.ledger import SHRINKAGE, lot_asset, warehouse_account
from settlement.reserves import CountedReceipt, LotReserve, Reserves
from settlement.tables.depository import RECEIPT_LIVES


def reserves(connection: Connection, warehouses: Sequence[str]) -> Reserves:
    """Every lot for which a receipt stands, or of which goods lie in one of the warehouses.

    The two sides have nothing in common: stock is added up from postings, receipts from what was told of them.
    O(receipts ever + intakes, load-outs and losses ever), in a handful of statements.
    """
    table = tables.receipts
    query = (
        select(
            table.c.receipt_id,
            table.c.participant_id,
            table.c.lot_id,
            table.c.warehouse,
            table.c.weight_g,
            table.c.symbol,
        )
        .where(RECEIPT_LIVES)
        .order_by(table.c.receipt_id)
    )
    receipts: list[CountedReceipt] = []
    weights: dict[tuple[str, int], list[int]] = {}
    symbols: dict[int, str] = {}
    for receipt_id, participant_id, lot_id, warehouse, weight_g, symbol in connection.execute(query):
        receipts.append(
            CountedReceipt(
                receipt_id=receipt_id,
                participant_id=participant_id,
                lot_id=lot_id,
                warehouse=warehouse,
                weight_g=weight_g,
            )
        )
        weights.setdefault((warehouse, lot_id), []).append(weight_g)
        symbols[lot_id] = symbol
    lost = _grams(connection, tables.transfers.c.credit == SHRINKAGE)
    # What a lot has lost is written off when the last of it has left; that is no find.
    kept = tables.transfers.c.credit.not_like(f"{warehouse_account('')}%")
    found = _grams(connection, tables.transfers.c.debit == SHRINKAGE, kept)
    lots: list[LotReserve] = []
    for code in sorted({receipt.warehouse for receipt in receipts}.union(warehouses)):
        account = warehouse_account(code)
        received = _grams(connection, tables.transfers.c.debit == account)
        left = (tables.transfers.c.credit == account, tables.transfers.c.debit != SHRINKAGE)
        out = _grams(connection, *left, tables.transfers.c.cause != "void")
        void = _grams(connection, *left, tables.transfers.c.cause == "void")
        for lot_id in _lots(received, [lot_id for warehouse, lot_id in weights if warehouse == code]):
            asset = lot_asset(lot_id)
            standing = weights.get((code, lot_id), [])
            lot = LotReserve(
                warehouse=code,
                lot_id=lot_id,
                symbol=symbols.get(lot_id, ""),
                received_g=received.get(asset, 0),
                loaded_out_g=out.get(asset, 0),
                voided_g=void.get(asset, 0),
                shrinkage_g=lost.get(asset, 0) - found.get(asset, 0),
                receipts_g=sum(standing),
                receipts=len(standing),
            )
            if standing or lot.stock_g:
                lots.append(lot)
    return Reserves(lots=lots, receipts=receipts)


def _grams(connection: Connection, *conditions: ColumnElement[bool]) -> dict[str, int]:
    """Grams that such postings moved, by asset."""
    table = tables.transfers
    query = select(table.c.asset, func.sum(table.c.amount)).where(*conditions).group_by(table.c.asset)
    return {asset: int(grams) for asset, grams in connection.execute(query)}


def _lots(received: Iterable[str], others: Iterable[int]) -> list[int]:
    """Lot numbers, ascending, each once."""
    numbers = [int(asset.removeprefix(lot_asset(0)[:-1])) for asset in received]
    return sorted(dict.fromkeys([*numbers, *others]))
