"""SIGINT and SIGTERM: while rows are loaded or deleted, the first ends the work in order, the second at once."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Protocol

# a terminal's Ctrl-C reaches every process of its group, and a launcher such as `uv run` forwards it besides
SECONDS_OF_ONE_SIGNAL = 0.5
_is_command = False


class Interruptible(Protocol):
    """Work that can be ended in order."""

    def interrupt(self) -> None:
        """Begin nothing more."""


@contextmanager
def work_interruptible(
    on_interrupt: Callable[[str], None] = lambda _: None,
) -> Iterator[Callable[[Interruptible], None]]:
    """Let the first SIGINT or SIGTERM interrupt work, and the second stop at once.

    Args:
        on_interrupt: called with the signal's name after the work was told.

    Yields:
        Function to call with the work when it begins; before that, the first signal stops at once.
    """
    begun: list[Interruptible] = []

    def on_first(name: str) -> bool:
        for work in begun:
            work.interrupt()
        if begun:
            on_interrupt(name)
        return bool(begun)

    with interruptible(on_first):
        yield begun.append


@contextmanager
def interruptible(on_first: Callable[[str], bool]) -> Iterator[None]:
    """Hand the first signal to a function, and let every further one act as it would without.

    Two signals of one kind within half a second count once. Outside of the main thread nothing is changed, because
    Python hands signals to that one only.

    Args:
        on_first: called with the signal's name; it returns whether it has taken it. Otherwise the signal acts.

    Raises:
        KeyboardInterrupt: a second signal came, or the first was not taken; another exception if the handler that was
            there before raises one.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    number_before, received_at, taken = 0, float("-inf"), False

    def on_signal(number: int, frame: FrameType | None) -> None:
        nonlocal number_before, received_at, taken
        is_same = number == number_before and time.monotonic() - received_at < SECONDS_OF_ONE_SIGNAL
        number_before, received_at = number, time.monotonic()
        if is_same:
            return
        if not taken and on_first(signal.Signals(number).name):
            taken = True
            return
        handler = previous[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)
        raise KeyboardInterrupt

    previous = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        # the second half of one signal must not meet the handler that was there before
        time.sleep(max(0.0, min(SECONDS_OF_ONE_SIGNAL, received_at + SECONDS_OF_ONE_SIGNAL - time.monotonic())))
        for number, handler in previous.items():
            signal.signal(number, handler)


def end_by_signals_in_order() -> None:
    """Let SIGTERM interrupt this process as Ctrl-C does, from its start on, and ``settle`` its exit code.

    By itself SIGTERM ends it without a word, and the first process of a container does not hear it at all.
    """
    global _is_command  # noqa: PLW0603 - there is one set of handlers a process too
    _is_command = True
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def settle(code: int) -> None:
    """Let no further signal change the exit code of a command that ends; one that the user sends on purpose hurries it.

    Otherwise the process would end by the signal, with a traceback or with click's "Aborted!", because Python takes its
    handlers away before it has freed its modules. Nothing is changed in a process that is no command.

    Args:
        code: the exit code.
    """
    if not _is_command:
        return
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    began = time.monotonic()

    def leave(_number: int, _frame: FrameType | None) -> None:
        # the other half of the signal that has just ended the command
        if time.monotonic() - began >= SECONDS_OF_ONE_SIGNAL:
            os._exit(code)

    _handle(leave)
    atexit.register(_handle, signal.SIG_IGN)


def _handle(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        # a shell starts what it runs in the background so
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)
