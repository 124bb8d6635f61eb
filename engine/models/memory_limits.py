"""How much memory this process may still take: of the machine, and of its control groups.

Containers and services are often limited to less than the machine has, and a process that exceeds
the limit is killed. Linux keeps limit and use in files, whose names differ between its two versions
of control groups: https://docs.kernel.org/admin-guide/cgroup-v2.html and
https://docs.kernel.org/admin-guide/cgroup-v1/memory.html
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import psutil

_OWN_GROUPS, _GROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")
_MEMORY = "memory"


@dataclass(frozen=True)
class _Files:
    """The names of the files of a group, which hold numbers of bytes."""

    limit: str
    used: str
    reclaimable: str
    """The line of `memory.stat` with what is used only to remember files."""


_SECOND = _Files("memory.max", "memory.current", "inactive_file")
_FIRST = _Files("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")


def usable_memory(own_groups: Path = _OWN_GROUPS, groups: Path = _GROUPS) -> int:
    """Return the bytes that this process can take without swapping or being killed.

    `own_groups` names the groups of the process, and `groups` is the folder with their files. Where
    there are none, as on other systems than Linux, the memory that the machine has free counts.
    """
    free = psutil.virtual_memory().available
    for folder, files in _limited(own_groups, groups):
        with suppress(OSError, ValueError, KeyError):  # the group has no such limit
            free = min(free, max(0, _free_in(folder, files)))
    return free


def _limited(own_groups: Path, groups: Path) -> Iterator[tuple[Path, _Files]]:
    """Yield the folders of all groups that may limit the memory of this process."""
    try:
        lines = own_groups.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:  # such as "0::/system.slice/bot.service" or "4:memory:/docker/1f0c"
        _, controllers, path = line.split(":", 2)
        if not controllers:
            root, files = groups, _SECOND
        elif _MEMORY in controllers.split(","):
            root, files = groups / _MEMORY, _FIRST
        else:
            continue
        # In a container the path can be that of the machine, which is not there. Then `root` is
        # the folder of the container's own group.
        for each in (own := PurePosixPath(path.lstrip("/")), *own.parents):
            if ".." not in each.parts:
                yield root / each, files


def _free_in(folder: Path, files: _Files) -> int:
    """Return what is left in a group; raise an error if nothing limits it."""
    limit, used = (int((folder / name).read_text("ascii")) for name in (files.limit, files.used))
    lines = (folder / "memory.stat").read_text("ascii").splitlines()
    reclaimable = int(dict(each.split() for each in lines)[files.reclaimable])
    return limit - used + reclaimable
