"""How a document proves itself: a digest of the facts on it and a seal that only the venue can make.

A document carries, behind its QR code, `/verify/{kind}/{id}?n=…&d=…&m=…`: `n` the sequence it was made at, `d` the
digest of its facts, `m` the seal over all of these. The venue keeps no copy. It makes the seal again, which tells
whether the document is genuine, and the digest of the facts as they stand now, which tells whether they still hold.

Digests are keyed too: who knows a receipt's old weight cannot try out new ones until one fits. HMAC-SHA256 cut to 64
bits for digests and 128 for seals; each reader of the page may try one seal a request.
"""

import base64
import contextlib
import hashlib
import hmac
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

KEY_FILE: Final = "documents.key"
KEY_BYTES: Final = 32


class Seal(Struct, frozen=True):
    """What the QR code says."""

    kind: str
    name: str
    sequence: int
    digest: str
    mac: str

    def address(self, venue: str) -> str:
        """Of the page that verifies it, below the venue's own address (`https://host`)."""
        query = urlencode({"n": self.sequence, "d": self.digest, "m": self.mac})
        return f"{venue.rstrip('/')}/verify/{self.kind}/{self.name}?{query}"


class Seals:
    """Seals and digests under one key. Who has the key can make documents that pass as the venue's."""

    def __init__(self, key: bytes) -> None:
        assert len(key) >= KEY_BYTES
        self._key = key

    def seal(self, kind: str, name: str, sequence: int, facts: Sequence[Any]) -> Seal:
        digest = self.digest(kind, name, facts)
        return Seal(kind, name, sequence, digest, self._mac(kind, name, sequence, digest))

    def digest(self, kind: str, name: str, facts: Sequence[Any]) -> str:
        """Sixteen hexadecimal digits over what is stated, not over how it is worded: a document stays as issued when
        a later release words it otherwise.
        """
        return self._hmac("digest", (kind, name, tuple(facts)))[:8].hex()

    def genuine(self, seal: Seal) -> bool:
        """Whether the venue has made this seal; compared in constant time."""
        made = self._mac(seal.kind, seal.name, seal.sequence, seal.digest)
        return hmac.compare_digest(made.encode(), seal.mac.encode())

    def _mac(self, kind: str, name: str, sequence: int, digest: str) -> str:
        content = self._hmac("seal", (kind, name, sequence, digest))[:16]
        return base64.urlsafe_b64encode(content).rstrip(b"=").decode()

    def _hmac(self, purpose: str, content: Sequence[Any]) -> bytes:
        return hmac.digest(self._key, msgspec.msgpack.encode((purpose, content)), hashlib.sha256)


def grouped(digest: str) -> str:
    """In fours, for people: `3f9a 12bc 77de 0192`."""
    return " ".join(digest[place : place + 4] for place in range(0, len(digest), 4))


def key_in(folder: Path) -> bytes:
    """The venue's key, drawn at the first start and readable by its user alone.

    Who loses the file can prove no document that was made before; a copy belongs with the journal's. Raises `OSError`,
    and `ValueError` where the file holds no key.
    """
    path = folder / KEY_FILE
    if not path.exists():
        # Written whole under another name: a start that breaks off leaves no half a key.
        fresh = path.with_name(f"{KEY_FILE}.{secrets.token_hex(8)}")
        try:
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(f"{secrets.token_hex(KEY_BYTES)}\n")
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(fresh, path)
        finally:
            fresh.unlink(missing_ok=True)
    key = bytes.fromhex(path.read_text().strip())
    if len(key) < KEY_BYTES:
        raise ValueError(f"{path.name} holds no key of {KEY_BYTES} bytes")
    return key
