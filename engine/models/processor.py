"""This machine's processor: its name, and the cores that this process may use."""

import os
import platform
import re
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

MARGIN = 1.1
"""How many times as fast a change must be here; near a tie float32 and all threads stay."""


def processor_name() -> str:
    """Return the name of the processor, as far as the system tells it."""
    with suppress(OSError):
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        if found := re.search(r"model name\s*:\s*(.+)", text):
            return found[1].strip()
    return platform.processor() or platform.machine() or "an unknown processor"


def usable_cpus() -> frozenset[int]:
    """Return the numbers of the logical processors that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return frozenset(affinity(0) if affinity else range(os.cpu_count() or 1))


def count_cores(cpus: Collection[int], system: Path = Path("/sys/devices/system/cpu")) -> int:
    """Return the number of cores of logical processors, of which hyperthreads share one.

    Where `system` does not tell, each is taken for a core.
    """
    cores: set[str] = set()
    for cpu in cpus:
        path = system / f"cpu{cpu}" / "topology" / "thread_siblings_list"
        try:
            cores.add(path.read_text(encoding="ascii", errors="replace").strip())
        except OSError:
            cores.add(str(cpu))
    return len(cores)
