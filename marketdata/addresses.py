"""How many connections each address has open, so that one cannot take them all."""


class Addresses:
    """Counts by address; an address without connections is forgotten. All O(1)."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._open: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._open)

    def of(self, address: str) -> int:
        return self._open.get(address, 0)

    def enter(self, address: str) -> bool:
        """One more; false where that is over the limit. It is counted all the same: `leave` follows in either case."""
        count = self._open[address] = self._open.get(address, 0) + 1
        return count <= self.limit

    def leave(self, address: str) -> None:
        count = self._open[address] - 1
        if count:
            self._open[address] = count
        else:
            del self._open[address]
