"""Messages to the user at the terminal: one line each, on standard error."""

import sys


def print_notice(message: str) -> None:
    """Print a message on one line, with control characters escaped."""
    line = "".join(c if c.isprintable() else repr(c)[1:-1] for c in message)
    print(line, file=sys.stderr, flush=True)
