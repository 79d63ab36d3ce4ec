"""The statement of a running venue is signed by the key in its data folder, also after a restart."""

from base64 import b64decode
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from tests.running import found, serving


def statement(address: str) -> tuple[dict[str, Any], bytes]:
    told = httpx.get(f"{address}/api/v1/reserves").raise_for_status().json()
    return told, httpx.get(f"{address}{told['csv']}").raise_for_status().content


def test_the_key_in_the_data_folder_signs_before_and_after_a_restart(tmp_path: Path) -> None:
    found(tmp_path)
    key = load_pem_private_key((tmp_path / "reserves.pem").read_bytes(), None)
    assert isinstance(key, Ed25519PrivateKey)
    for _ in range(2):
        with serving(tmp_path) as venue:
            told, content = statement(venue.address)
            key.public_key().verify(b64decode(told["signature"]), content)
            public = load_pem_public_key(told["public_key"].encode())
            assert isinstance(public, Ed25519PublicKey)
            assert public.public_bytes_raw() == key.public_key().public_bytes_raw()
            assert (told["difference_g"], told["lots"]) == (0, [])
