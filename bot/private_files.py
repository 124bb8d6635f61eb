"""Files that only the account of the bot may read: the database, its folder, the token.

On Windows, where folders pass their permissions on, nothing is checked or changed.
"""

import logging
import os
import stat
from pathlib import Path

log = logging.getLogger(__name__)

FILE_MODE, FOLDER_MODE = 0o600, 0o700
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_ADVICE = "make them readable by the bot's account only"


def make_private(*paths: Path) -> None:
    """Take the permissions of other accounts from those paths that exist; log what changed."""
    for path in paths:
        try:
            found = _status(path)
            if found is None or not found.st_mode & _OTHERS:
                continue
            path.chmod(stat.S_IMODE(found.st_mode) & ~_OTHERS)
        except OSError as error:
            cause = {"path": str(path), "cause": error.strerror, "advice": _ADVICE}
            log.warning("a file cannot be made private", extra=cause)
        else:
            log.info("a file was made private", extra={"path": str(path)})


def warn_if_open(path: Path, what: str) -> None:
    """Log a warning if other accounts may read or change a file or folder, or own it."""
    try:
        found = _status(path)
    except OSError:
        return
    if found is None:
        return
    extra = {"path": str(path), "file": what, "advice": _ADVICE}
    if found.st_uid not in (os.geteuid(), 0):
        log.warning("a file belongs to another account", extra=extra)
    if found.st_mode & _OTHERS:
        log.warning("other accounts may read a file", extra=extra)


def _status(path: Path) -> os.stat_result | None:
    """Return the status of a path; None if it does not exist, or on Windows."""
    try:
        return None if os.name == "nt" else path.stat()
    except FileNotFoundError:
        return None
