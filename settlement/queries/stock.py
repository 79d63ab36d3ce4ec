"""What lies in the warehouses, summed up so that no participant is seen."""

from typing import Any, Final

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Select, case, func, literal_column, select

from settlement import tables
from settlement.tables.depository import RECEIPT_LIVES

_SYMBOL: Final = tables.receipts.c.symbol.concat(literal_column("''")).label("symbol")
"""The symbol, but no key of an index: in the order of that SQLite would look at every receipt ever."""


class ReceiptsInStore(Struct, frozen=True, kw_only=True):
    """The live receipts of an instrument: how many, their grams, and how many of these are pledged, held or expired,
    or ordered out; the first of them expires at `expires_ns`.
    """

    symbol: str
    warehouse: str
    receipts: int
    weight_g: int
    pledged_g: int
    barred_g: int
    ordered_g: int
    expires_ns: int


class LotsInStore(Struct, frozen=True, kw_only=True):
    """The lots of an instrument of which receipts live: how many, and the grams that are left of them."""

    symbol: str
    warehouse: str
    lots: int
    weight_g: int
    first_harvest: str
    last_harvest: str


def receipts_in_store(
    connection: Connection, *, symbol: str | None = None, warehouse: str | None = None
) -> list[ReceiptsInStore]:
    """By ascending symbol. O(live receipts)."""
    table = tables.receipts
    weight = table.c.weight_g

    def grams(condition: ColumnElement[bool]) -> ColumnElement[int]:
        return func.coalesce(func.sum(case((condition, weight), else_=0)), 0)

    query = select(
        _SYMBOL,
        table.c.warehouse,
        func.count().label("receipts"),
        func.sum(weight).label("weight_g"),
        grams(table.c.state == "pledged").label("pledged_g"),
        grams(table.c.state.in_(("held", "expired"))).label("barred_g"),
        grams(table.c.state == "delivery_ordered").label("ordered_g"),
        func.min(table.c.expires_ns).label("expires_ns"),
    )
    rows = connection.execute(_by_instrument(query, symbol, warehouse)).mappings()
    return [
        ReceiptsInStore(
            symbol=row["symbol"],
            warehouse=row["warehouse"],
            receipts=row["receipts"],
            weight_g=int(row["weight_g"]),
            pledged_g=int(row["pledged_g"]),
            barred_g=int(row["barred_g"]),
            ordered_g=int(row["ordered_g"]),
            expires_ns=row["expires_ns"],
        )
        for row in rows
    ]


def lots_in_store(
    connection: Connection, *, symbol: str | None = None, warehouse: str | None = None
) -> list[LotsInStore]:
    """By ascending symbol. O(live receipts)."""
    table = tables.receipts
    query = select(
        _SYMBOL,
        table.c.warehouse,
        func.count(table.c.lot_id.distinct()).label("lots"),
        func.sum(table.c.weight_g).label("weight_g"),
        func.min(table.c.harvest_date).label("first_harvest"),
        func.max(table.c.harvest_date).label("last_harvest"),
    )
    rows = connection.execute(_by_instrument(query, symbol, warehouse)).mappings()
    return [
        LotsInStore(
            symbol=row["symbol"],
            warehouse=row["warehouse"],
            lots=row["lots"],
            weight_g=int(row["weight_g"]),
            first_harvest=row["first_harvest"],
            last_harvest=row["last_harvest"],
        )
        for row in rows
    ]


def _by_instrument(query: Select[Any], symbol: str | None, warehouse: str | None) -> Select[Any]:
    table = tables.receipts
    query = query.where(RECEIPT_LIVES)
    if symbol is not None:
        query = query.where(table.c.symbol == tables.storable(symbol))
    if warehouse is not None:
        query = query.where(table.c.warehouse == tables.storable(warehouse))
    return query.group_by(_SYMBOL, table.c.warehouse).order_by(_SYMBOL, table.c.warehouse)
