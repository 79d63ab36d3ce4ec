"""References that come from outside, a bank's or an operator's own: each is taken once."""

from collections.abc import Iterable
from hashlib import blake2b


class References:
    """What has been taken, in the order of its coming. O(1) each."""

    def __init__(self) -> None:
        self._taken: dict[str, None] = {}
        self._chain = b""

    def take(self, reference: str) -> int:
        """Take a reference that nobody has taken; how many there are now."""
        assert reference not in self._taken
        self._taken[reference] = None
        self._chain = blake2b(self._chain + reference.encode(), digest_size=16).digest()
        return len(self._taken)

    def digest(self) -> tuple[int, bytes]:
        """What stands for all that was taken. O(1)."""
        return len(self._taken), self._chain

    def state(self) -> list[str]:
        return list(self._taken)

    def restore(self, references: Iterable[str]) -> None:
        for reference in references:
            self.take(reference)

    def __contains__(self, reference: object) -> bool:
        return reference in self._taken
