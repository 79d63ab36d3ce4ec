"""The key that signs statements of reserves: a file in the data folder, made with the venue or at its first start."""

import contextlib
import os
import secrets
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

KEY_FILE: Final = "reserves.pem"


def key_in(folder: Path) -> bytes:
    """The venue's signing key, 32 bytes, drawn at the first start and readable by its user alone.

    A PEM file, so that openssl reads it too. Who has it can sign statements that pass as the venue's; who loses it has
    a new key, and with it new keys of all receipts. Raises `OSError`, and `ValueError` where the file holds no key.
    """
    path = folder / KEY_FILE
    if not path.exists():
        pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        # Written whole under another name: a start that breaks off leaves no half a key.
        fresh = path.with_name(f"{KEY_FILE}.{secrets.token_hex(8)}")
        try:
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(pem)
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(fresh, path)
        finally:
            fresh.unlink(missing_ok=True)
    key = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"{path.name} holds no Ed25519 key")
    return key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
