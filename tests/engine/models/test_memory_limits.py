"""What a container or a service may use counts, and not what its machine has."""

from pathlib import Path

import psutil
import pytest

from engine.models.memory_limits import usable_memory

MIB = 2**20


def write_group(folder: Path, limit: object, used: int, files: int, *, first: bool = False) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    limit_file, used_file, line = (
        names if first else ("memory.max", "memory.current", "inactive_file")
    )
    (folder / limit_file).write_text(f"{limit}\n")
    (folder / used_file).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon {used - files}\n{line} {files}\n")


def usable(tmp_path: Path, *own: str) -> int:
    (tmp_path / "own").write_text("".join(f"{each}\n" for each in own))
    return usable_memory(tmp_path / "own", tmp_path / "groups")


def test_limit_of_a_container_counts_without_the_files_that_it_remembers(tmp_path: Path):
    write_group(tmp_path / "groups", 100 * MIB, used=70 * MIB, files=20 * MIB)
    assert usable(tmp_path, "0::/") == 50 * MIB


def test_smallest_of_all_groups_around_a_service_counts(tmp_path: Path):
    groups = tmp_path / "groups"
    write_group(groups / "system.slice", 60 * MIB, used=40 * MIB, files=0)
    write_group(groups / "system.slice/bot.service", 80 * MIB, used=30 * MIB, files=0)
    assert usable(tmp_path, "0::/system.slice/bot.service") == 20 * MIB


@pytest.mark.parametrize("path", ["/docker/1f0c", "/../../docker/1f0c"])
def test_first_version_in_a_container_that_is_told_the_path_of_its_machine(
    tmp_path: Path, path: str
):
    write_group(tmp_path / "groups/memory", 90 * MIB, used=50 * MIB, files=10 * MIB, first=True)
    own = (f"9:cpu,cpuacct:{path}", f"4:memory:{path}", f"0::{path}")
    assert usable(tmp_path, *own) == 50 * MIB


def test_nothing_is_left_beyond_the_limit(tmp_path: Path):
    write_group(tmp_path / "groups", 10 * MIB, used=11 * MIB, files=0)
    assert usable(tmp_path, "0::/") == 0


def test_machine_counts_where_nothing_limits(tmp_path: Path):
    write_group(tmp_path / "groups/bot", "max", used=MIB, files=0)
    free = psutil.virtual_memory().total
    assert 100 * MIB < usable(tmp_path, "0::/bot") <= free
    assert 100 * MIB < usable_memory(tmp_path / "none", tmp_path / "groups") <= free
