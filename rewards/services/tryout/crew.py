"""Helpers that replay windows of time side by side, each in a process of its own.

Only where no receipt depends on another (``Replay.is_parted``). Helpers read and count;
the one who hired them writes. So a helper that dies costs its window and nothing else,
and one whose employer dies goes home by itself.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from multiprocessing.connection import Connection, Pipe, wait
from typing import NamedTuple, cast

import msgspec
from django.conf import settings

from rewards.services.tryout.reading import Place, Span, reading
from rewards.services.tryout.replay import Replay, State
from rewards.services.tryout.sides import Sides
from rewards.services.tryout.tally import Counter, Tally
from rewards.services.tryout.work import packed, unpacked

logger = logging.getLogger(__name__)

#: So many windows are worth the start of helpers.
WORTH_IT = 3
#: How long a helper waits before it looks whether its employer still lives.
LOOK_UP_SECONDS = 1.0


class Window(NamedTuple):
    """The receipts after a place, up to a moment."""

    place: Place
    ends: datetime


class Counted(msgspec.Struct):
    """What stands in one window."""

    number: int
    tally: Tally


class HelperLost(Exception):
    """A helper is gone. What it had not handed in was not counted."""


def can_help(windows: Sequence[Window]) -> bool:
    """Whether helpers may be started, and are worth it.

    Never beside other threads: a lock that one of them holds would stay locked in the copy.
    """
    wanted = settings.BACKTEST_PROCESSES > 1 and len(windows) >= WORTH_IT
    return wanted and threading.active_count() == 1


def counted(
    windows: Sequence[Window], sides: Sides, span: Span, most: int
) -> Iterator[tuple[Window, Counted]]:
    """Each window with what stands in it, in the order of time.

    ``HelperLost`` ends it early: also when a helper failed, for then the employer, who
    goes on alone, comes to the same place and fails with the reason at hand.
    """
    crew = Crew(min(settings.BACKTEST_PROCESSES, len(windows)), sides, span, most)
    try:
        yield from crew.work(windows)
    finally:
        crew.send_home()


class Crew:
    """Helpers by the line to each. Plain forks: Celery's workers may not use multiprocessing's."""

    def __init__(self, size: int, sides: Sides, span: Span, most: int) -> None:
        self._helpers: dict[Connection, int] = {}
        for _ in range(size):
            self._hire(sides, span, most)

    def _hire(self, sides: Sides, span: Span, most: int) -> None:
        mine, theirs = Pipe()
        # A helper that kept the employer's ends would never see them close.
        foreign = [*self._helpers, mine]
        asked = (theirs, foreign, os.getpid(), sides, span, most)
        self._helpers[mine] = _fork(partial(_help, *asked))
        theirs.close()

    def work(self, windows: Sequence[Window]) -> Iterator[tuple[Window, Counted]]:
        """Hand windows out one by one; what comes in early waits for its turn."""
        waiting = list(enumerate(windows))[::-1]
        doing: dict[Connection, int] = {}
        early: dict[int, Counted] = {}

        def hand_out(line: Connection) -> None:
            if waiting:
                doing[line], window = waiting.pop()
                _send(line, window)

        for line in self._helpers:
            hand_out(line)
        for number, window in enumerate(windows):
            while number not in early:
                for line in cast("list[Connection]", wait(list(doing))):
                    early[doing.pop(line)] = _receive(line)
                    hand_out(line)
            yield window, early.pop(number)

    def send_home(self) -> None:
        for line, helper in self._helpers.items():
            line.close()
            # They only read: nothing of theirs has to be put in order.
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(helper, signal.SIGKILL)
                os.waitpid(helper, 0)


def _fork(work: Callable[[], None]) -> int:
    """The number of a copy of this process that does the work, and nothing after it."""
    if number := os.fork():
        return number
    try:
        work()
    except BaseException:
        logger.exception("a helper of a back-test failed")
    finally:
        os._exit(0)


def _receive(line: Connection) -> Counted:
    try:
        return unpacked(line.recv_bytes(), Counted)
    except (EOFError, OSError) as broken:
        raise HelperLost from broken


def _send(line: Connection, window: Window) -> None:
    try:
        line.send(window)
    except OSError as broken:
        raise HelperLost from broken


# In the helper's process


def _help(
    line: Connection,
    foreign: Sequence[Connection],
    employer: int,
    sides: Sides,
    span: Span,
    most: int,
) -> None:
    """Count windows until the line is closed. Nothing of the employer's session is used."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    for other in foreign:
        other.close()
    # What was copied is not searched, and nothing here points back at itself: see ``Run``.
    gc.freeze()
    gc.disable()
    with contextlib.suppress(EOFError, OSError), reading() as reader:
        replay = Replay(reader, sides, span, State())
        while window := _next(line, employer):
            line.send_bytes(packed(_count(replay, window, sides, most)))


def _next(line: Connection, employer: int) -> Window | None:
    while not line.poll(LOOK_UP_SECONDS):
        if os.getppid() != employer:
            return None
    window: Window = line.recv()
    return window


def _count(replay: Replay, window: Window, sides: Sides, most: int) -> Counted:
    found = Counted(0, Tally())
    counter = Counter(found.tally, sides.before.terms)
    replay.place = window.place
    for receipts in replay.until(window.ends, most):
        for one in receipts:
            counter.add(one)
            found.number += 1
    return found
