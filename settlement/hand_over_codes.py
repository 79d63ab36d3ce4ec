"""Hand-over codes: who knows the buyer's code at the gate has been sent by the buyer.

The web draws a code and a salt, shows the code to the buyer alone, and puts the salt and the digest into the journal.
Eight letters of thirty-two are 40 bits: nobody guesses one at the gate in the few tries that he has. Whoever reads the
journal could find one by trying; he could as well read which goods are whose.
"""

from hashlib import sha256
from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Letters that a driver on the telephone does not mistake for another: no I, L, O and U (Crockford's base 32)."""

LENGTH: Final = 8

_READ_AS: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


def canonical(code: str) -> str:
    """The code as it was drawn, however it was typed: small letters, gaps, O for 0, I or L for 1."""
    return code.upper().translate(_READ_AS)


def code_digest(salt: str, code: str) -> str:
    """SHA-256 over salt and code, in hex."""
    return sha256(f"{salt}:{canonical(code)}".encode()).hexdigest()
