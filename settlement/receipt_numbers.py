"""The number that people read, dictate and type: the warehouse, the year of issue, which receipt it is, and a check.

    SX1-2026-0000012-70
    │   │    │       └── two check characters, ISO/IEC 7064 MOD 1271-36
    │   │    └────────── the receipt's id, seven digits or more
    │   └─────────────── the year of issue on the venue's wall
    └─────────────────── the warehouse

The id names the receipt everywhere; the number is made of what the receipt says and is nowhere kept.

The check is MOD 1271-36 of ISO/IEC 7064:2003 (GB/T 17710-2008 is the same): the system which that standard has for
letters and digits together and which adds letters and digits only. Over its whole alphabet it catches every wrong
character and every pair of neighbours that changed places. MOD 97-10, which bank account numbers use, is made for
digits: with letters spelled as two digits it lets X3 pass for 3X. Luhn's sum misses 09 for 90.
"""

from typing import Final

from settlement.civil import iso_date, venue_day
from settlement.symbols import is_warehouse_code

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_RADIX: Final = 36
_MODULUS: Final = 1271
_SERIAL_DIGITS: Final = 7
MAXIMUM_LENGTH: Final = 5 + 1 + 4 + 1 + 16 + 1 + 2
"""Characters of the longest number: ids have 16 digits at most."""


def receipt_number(warehouse: str, issued_ns: int, receipt_id: int) -> str:
    """The number of a receipt."""
    year = iso_date(venue_day(issued_ns))[:4]
    stem = f"{warehouse}-{year}-{receipt_id:0{_SERIAL_DIGITS}}"
    return f"{stem}-{check_characters(stem.replace('-', ''))}"


def receipt_id_of(number: str) -> int | None:
    """The id in a number that someone typed, or None where it is none or was mistyped.

    Small letters count as capitals. Whether that receipt exists and bears this very number is for the caller to look
    at. O(length).
    """
    number = number.strip().upper()
    parts = number.split("-")
    if len(number) > MAXIMUM_LENGTH or len(parts) != 4 or not number.isascii():
        return None
    warehouse, year, serial, check = parts
    if not is_warehouse_code(warehouse) or len(year) != 4 or not year.isdigit() or not serial.isdigit():
        return None
    if len(serial) < _SERIAL_DIGITS or (len(serial) > _SERIAL_DIGITS and serial[0] == "0"):
        return None
    if len(check) != 2 or check != check_characters(warehouse + year + serial):
        return None
    return int(serial) or None


def check_characters(text: str) -> str:
    """The two characters that bring capital letters and digits to 1 modulo 1271, read as a number to the base of 36."""
    value = 0
    for character in text:
        value = (value * _RADIX + ALPHABET.index(character)) % _MODULUS
    check = (1 - value * _RADIX * _RADIX) % _MODULUS
    return ALPHABET[check // _RADIX] + ALPHABET[check % _RADIX]
