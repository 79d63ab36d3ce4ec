"""Codes that travel with a payment through a bank's memo and find their way back: who pays in, what was paid out.

    RJ 000017 47      participant 17 pays in (入金)
    TX 000042 69      withdrawal 42 (提现)

The last two digits are check digits by ISO 7064, MOD 97-10: the whole number leaves 1 when divided by 97. They find
every single wrong digit and every swap of two neighbours.
"""

import re
from typing import Final

PAY_IN: Final = "RJ"
PAY_OUT: Final = "TX"

_CODES: Final = {prefix: re.compile(rf"(?<![A-Z]){prefix}([0-9]{{8,18}})(?![0-9])") for prefix in (PAY_IN, PAY_OUT)}
_VIRTUAL_ACCOUNT: Final = re.compile(r"P([1-9][0-9]{0,15})")

_WIDE: Final = {0xFEE0 + code: code for code in range(0x21, 0x7F)} | {0x3000: 0x20}
"""Full-width letters and digits, which Chinese input gives, to plain ones."""


def deposit_code(participant_id: int) -> str:
    """What a participant writes into the memo of a payment."""
    return _code(PAY_IN, participant_id)


def withdrawal_number(withdrawal_id: int) -> str:
    """What the bank is given to write into the memo of a payment out."""
    return _code(PAY_OUT, withdrawal_id)


def virtual_account(participant_id: int) -> str:
    """The account behind the venue's that the bank keeps for a participant."""
    return f"P{participant_id}"


def read_virtual_account(text: str) -> int | None:
    """The participant whose virtual account it is, or None where it is none."""
    match = _VIRTUAL_ACCOUNT.fullmatch(_plain(text).strip())
    return None if match is None else int(match[1])


def find_codes(prefix: str, text: str) -> tuple[list[int], bool]:
    """The numbers of the codes in a text, each once, and whether anything like a code has wrong check digits.
    O(text).
    """
    numbers: dict[int, None] = {}
    wrong = False
    for digits in _CODES[prefix].findall(_plain(text)):
        number = int(digits[:-2])
        if int(digits) % 97 == 1 and number:
            numbers[number] = None
        else:
            wrong = True
    return list(numbers), wrong


def _code(prefix: str, number: int) -> str:
    return f"{prefix}{number:06}{98 - number * 100 % 97:02}"


def _plain(text: str) -> str:
    return text.translate(_WIDE).upper()
