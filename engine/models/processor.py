"""The name of this machine's processor."""

import platform
import re
from contextlib import suppress
from pathlib import Path


def processor_name() -> str:
    """Return the name of the processor, as far as the system tells it."""
    with suppress(OSError):
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        if found := re.search(r"model name\s*:\s*(.+)", text):
            return found[1].strip()
    return platform.processor() or platform.machine() or "an unknown processor"
