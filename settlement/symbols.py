"""What is fungible: variety, grade, warehouse and harvest week, spelled as a symbol (`BXJ-1-SX1-26W47`)."""

from typing import NamedTuple

from settlement.civil import iso_week


class SymbolParts(NamedTuple):
    variety: str
    grade: str
    warehouse: str
    harvest_week: str


def symbol_of(variety: str, grade: str, warehouse: str, harvest_day: int) -> str:
    """The symbol as which a lot trades; its week is the ISO week of the harvest, its year in two digits."""
    year, week = iso_week(harvest_day)
    return f"{variety}-{grade}-{warehouse}-{year % 100:02}W{week:02}"


def parse_symbol(symbol: str) -> SymbolParts | None:
    """The parts of a symbol, or None where it is none; weeks run from 01 to 53.

    The form is `^[A-Z]{2,4}-(E|1|2)-[A-Z]{2,3}[0-9]{1,2}-[0-9]{2}W[0-9]{2}$`.
    """
    parts = symbol.split("-")
    if len(parts) != 4 or not symbol.isascii():
        return None
    variety, grade, warehouse, harvest_week = parts
    if not (2 <= len(variety) <= 4 and _capitals(variety)) or grade not in ("E", "1", "2"):
        return None
    if not is_warehouse_code(warehouse):
        return None
    if len(harvest_week) != 5 or harvest_week[2] != "W":
        return None
    if not (harvest_week[:2] + harvest_week[3:]).isdigit() or not 1 <= int(harvest_week[3:]) <= 53:
        return None
    return SymbolParts(variety, grade, warehouse, harvest_week)


def is_warehouse_code(text: str) -> bool:
    """Whether a warehouse may be called so; the form is `^[A-Z]{2,3}[0-9]{1,2}$`."""
    letters = text.rstrip("0123456789")
    return 2 <= len(letters) <= 3 and text.isascii() and _capitals(letters) and 1 <= len(text) - len(letters) <= 2


def _capitals(text: str) -> bool:
    return text.isalpha() and text.isupper()
