"""The runbook's commands, one after another, in one shell, against real processes: they do what it says.

Every `sh` block is followed by a `text` block: its exit status, then what is to be seen in this order; `…` is anything.
"""

import itertools
import os
import queue
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.postgres import PostgresServer, postgres
from tests.running import PASSWORD, ROOT

DOCUMENT = ROOT / "docs" / "runbook.md"
PATIENCE_SECONDS = 120


class Step(NamedTuple):
    section: str
    commands: str
    status: int
    seen: list[str]


def steps() -> list[Step]:
    found = []
    section = ""
    parts = re.split(r"(?m)^(## .+|```\w*)$", DOCUMENT.read_text(encoding="utf-8"))
    place = 0
    while place < len(parts):
        if parts[place].startswith("## "):
            section = parts[place].removeprefix("## ")
        elif parts[place] == "```sh":
            commands = parts[place + 1]
            assert parts[place + 2 : place + 5] == ["```", "\n", "```text"], f"{section}: what is to be seen?"
            status, *seen = parts[place + 5].strip().splitlines()
            found.append(Step(section, commands, int(status.removeprefix("exit ")), seen))
            place += 6
        place += 1
    return found


class Shell:
    """An operator's terminal: what he started goes on while he types the next command."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._numbers = itertools.count(1)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def do(self, commands: str) -> tuple[int, str]:
        """The exit status of the last command, and all that was said."""
        mark = f"--- step {next(self._numbers)} ended with"
        assert self._process.stdin is not None
        self._process.stdin.write(f"{commands}\nprintf '\\n%s %s\\n' '{mark}' $?\n")
        self._process.stdin.flush()
        said: list[str] = []
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"{commands}\nis still not done:\n{''.join(said)}") from None
            assert line is not None, "".join(said)
            if line.startswith(mark):
                return int(line.removeprefix(mark)), "".join(said)
            said.append(line)

    def close(self) -> None:
        """Everything that was started here goes."""
        os.killpg(self._process.pid, 9)
        self._process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)


class Machine:
    """What an operator has around the venue: `exchange`, `curl`, and a `systemctl` that knows PostgreSQL alone."""

    def __init__(self, folder: Path, server: PostgresServer) -> None:
        self.folder = folder
        self._programs = folder / "bin"
        self._programs.mkdir()
        self._server = server
        self._manager = HTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._manager.serve_forever, daemon=True)
        self._thread.start()
        port = self._manager.server_address[1]
        self._program("exchange", f'exec {sys.executable} -m exchange "$@"')
        fetch = f"import urllib.request as r; r.urlopen('http://127.0.0.1:{port}/$1', timeout=60)"
        self._program("systemctl", f'exec {sys.executable} -c "{fetch}"')
        if shutil.which("curl") is None:
            self._program("curl", f'exec {sys.executable} {ROOT / "tests" / "exchange" / "small_curl.py"} "$@"')
        self.ports = [free_port(), free_port()]

    def environment(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("EXCHANGE_")}
        return clean | {
            "PATH": os.pathsep.join([str(self._programs), os.environ["PATH"]]),
            "PYTHONPATH": str(ROOT),
            "EXCHANGE_PORT": str(self.ports[0]),
            "EXCHANGE_FEED_PORT": str(self.ports[1]),
            "PASSWORD": PASSWORD,
            "DATABASE_URL": self._server.url(self._server.create()),
            "LC_ALL": "C.UTF-8",
        }

    def close(self) -> None:
        self._manager.shutdown()
        self._manager.server_close()
        self._thread.join(PATIENCE_SECONDS)

    def _program(self, name: str, line: str) -> None:
        path = self._programs / name
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self._server

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.crash() if self.path == "/stop" else server.start()
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:
                """Nobody reads it."""

        return Handler


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with postgres() as server:
        machine = Machine(tmp_path, server)
        yield machine
        machine.close()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_commands_do_what_the_runbook_says(machine: Machine) -> None:
    shell = Shell(machine.folder, machine.environment())
    try:
        for step in steps():
            commands = step.commands.replace("127.0.0.1:8000", f"127.0.0.1:{machine.ports[0]}")
            status, said = shell.do(commands)
            told = f"{step.section}\n{step.commands}\n{said}\n{log_of(machine.folder)}"
            assert status == step.status, told
            place = 0
            for wanted in step.seen:
                pattern = ".*?".join(map(re.escape, wanted.split("…")))
                found = re.compile(pattern).search(said, place)
                assert found is not None, f"{wanted} is not to be seen:\n{told}"
                place = found.end()
    finally:
        shell.close()


def log_of(folder: Path) -> str:
    return "\n".join(path.read_text()[-3_000:] for path in sorted(folder.glob("*.log")))


def test_every_bad_day_has_its_section() -> None:
    sections = [step.section for step in steps()]
    text = DOCUMENT.read_text(encoding="utf-8")
    for wanted in (
        "Start",
        "Back up",
        "Stop",
        "Upgrade",
        "Restore",
        "Halt",
        "Disk full",
        "Corrupt journal",
        "Clock jump",
        "Database away",
        "Follower fault",
        "Lost password",
    ):
        assert f"\n## {wanted}" in text
        if wanted != "Halt":
            assert any(section.startswith(wanted) for section in sections), f"{wanted} shows no command"
