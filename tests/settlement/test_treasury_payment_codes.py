"""Codes that people copy into memos: found where they stand, and known to be wrong where a digit is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.payment_codes import (
    PAY_IN,
    PAY_OUT,
    deposit_code,
    find_codes,
    read_virtual_account,
    virtual_account,
    withdrawal_number,
)


def test_the_codes_of_the_docs() -> None:
    assert (deposit_code(17), withdrawal_number(42), virtual_account(17)) == ("RJ00001747", "TX00004269", "P17")


@pytest.mark.parametrize(
    ("memo", "found"),
    [
        ("RJ00001747", ([17], False)),
        ("货款 rj00001747 李明", ([17], False)),
        ("入金ＲＪ００００１７４７。", ([17], False)),
        ("RJ00001747 RJ00001747", ([17], False)),
        ("RJ00001747/" + deposit_code(18), ([17, 18], False)),
        ("RJ00001748", ([], True)),
        ("RJ00001747 RJ00001748", ([17], True)),
        ("RJ0001747", ([], False)),
        ("RJ0000174700001747000", ([], False)),
        ("XRJ00001747", ([], False)),
        ("RJ00000001", ([], True)),
        ("TX00004269", ([], False)),
        ("", ([], False)),
    ],
)
def test_a_memo(memo: str, found: tuple[list[int], bool]) -> None:
    assert find_codes(PAY_IN, memo) == found


@given(st.integers(1, 2**53 - 1), st.text(alphabet="货款 李明,./-", max_size=9))
def test_every_code_is_found(number: int, around: str) -> None:
    assert find_codes(PAY_IN, f"{around}{deposit_code(number)}{around}") == ([number], False)
    assert find_codes(PAY_OUT, f"{around}{withdrawal_number(number)}{around}") == ([number], False)


@given(st.integers(1, 10**12), st.data())
def test_a_wrong_digit_and_a_swap_are_noticed(number: int, data: st.DataObject) -> None:
    code = deposit_code(number)
    at = data.draw(st.integers(2, len(code) - 1))
    digit = data.draw(st.sampled_from([each for each in "0123456789" if each != code[at]]))
    assert find_codes(PAY_IN, code[:at] + digit + code[at + 1 :]) == ([], True)
    if at + 1 < len(code) and code[at] != code[at + 1]:
        assert find_codes(PAY_IN, code[:at] + code[at + 1] + code[at] + code[at + 2 :]) == ([], True)


@pytest.mark.parametrize(
    ("text", "participant_id"),
    [("P17", 17), (" p17 ", 17), ("Ｐ１７", 17), ("P017", None), ("P0", None), ("17", None), ("P", None), ("", None)],
)
def test_a_virtual_account(text: str, participant_id: int | None) -> None:
    assert read_virtual_account(text) == participant_id
