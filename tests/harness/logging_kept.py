"""The log of a process is set up for all of it, and tests share a process."""

import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def logging_kept() -> Iterator[None]:
    """Undo what the block does to the log: handlers, levels, filters and what nobody catches."""
    root = logging.getLogger()
    handlers = root.handlers[:]
    loggers = [root, *(logging.getLogger(name) for name in tuple(root.manager.loggerDict))]
    kept = [(each, each.level, each.filters[:]) for each in loggers]
    with pytest.MonkeyPatch.context() as patch:
        for part, name in (
            (sys, "excepthook"),
            (sys, "unraisablehook"),
            (threading, "excepthook"),
            (warnings, "showwarning"),
        ):
            patch.setattr(part, name, getattr(part, name))
        yield
    root.handlers[:] = handlers
    for logger, level, filters in kept:
        logger.setLevel(level)
        logger.filters[:] = filters
