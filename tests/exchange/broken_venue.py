"""The command line of a venue in which something breaks on a certain order; the follower's process is sound.

    python tests/exchange/broken_venue.py serve …

`POISON` is a client order id on which the engine fails; on `TWICE` it tells its last event twice, which the shadow
will not believe; on `UNREAD` the publication fails after the commit.
"""

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    from exchange.__main__ import main as command_line
    from exchange.engine import Engine
    from exchange.publication import Publication

    execute, publish = Engine.execute, Publication.publish

    def broken(self: Engine, command: Any, sequence: int, time_ns: int) -> Any:
        events = execute(self, command, sequence, time_ns)
        match getattr(command, "client_order_id", None):
            case "POISON":
                raise ZeroDivisionError("something that nobody outside may read")
            case "TWICE":
                return (*events, events[-1])
        return events

    def unread(self: Publication, entry: Any) -> None:
        if any(getattr(command, "client_order_id", None) == "UNREAD" for command in entry.commands):
            raise KeyError("something that nobody outside may read")
        publish(self, entry)

    Engine.execute = broken  # type: ignore[method-assign]
    Publication.publish = unread  # type: ignore[method-assign]
    return command_line()


if __name__ == "__main__":
    # A program is known by its own folder, where the exchange's modules are not.
    sys.path[0] = str(ROOT)
    sys.exit(main())
