"""What nobody catches, and what libraries warn of, goes into the log like everything else.

Errors of tasks of asyncio come from its own logger, and need nothing here.
"""

import logging
import sys
import threading
import warnings
from types import TracebackType
from typing import TextIO

log = logging.getLogger(__name__)


def log_uncaught() -> None:
    """Log uncaught errors of the program and its threads, and Python's warnings."""
    sys.excepthook = _log_error
    sys.unraisablehook = _log_unraisable
    threading.excepthook = _log_error_of_thread
    warnings.showwarning = _log_warning


def _log_error(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    log.critical("the program failed", exc_info=(kind, error, trace))


def _log_error_of_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_type is SystemExit or args.exc_value is None:
        return
    origin = {"origin": args.thread.name if args.thread is not None else "a thread"}
    error = (args.exc_type, args.exc_value, args.exc_traceback)
    log.critical("a thread failed", extra=origin, exc_info=error)


def _log_unraisable(args: "sys.UnraisableHookArgs") -> None:
    if args.exc_value is None:
        return
    error = (args.exc_type, args.exc_value, args.exc_traceback)
    log.error("an error was ignored", extra={"origin": repr(args.object)}, exc_info=error)


def _log_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    del file, line
    extra = {"cause": f"{category.__name__}: {message}", "origin": f"{filename}:{lineno}"}
    log.warning("a library warned", extra=extra)
