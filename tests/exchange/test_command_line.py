"""The command line as an operator meets it: one line that says what to do, and the exit status that scripts rely on."""

import signal
import socket
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy import text

from exchange.config import SetupError, load
from exchange.database import connect
from tests.running import PASSWORD, exchange, found, serving


def one_line(result: object) -> str:
    """What a command that could not start has said: one line on standard error, status 2. A busy machine may have had
    something logged before, as JSON."""
    assert result.returncode == 2, result  # type: ignore[attr-defined]
    said = str(result.stderr).strip().splitlines()  # type: ignore[attr-defined]
    lines = [line for line in said if not line.startswith('{"time":')]
    assert len(lines) == 1, said
    return lines[0]


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = one_line(exchange("serve", "--data", tmp_path, "--port", port, "--feed-port", 0))
    assert f"127.0.0.1:{port}" in said
    assert "--port" in said


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    said = one_line(exchange("serve", "--data", tmp_path / "file" / "data", "--port", 0, "--feed-port", 0))
    assert "data folder" in said
    assert "--data" in said


@pytest.mark.parametrize("command", ["serve", "init", "password operator", "verify", "backup --to copy"])
def test_a_database_that_cannot_be_reached_is_named(tmp_path: Path, command: str) -> None:
    found(tmp_path)
    url = "postgresql://nobody:secret@127.0.0.1:9/none"
    extra = ("--port", 0, "--feed-port", 0) if command == "serve" else ()
    result = exchange(*command.split(), "--data", tmp_path, *extra, EXCHANGE_DATABASE_URL=url)
    assert result.returncode == 2
    said = result.stdout + result.stderr
    assert "127.0.0.1:9" in said
    assert "secret" not in said


def test_a_database_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    found(tmp_path)
    database = connect(f"sqlite:///{tmp_path / 'exchange.sqlite'}")
    with database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999_from_the_future'"))
    database.dispose()
    assert "9999_from_the_future" in one_line(exchange("serve", "--data", tmp_path, "--port", 0, "--feed-port", 0))


def test_verify_does_not_vouch_for_a_database_of_a_newer_release(tmp_path: Path) -> None:
    found(tmp_path)
    database = connect(f"sqlite:///{tmp_path / 'exchange.sqlite'}")
    with database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999_from_the_future'"))
    database.dispose()
    assert "9999_from_the_future" in one_line(exchange("verify", "--data", tmp_path))


@pytest.mark.parametrize("command", ["replay", "rebuild", "verify", "backup --to copy"])
def test_a_folder_without_a_journal_is_named(tmp_path: Path, command: str) -> None:
    assert "no journal" in one_line(exchange(*command.split(), "--data", tmp_path))


def test_two_venues_cannot_share_a_journal(tmp_path: Path) -> None:
    found(tmp_path)
    with serving(tmp_path):
        said = one_line(exchange("serve", "--data", tmp_path, "--port", 0, "--feed-port", 0))
    assert "another venue" in said


def test_a_journal_that_has_lost_what_the_database_saw_is_refused(tmp_path: Path) -> None:
    found(tmp_path)
    earlier = (tmp_path / "journal.sqlite").read_bytes()
    with serving(tmp_path) as venue:
        operator = venue.person("operator")
        body = {"participant_id": operator.participant_id, "amount_fen": 500, "reference": "bank 1"}
        deposited = operator.post("/operator/deposits", body)
        operator.get("/ledger", min_sequence=deposited["sequence"])
    for leftover in ("journal.sqlite-wal", "journal.sqlite-shm"):
        (tmp_path / leftover).unlink(missing_ok=True)
    (tmp_path / "journal.sqlite").write_bytes(earlier)
    (tmp_path / "journal.sqlite.mark").unlink()  # which would have said so first
    said = one_line(exchange("serve", "--data", tmp_path, "--port", 0, "--feed-port", 0))
    assert "rows of the journal are lost" in said


def test_only_the_first_operator_is_made(tmp_path: Path) -> None:
    first = exchange("init", "--data", tmp_path, "--name", "head")
    assert first.returncode == 0
    password = first.stdout.strip().rsplit(" ", 1)[1]
    key = (tmp_path / "reserves.pem").read_bytes()
    assert "operator" in one_line(exchange("init", "--data", tmp_path, "--password", PASSWORD))
    assert (tmp_path / "reserves.pem").read_bytes() == key
    with serving(tmp_path) as venue:
        assert venue.person("head", password).get("/me")["roles"] == ["operator"]


def test_a_lost_password_is_replaced_and_ends_sessions(tmp_path: Path) -> None:
    assert "there is no venue" in one_line(exchange("password", "operator", "--data", tmp_path))
    found(tmp_path)
    with serving(tmp_path) as venue:
        token = venue.person("operator").token
        said = one_line(exchange("password", "operator", "--data", tmp_path))
        assert "another venue has this data folder open" in said
        assert "stop it first" in said
    assert "signs in" in one_line(exchange("password", "somebody", "--data", tmp_path))
    assert "shorter than" in one_line(exchange("password", "operator", "--data", tmp_path, "--password", "short"))
    changed = exchange("password", "operator", "--data", tmp_path)
    assert changed.returncode == 0
    with serving(tmp_path) as venue:
        operator = venue.person("operator", changed.stdout.strip().rsplit(" ", 1)[1])
        operator.http.headers["Authorization"] = f"Bearer {token}"
        operator.get("/me", expect=401)
        body = {"name": "operator", "password": PASSWORD}
        operator.call("POST", "/sessions", body, expect=401)


def test_the_demonstration_binds_to_loopback_only(tmp_path: Path) -> None:
    said = one_line(exchange("demo", "--data", tmp_path, "--host", "0.0.0.0", "--port", 0, "--feed-port", 0))
    assert "loopback" in said


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("fly",),
        ("serve", "--port", "many"),
        ("serve", "--clock", "sundial"),
        ("password",),
        ("backup",),
        ("restore",),
        ("restore", "--from", "copy", "--to-sequence", "half"),
        ("restore", "--from", "copy", "--to-sequence", "1", "--to-time", "2026-11-24T10:15:30+08:00"),
        ("restore", "--from", "copy", "--to-time", "noon"),
    ],
)
def test_usage_errors_exit_with_2(arguments: tuple[str, ...]) -> None:
    assert exchange(*arguments).returncode == 2


@pytest.mark.parametrize(
    "command", ["", "serve", "demo", "init", "password", "replay", "rebuild", "verify", "backup", "restore"]
)
def test_help_is_everywhere(command: str) -> None:
    result = exchange(*command.split(), "--help")
    assert result.returncode == 0
    assert "usage: exchange" in result.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_venue_ends_politely_and_leaves_nothing_running(tmp_path: Path, number: signal.Signals) -> None:
    found(tmp_path)
    with serving(tmp_path) as venue:
        children = children_of(venue.pid)
        assert len(children) == 1, "the follower"
        assert venue.stop(number) == 0
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    assert exchange("verify", "--data", tmp_path).returncode == 0


def children_of(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task")
    return [int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()]


def test_what_clients_break_or_leave_unfinished_is_not_logged_as_an_exception(tmp_path: Path) -> None:
    with serving(tmp_path) as venue:
        port = int(venue.address.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=30) as broken:
            broken.sendall(
                b"GET /feed HTTP/1.1\r\nHost: venue\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            )
            answered = broken.recv(4096)
            assert b" 101 " in answered
            broken.sendall(b"\x81\x82\0\0\0\0\xff\xfe")  # a text frame that is no UTF-8
            assert broken.recv(4096).startswith(b"\x88")  # a close frame
        with socket.create_connection(("127.0.0.1", port), timeout=30) as unfinished:
            unfinished.sendall(
                b"POST /api/v1/sessions HTTP/1.1\r\nHost: venue\r\nContent-Type: application/json\r\n"
                b"Expect: 100-continue\r\nContent-Length: 100\r\n\r\n"
            )
            assert b" 100 " in unfinished.recv(4096)  # the body is being waited for
            assert venue.stop() == 0
    assert "Traceback" not in "".join(venue.errors)


def test_replay_prints_the_state(tmp_path: Path) -> None:
    found(tmp_path)
    first, second = exchange("replay", "--data", tmp_path), exchange("replay", "--data", tmp_path)
    assert first.returncode == 0
    assert first.stdout == second.stdout
    assert "sequence 2" in first.stdout
    assert "re-executing 100 %, 2 of 2 commands" in first.stderr
    assert one_line(exchange("serve", "--data", "/dev/null/none", "--port", 0, "--feed-port", 0))


def test_verify_finds_what_was_changed_in_the_database(tmp_path: Path) -> None:
    found(tmp_path)
    with serving(tmp_path) as venue:
        operator = venue.person("operator")
        body = {"participant_id": operator.participant_id, "amount_fen": 500, "reference": "bank 1"}
        deposited = operator.post("/operator/deposits", body)
        operator.get("/ledger", min_sequence=deposited["sequence"])
    verified = exchange("verify", "--data", tmp_path)
    assert verified.returncode == 0
    assert "verifying 100 %" in verified.stderr
    database = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'exchange.sqlite'}")
    with database.begin() as connection:
        connection.execute(text("UPDATE balances SET total = total + 1"))
    database.dispose()
    result = exchange("verify", "--data", tmp_path)
    assert result.returncode == 1
    assert "balance" in result.stdout + result.stderr


def test_flags_come_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "exchange.toml"
    file.write_text('port = 1\nfeed_port = 1\nhost = "127.0.0.3"\norigins = ["https://a.example"]\n')
    environment = {"EXCHANGE_PORT": "2", "EXCHANGE_FEED_PORT": "2", "EXCHANGE_CONFIG": str(file)}
    settings = load({"port": 3, "clock": None}, environment=environment)
    assert (settings.port, settings.feed_port, settings.host) == (3, 2, "127.0.0.3")
    assert settings.origins == ("https://a.example",)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("prot = 1", "prot"),
        ('port = "many"', "port"),
        ("port = 70000", "port"),
        ("port = ", "TOML"),
        (None, "cannot be read"),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, content: str | None, named: str) -> None:
    file = tmp_path / "exchange.toml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SetupError, match=named):
        load({}, environment={}, file=str(file))
