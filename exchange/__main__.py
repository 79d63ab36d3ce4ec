"""The command line of the exchange: `exchange serve | demo | init | password | verify | replay | rebuild | backup |
restore | prices | export | tail`.

Exit status: 0 done, 1 found something wrong, 2 could not start as asked (one line on standard error says what to do).
"""

import argparse
import atexit
import gc
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from exchange.config import Settings, SetupError, load


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    _leave_garbage()
    try:
        return _run(options)
    except SetupError as error:
        print(f"exchange: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _leave_garbage() -> None:
    """What a start imports stays, and what is there at the end goes with the process: looking for cycles in it took
    four tenths of a second of each command, three of them at its end. (`exchange.garbage` says when a venue that serves
    has them looked for.)
    """
    gc.set_threshold(50_000)
    atexit.register(gc.freeze)


def _run(options: argparse.Namespace) -> int:
    # Each command imports what it needs itself, so that `--help` and a usage error answer at once.
    match options.command:
        case "serve":
            from exchange.app import serve

            return serve(_settings(options))
        case "demo":
            from exchange.demo import demonstrate

            return demonstrate(_settings(options))
        case "init":
            from exchange.founding import found

            return found(_settings(options), options.name, options.password)
        case "password":
            from exchange.founding import change_password

            return change_password(_settings(options), options.name, options.password)
        case "replay":
            from exchange.replay import run_replay

            return _reported(
                lambda say: run_replay(_settings(options).journal_path, say, from_snapshot=options.from_snapshot)
            )
        case "verify":
            from exchange.verify import run_verify

            settings = _settings(options)
            return _reported(lambda say: run_verify(settings.journal_path, settings.database, say))
        case "rebuild":
            from exchange.rebuild import run_rebuild

            settings = _settings(options)
            return run_rebuild(settings.journal_path, settings.database, anew=options.anew)
        case "backup":
            from exchange.backup import run_backup

            return run_backup(_settings(options), Path(options.to))
        case "restore":
            from exchange.restore import Point, read_time, run_restore

            try:
                time_ns = None if options.to_time is None else read_time(options.to_time)
            except ValueError as error:
                raise SetupError(f"--to-time: {error}") from None
            return run_restore(_settings(options), Path(options.source), Point(options.to_sequence, time_ns))
        case "tail":
            from exchange.tail.run import tail, wanted_of

            return tail(wanted_of(options, _settings(options)))
        case "export":
            return _export(options)
        case "prices":
            from exchange.prices import run_prices

            return run_prices(_settings(options).database, options)
        case _:
            from exchange import logs
            from exchange.follower import SnapshotPlan, follow

            settings = _settings(options)
            logs.begin(settings.log_level, settings.log_format)
            plan = SnapshotPlan(settings.snapshot_commands, settings.snapshots_kept)
            return follow(settings.journal_path, settings.database, plan=plan)


def _export(options: argparse.Namespace) -> int:
    from exchange.datasets import DATASETS
    from exchange.export import run_export
    from web.moments import read_moment
    from web.ports import ExportForm, Wanted

    if options.list:
        for name, dataset in DATASETS.items():
            print(f"{name:20} {dataset.title}")
        return 0
    times: dict[str, int] = {}
    for flag, text in (("from", options.from_time), ("to", options.to_time)):
        if text is not None:
            try:
                times[flag] = read_moment(text)
            except ValueError as error:
                raise SetupError(f"--{flag}: {error} is expected") from None
    wanted = Wanted(
        symbol=options.symbol,
        from_ns=times.get("from"),
        to_ns=times.get("to"),
        interval=options.interval,
        every_seconds=options.every,
        depth=options.depth,
    )
    out = None if options.out in (None, "-") else Path(options.out)
    form: ExportForm = "parquet" if out is not None and out.suffix == ".parquet" else "csv"
    return run_export(_settings(options).database, options.dataset, options.format or form, wanted, out)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("1 or more is expected")
    return number


def _reported(work: Callable[[Callable[[str], None]], int]) -> int:
    """Print what the work reports: findings on standard output, why it could not be done on standard error."""
    lines: list[str] = []
    status = work(lines.append)
    print("\n".join(lines), file=sys.stderr if status == 2 else sys.stdout)
    return status


def _settings(options: argparse.Namespace) -> Settings:
    flags = {name: value for name, value in vars(options).items() if name in Settings.__struct_fields__}
    if options.command == "demo" and options.data is None and "EXCHANGE_DATA" not in os.environ:
        flags["data"] = "exchange-demo"
    return load(flags, file=options.config)


def _add_prices(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    text = "take in a CSV file; a price that is there stays, whatever the file says"
    take = actions.add_parser("import", help=text, description=text)
    take.add_argument("file", metavar="FILE")
    take.add_argument("--source", required=True, metavar="NAME", help="who publishes it, as DEFRA")
    take.add_argument("--currency", metavar="CODE", help="as GBP; else the file must say it, as £/kg")
    take.add_argument("--unit", metavar="UNIT", help="as kg; likewise")
    take.add_argument("--origin", metavar="NAME", default="", help="of all lines, where no column tells it")
    for field in ("date", "price", "origin", "unit"):
        take.add_argument(f"--{field}-column", metavar="HEADER", help=f"the column of the {field}, unless it is found")
    take.add_argument("--date-format", choices=("iso", "dmy", "mdy"), help="dmy: 29/10/2021; else as the file shows")
    take.add_argument("--encoding", choices=("utf-8", "latin-1", "gb18030"), help="else UTF-8 if it is, or Latin-1")
    text = "name the series that are there"
    actions.add_parser("list", help=text, description=text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="exchange", description="The banana exchange of Suixi county.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.add_argument(
            "--data", metavar="DIR", help="data folder (exchange-data; for the demonstration exchange-demo)"
        )
        added.add_argument(
            "--config", metavar="FILE", help="settings as TOML; flags and EXCHANGE_… variables come first"
        )
        added.add_argument("--database-url", metavar="URL", help="the database of the views; default: SQLite in DIR")
        return added

    for name, text, seeded in (
        (
            "serve",
            "run the venue on its data folder",
            "seed of the random ends of auctions, on a manual clock only (1)",
        ),
        (
            "demo",
            "run a living demonstration market; loopback only, public passwords",
            "seed of the stock, the prices and who does what (1)",
        ),
    ):
        added = command(name, text)
        added.add_argument("--host", help="address to listen on (127.0.0.1)")
        added.add_argument("--port", type=int, help="HTTP and terminal (8000); 0: any free one")
        added.add_argument("--feed-port", type=int, help="WebSocket feed and order entry for programs (8001)")
        added.add_argument("--seed", type=int, metavar="N", help=seeded)
        added.add_argument(
            "--clock", choices=("real", "manual"), help="manual: time moves by POST /operator/clock only"
        )
        added.add_argument("--log-level", choices=("debug", "info", "warning", "error"))
        if name == "serve":
            added.add_argument(
                "--calendar",
                choices=("round-the-clock", "sessions"),
                help="sessions: phases change at the hours of Chinese trading days, which the settings file may set",
            )
    init = command("init", "make the first operator of an empty venue")
    init.add_argument("--name", default="operator", help="the operator's sign-in name (operator)")
    password = command("password", "give somebody another password, while the venue is stopped; it ends his sessions")
    password.add_argument("name", metavar="NAME", help="his sign-in name")
    for added in (init, password):
        added.add_argument(
            "--password", help="default: EXCHANGE_OPERATOR_PASSWORD, else asked on a terminal, else drawn and printed"
        )
    command("replay", "re-execute the journal and print its last sequence and state hash").add_argument(
        "--from-snapshot",
        type=int,
        nargs="?",
        const=0,
        metavar="SEQUENCE",
        help="from this snapshot on, or from the newest; the state must come out the same",
    )
    rebuild = command("rebuild", "throw the database's views away and make them again from the journal")
    rebuild.add_argument(
        "--anew", action="store_true", help="from the beginning, also where an interrupted rebuild could go on"
    )
    command("verify", "check journal chain, ledger, receipts, and the database against the journal")
    backup = command("backup", "copy all that the venue cannot make again into a folder, while it trades")
    backup.add_argument("--to", metavar="FOLDER", required=True, help="a new or empty folder")
    restore = command("restore", "make a data folder of a backup, as the venue was at its end or at a point before")
    restore.add_argument("--from", metavar="FOLDER", required=True, dest="source", help="the backup")
    point = restore.add_mutually_exclusive_group()
    point.add_argument("--to-sequence", type=int, metavar="N", help="leave out what came after this command")
    point.add_argument(
        "--to-time", metavar="TIME", help="leave out what came after this time, as 2026-11-24T10:15:30+08:00"
    )
    tail = commands.add_parser("tail", help=(text := "the feed in a terminal; JSON lines in a pipe"), description=text)
    tail.add_argument("symbols", nargs="*", metavar="SYMBOL", help="instruments; none: all that the venue lists")
    tail.add_argument("--url", metavar="WS_URL", help="the feed (ws://127.0.0.1:8001, or as the settings say)")
    tail.add_argument("--web", metavar="URL", help="where instruments are listed (http://127.0.0.1:8000, likewise)")
    tail.add_argument(
        "--channel",
        action="append",
        dest="channels",
        metavar="NAME",
        help="JSON lines of this channel, also on a terminal; may be repeated (book, trades, ticker)",
    )
    tail.add_argument("--json", action="store_true", help="JSON lines also on a terminal")
    tail.add_argument("--interval", default="1m", help="of the channel candles: 1m, 5m, 15m, 1h, 1d, 1w (1m)")
    tail.add_argument("--rate", type=int, choices=(0, 10, 4), help="messages a second at most in a stream; 0: all")
    tail.add_argument("--count", type=int, metavar="N", help="end after so many lines")
    tail.add_argument("--language", choices=("zh", "en"), help="of the screen; else that of the locale")
    tail.add_argument("--config", metavar="FILE", help="settings as TOML; flags and EXCHANGE_… variables come first")
    export = command("export", "write a dataset of the public history as CSV or Parquet")
    export.add_argument("dataset", nargs="?", metavar="DATASET", help="--list names them")
    export.add_argument("--list", action="store_true", help="name the datasets, and what each holds")
    export.add_argument("--symbol", metavar="SYMBOL", help="of this instrument alone, or of this code of the index")
    export.add_argument("--from", dest="from_time", metavar="TIME", help="a date, a time with its zone, nanoseconds")
    export.add_argument("--to", dest="to_time", metavar="TIME", help="before this, likewise")
    export.add_argument("--interval", choices=("1m", "5m", "15m", "1h", "1d", "1w"), help="of candles; else all")
    export.add_argument("--every", type=_positive, metavar="SECONDS", help="from one of the books to the next (3600)")
    export.add_argument("--depth", type=_positive, metavar="N", help="levels a side of the books (25)")
    export.add_argument("--format", choices=("csv", "parquet"), help="else as the file's name ends, else csv")
    export.add_argument("--out", metavar="FILE", help="else standard output")
    _add_prices(command("prices", "price series of other markets: import, list"))
    command("follow", "the follower process; the venue starts it by itself")
    return parser


if __name__ == "__main__":
    sys.exit(main())
