"""The database fixtures keep what they promise: fresh, real, and gone afterwards."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import sqlalchemy
from sqlalchemy import text

from tests.postgres import PostgresServer, postgres


def test_each_test_gets_a_database_of_the_kind_it_asked_for(database_url: str) -> None:
    engine = sqlalchemy.create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE crate (kilograms BIGINT)"))
        connection.execute(text("INSERT INTO crate VALUES (9223372036854775807)"))
        assert connection.execute(text("SELECT kilograms FROM crate")).scalar_one() == 2**63 - 1
    engine.dispose()


def test_a_new_database_holds_nothing_of_the_last(postgres_server: PostgresServer) -> None:
    names = [postgres_server.create(), postgres_server.create()]
    for name in names:
        engine = sqlalchemy.create_engine(postgres_server.url(name))
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE crate (kilograms BIGINT)"))
        engine.dispose()
        postgres_server.drop(name)


def test_the_server_goes_when_its_tests_are_killed() -> None:
    script = (
        "import os, sys, tests.postgres as p\n"
        "with p.postgres() as server:\n"
        "    print(server.port, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    root = Path(__file__).parent.parent
    victim = subprocess.Popen(
        [sys.executable, "-c", script], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert victim.stdin is not None
    assert victim.stdout is not None
    port = int(victim.stdout.readline())
    assert _listening(port)
    os.kill(victim.pid, signal.SIGKILL)
    victim.wait()
    victim.stdin.close()
    victim.stdout.close()
    deadline = time.monotonic() + 20
    while _listening(port):
        assert time.monotonic() < deadline, "PostgreSQL outlived the tests that started it"
        time.sleep(0.02)


def test_a_crash_leaves_what_was_committed_and_nothing_else() -> None:
    with postgres() as server:
        engine = sqlalchemy.create_engine(server.url(server.create()), pool_pre_ping=True)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE crate (kilograms BIGINT)"))
            connection.execute(text("INSERT INTO crate VALUES (13)"))
        for _ in range(2):
            with engine.connect() as connection:
                connection.execute(text("INSERT INTO crate VALUES (7)"))
                server.crash()
                connection.invalidate()
            assert not _listening(server.port)
            server.start()
            with engine.connect() as connection:
                assert connection.execute(text("SELECT kilograms FROM crate")).scalars().all() == [13]
        engine.dispose()


def test_a_server_ends_with_its_block() -> None:
    with postgres() as server:
        assert _listening(server.port)
    assert not _listening(server.port)


def _listening(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
