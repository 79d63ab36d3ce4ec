"""Passwords are kept as argon2id hashes and nothing else.

Hashing is made to be slow, so it runs in two threads of its own (argon2 lets go of the interpreter lock), and only so
many may wait for them: a flood of sign-ins is turned away and cannot hold up the market.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from web.errors import Unavailable

T = TypeVar("T")

THREADS = 2
MAXIMUM_WAITING = 64


class Passwords:
    """Hash and verify, off the loop and bounded."""

    def __init__(self, memory_kib: int, passes: int) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="passwords")
        self._waiting = 0
        self._decoy = self._hasher.hash("no password has this hash")

    async def hash(self, password: str) -> str:
        """The password's argon2id hash in its own text form. Raises `Unavailable` when too many wait."""
        return await self._run(lambda text, _: self._hasher.hash(text), password, "")

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Whether the hash is this password's. An unknown name (no hash) takes as long as a wrong password."""
        matches = await self._run(self._matches, password_hash or self._decoy, password)
        return matches and password_hash is not None

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[str, str], T], first: str, second: str) -> T:
        if self._waiting >= MAXIMUM_WAITING:
            raise Unavailable("busy", "too many people sign in at once")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, first, second)
        finally:
            self._waiting -= 1
