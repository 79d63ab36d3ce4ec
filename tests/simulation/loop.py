"""The virtual event loop: one thread, no time but its own, and nothing that a seed does not decide.

It is asyncio's loop with another clock and another selector: callbacks run in the order in which they were made ready,
as asyncio promises, and what comes from outside (the network, a disk, another process) arrives by timers whose moment
chance draws. Each callback takes a little time, so that timers fall between any two of them. When nothing is ready time
jumps to the next timer.

Everything that runs belongs to a `Process`, by its context. A process that is killed stops between two callbacks:
nothing of it runs any more, its `finally` blocks included as far as anyone could notice.
"""

import asyncio
import contextvars
import heapq
from asyncio import events
from collections.abc import Callable, Coroutine
from contextlib import suppress
from hashlib import blake2b
from random import Random
from typing import Any, Final, TypeVar

T = TypeVar("T")

CALLBACK_NS: Final = (1_000, 30_000)
"""What a callback takes, between these."""

PAUSE_NS: Final = (1_000_000, 30_000_000)
"""What one in `PAUSES` takes: collected garbage, a busy machine."""

PAUSES: Final = 500


class Stuck(Exception):
    """Nothing is ready and no timer runs, and the simulation is not done."""


class Process:
    """What lives and dies together: a life of the venue, of its follower, a client."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True
        self.context = contextvars.copy_context()
        self.context.run(_process.set, self)
        self.tasks: list[asyncio.Task[Any]] = []
        self.dies_in: int | None = None
        """After so many more callbacks; none: nobody has planned it."""


_process: contextvars.ContextVar[Process | None] = contextvars.ContextVar("process", default=None)


def this_process() -> Process | None:
    """Whose callback runs."""
    return _process.get()


class VirtualLoop(asyncio.BaseEventLoop):
    """Deterministic: the same calls with the same `chance` give the same `trace`."""

    def __init__(self, chance: Random) -> None:
        super().__init__()
        self._chance = chance
        self._now_ns = 0
        self._trace = blake2b(digest_size=16)
        self._processes: list[Process] = []
        self._condemned: list[tuple[Process, Callable[[], None]]] = []
        self._burying = False
        self.turn = 0
        """Callbacks run so far."""
        self._failure: BaseException | None = None
        self.on_planned_death: Callable[[Process], None] = lambda process: None
        self.set_exception_handler(self._note)
        self.set_task_factory(self._task)

    # Time

    def time(self) -> float:
        return self._now_ns / 1e9

    @property
    def now_ns(self) -> int:
        """Since the beginning of the simulation."""
        return self._now_ns

    def spend(self, nanoseconds: int) -> None:
        """Let the callback that runs take longer."""
        self._now_ns += nanoseconds

    # Tracing

    def note(self, *what: object) -> None:
        """Make something part of the trace."""
        self._trace.update(repr(what).encode())

    def trace(self) -> str:
        return self._trace.hexdigest()

    def fail(self, error: BaseException) -> None:
        """End the simulation after the callback under way; the first reason counts."""
        self._failure = self._failure or error

    # Processes

    def process(self, name: str) -> Process:
        process = Process(name)
        self._processes.append(process)
        return process

    def spawn(self, process: Process, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run a coroutine as part of a process, from the next turn on."""
        return process.context.copy().run(self.create_task, work)

    def later(self, process: Process, seconds: float, call: Callable[..., object], *arguments: Any) -> None:
        """Let something happen in a process after so long, if it lives then."""
        self.call_later(seconds, call, *arguments, context=process.context.copy())

    def kill(self, process: Process, buried: Callable[[], None] = lambda: None) -> None:
        """Nothing of it runs after the callback under way; `buried` is called then, by nobody in particular."""
        if process.alive:
            process.alive = False
            self._condemned.append((process, buried))

    def _bury(self) -> None:
        """Unwind what the dead have left, so that it is not the garbage collector who does it, whenever he likes."""
        condemned, self._condemned = self._condemned, []
        for process, buried in condemned:
            self._burying = True
            for task in process.tasks:
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                if not task.done():
                    coroutine = task.get_coro()
                    assert coroutine is not None
                    with suppress(BaseException):  # it may complain that it has no time to await
                        process.context.copy().run(coroutine.close)
            process.tasks.clear()
            self._burying = False
            buried()

    def _task(self, loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> "asyncio.Task[Any]":
        task: asyncio.Task[Any] = asyncio.Task(work, loop=self, **options)
        process = this_process()
        if process is not None:
            if len(process.tasks) > 64:
                process.tasks = [each for each in process.tasks if not each.done()]
            process.tasks.append(task)
        return task

    # What a loop does

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run until `main` is done, then end every process. Raises what it raises, and `Stuck`."""
        try:
            return self.run_until_complete(self.spawn(self.process("world"), main))
        finally:
            for process in self._processes:
                self.kill(process)
            self._bury()
            self.close()

    def call_soon_threadsafe(self, callback: Any, *arguments: Any, context: Any = None) -> asyncio.Handle:
        return self.call_soon(callback, *arguments, context=context)

    def run_in_executor(self, executor: Any, work: Any, *arguments: Any) -> Any:
        """What a thread would do happens in one go, somewhat later."""
        done = self.create_future()

        def run() -> None:
            if done.cancelled():
                return
            try:
                done.set_result(work(*arguments))
            except Exception as error:
                done.set_exception(error)

        self.call_later(self._chance.uniform(0.00005, 0.003), run)
        return done

    def _run_once(self) -> None:
        scheduled, ready = self._scheduled, self._ready  # type: ignore[attr-defined]
        if not ready:
            while scheduled and scheduled[0]._cancelled:
                heapq.heappop(scheduled)._scheduled = False
            if not scheduled:
                raise Stuck
            self._now_ns = max(self._now_ns, round(scheduled[0]._when * 1e9))
        while scheduled and round(scheduled[0]._when * 1e9) <= self._now_ns:
            handle = heapq.heappop(scheduled)
            handle._scheduled = False
            ready.append(handle)
        handle = ready.popleft()
        process = handle._context.get(_process)
        if handle._cancelled or (process is not None and not process.alive):
            return
        self.turn += 1
        chance = self._chance
        self._now_ns += chance.randint(*(PAUSE_NS if chance.randrange(PAUSES) == 0 else CALLBACK_NS))
        callback = handle._callback
        name = getattr(callback, "__qualname__", None) or type(callback).__name__
        self._trace.update(f"{self._now_ns} {'' if process is None else process.name} {name}\n".encode())
        handle._run()
        if process is not None and process.dies_in is not None and process.alive:
            process.dies_in -= 1
            if process.dies_in <= 0:
                self.on_planned_death(process)
        if self._condemned:
            self._bury()
        if self._failure is not None:
            raise self._failure

    def _note(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """An exception that nobody caught: a bug of the venue's or of the simulation's."""
        if not self._burying:
            self.fail(context.get("exception") or RuntimeError(context.get("message")))

    def _process_events(self, event_list: Any) -> None:
        raise AssertionError("there is no selector")

    def _write_to_self(self) -> None:
        raise AssertionError("there are no threads")


def running_loop() -> VirtualLoop:
    loop = events.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop
