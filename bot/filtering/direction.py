"""The order in which a text is seen, which control characters can turn around.

Unicode's bidirectional algorithm: https://www.unicode.org/reports/tr9/
"""

import re

_CONTROLS = re.compile("[\u202a-\u202e\u2066-\u2069]")


def orders_of(text: str) -> tuple[str, ...]:
    """Return a text as it was typed, and as it is seen if it contains controls of direction."""
    if not _CONTROLS.search(text):
        return (text,)
    from bidi import get_display  # pyright: ignore[reportMissingTypeStubs]

    lines = (get_display(line, base_dir="L") for line in text.splitlines())
    return text, "\n".join(map(str, lines))
