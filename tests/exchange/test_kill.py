"""`kill -9` in the middle of trading: every order that was acknowledged is there afterwards, once.

A few rounds of what `./dev soak --crash` does by the hundred.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.exchange.crash.house import Moment
from tests.exchange.crash.rounds import Street
from tests.postgres import PostgresServer, postgres


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """One of our own, for it will be killed."""
    with postgres() as server:
        yield server


@pytest.mark.slow
@pytest.mark.parametrize("moments", [("trading", "snapshot", "follower"), ("database", "database")])
def test_what_was_acknowledged_survives_sigkill(
    moments: tuple[Moment, ...], tmp_path: Path, server: PostgresServer
) -> None:
    street = Street(tmp_path, server)
    try:
        for number, moment in enumerate(moments, 1):
            played = street.play(seed=1, number=number, moment=moment)
            assert played.acknowledged > 50
        street.close()
    finally:
        street.abandon()
