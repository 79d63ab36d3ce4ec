"""The buyer's code at the gate: what is typed counts as drawn, and a digest tells nothing of it."""

import pytest

from settlement.hand_over_codes import ALPHABET, LENGTH, canonical, code_digest

SALT = "00112233445566778899aabbccddeeff"


def test_the_alphabet_has_no_letters_that_are_mistaken_for_others() -> None:
    assert len(dict.fromkeys(ALPHABET)) == len(ALPHABET) == 32
    assert not any(letter in ALPHABET for letter in "ILOU")
    assert LENGTH * 5 == 40, "bits of a code"


@pytest.mark.parametrize("typed", ["7K0Q-1M4Z", "7k0q1m4z", " 7K0Q 1M4Z", "7KOQ-IM4Z", "7koqlm4z"])
def test_a_code_is_read_as_it_was_drawn(typed: str) -> None:
    assert canonical(typed) == "7K0Q1M4Z"
    assert code_digest(SALT, typed) == code_digest(SALT, "7K0Q1M4Z")


def test_another_code_or_another_salt_has_another_digest() -> None:
    digest = code_digest(SALT, "7K0Q1M4Z")
    assert len(digest) == 64
    assert code_digest(SALT, "7K0Q1M4Y") != digest
    assert code_digest("0" * 32, "7K0Q1M4Z") != digest
