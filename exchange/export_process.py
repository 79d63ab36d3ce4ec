"""Exports that the venue makes: a process of its own for each, `exchange export`, and a file without a name between.

The process reads one snapshot and writes as fast as it can, so that a reader who is slow holds up neither it nor the
database; the file goes with its last user. In the venue's own process a million rows would take the interpreter's lock
from orders for seconds.
"""

import asyncio
import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Final

from web.ports import ExportFailed, ExportForm, ExportsBusy, Wanted

AT_ONCE: Final = 2
"""Exports that are made at once; whoever comes then is told to come back."""

OPEN: Final = 16
"""Files that are made or read at once."""

READ_SECONDS: Final = 1_800
"""Whoever has not read his file by then has his connection ended."""

MAXIMUM_BYTES: Final = 4 * 1024**3
"""Of one file: what is longer has to be asked for in parts, or made by `exchange export` beside the venue."""

PART_BYTES: Final = 256 * 1024
LOOK_SECONDS: Final = 0.05
NICENESS: Final = 10

_log = logging.getLogger(__name__)


class Exports:
    """Belongs to one event loop."""

    def __init__(self, database_url: str, folder: Path, *, command: Sequence[str] | None = None) -> None:
        self._folder = folder
        self._command = command or (sys.executable, "-m", "exchange", "export", "--data", str(folder))
        # The URL may hold a password: a process's environment is its user's alone to read, its arguments are not.
        self._environment: Mapping[str, str] = os.environ | {"EXCHANGE_DATABASE_URL": database_url}
        self.making = 0
        self.open = 0

    async def export(self, name: str, form: ExportForm, wanted: Wanted) -> AsyncIterator[bytes]:
        """The file, part by part. Raises `ExportsBusy` before the first part, `ExportFailed` where it breaks off."""
        if self.making >= AT_ONCE or self.open >= OPEN:
            raise ExportsBusy
        self.open += 1
        reader = asyncio.current_task()
        assert reader is not None, "read by a task"
        ends = asyncio.get_running_loop().call_later(READ_SECONDS, reader.cancel)
        try:
            with tempfile.TemporaryFile(dir=self._folder) as file, tempfile.TemporaryFile() as said:
                # Counted here: whoever asks before the task has begun must find it counted.
                self.making += 1
                ended = asyncio.ensure_future(self._make(_arguments(name, form, wanted), file, said))
                ended.add_done_callback(self._made)
                try:
                    async for part in _growing(file.fileno(), ended):
                        yield part
                    if ended.result() != 0:
                        said.seek(0)
                        raise ExportFailed(said.read(1_000).decode(errors="replace").strip())
                finally:
                    ended.cancel()
                    await asyncio.wait({ended})
        except OSError as error:
            raise ExportFailed(f"an export cannot be begun: {error.strerror}") from error
        finally:
            ends.cancel()
            self.open -= 1

    async def _make(self, arguments: Sequence[str], file: IO[bytes], said: IO[bytes]) -> int:
        """Run the process to its end, or until cancelled; its exit status."""
        process = await asyncio.create_subprocess_exec(
            *self._command,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=file,
            stderr=said,
            env=self._environment,
        )
        try:
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
            return await process.wait()
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()

    def _made(self, _: "asyncio.Future[int]") -> None:
        self.making -= 1


async def _growing(descriptor: int, ended: "asyncio.Future[int]") -> AsyncIterator[bytes]:
    """What is written to a file until its writer has ended."""
    at = 0
    while True:
        # Asked before looking: what was written before the end is found by a look after it.
        over = ended.done()
        part = os.pread(descriptor, PART_BYTES, at)
        if part:
            at += len(part)
            if at > MAXIMUM_BYTES:
                raise ExportFailed(f"it is longer than {MAXIMUM_BYTES:,} bytes")
            yield part
        elif over:
            return
        else:
            await asyncio.wait({ended}, timeout=LOOK_SECONDS)


def _arguments(name: str, form: ExportForm, wanted: Wanted) -> list[str]:
    arguments = [name, "--format", form]
    for filter_name, value in wanted.given().items():
        if value is not None:
            # Joined, so that no value is taken for an option.
            arguments.append(f"--{filter_name}={value}")
    return arguments
