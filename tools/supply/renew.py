"""Write the locks anew: `make lock`.

Versions that a lock already has stay, unless a file of requirements asks for others. With
`--upgrade`, everything that no file of requirements names becomes the newest. The options of the
resolution are in `[tool.uv.pip]` of `pyproject.toml`. The locks name no server.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.supply.locks import LOCKS, ROOT, Locked, lock_of, read_lock, requirement_files


def main() -> None:
    """Resolve everything together, then write the lock of each file from that."""
    parser = argparse.ArgumentParser(prog="python -m tools.supply.renew", description=__doc__)
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions")
    parser.add_argument("--upgrade-package", action="append", default=[], metavar="NAME")
    arguments = parser.parse_args()
    upgrades = ["--upgrade"] * arguments.upgrade
    upgrades += [f"--upgrade-package={name}" for name in arguments.upgrade_package]
    files = requirement_files()
    LOCKS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        # All files at once, so that each package has one version, whatever is installed together.
        together = Path(folder) / "together.txt"
        locks = [lock_of(file) for file in files]
        known = [each for lock in locks if lock.exists() for each in read_lock(lock)]
        _prefer(known, together)
        compile_lock(files, together, *upgrades)
        resolved = read_lock(together)
    for file in files:
        _prefer(resolved, lock_of(file))
        compile_lock([file], lock_of(file))
        print(f"{lock_of(file).relative_to(ROOT)}: {len(read_lock(lock_of(file)))} packages")
    for leftover in set(LOCKS.iterdir()) - {lock_of(file) for file in files}:
        leftover.unlink()


def compile_lock(files: list[Path], lock: Path, *options: str) -> None:
    """Let uv resolve files of requirements into a lock; what the lock has is preferred."""
    names = [file.relative_to(ROOT).as_posix() for file in files]
    target = lock.relative_to(ROOT).as_posix() if lock.is_relative_to(ROOT) else str(lock)
    command = ["uv", "pip", "compile", "--quiet", *names, *options, "-o", target]
    subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, env=os.environ | _index(), check=True
    )


def _prefer(packages: list[Locked], lock: Path) -> None:
    """Begin a lock with the versions that uv shall keep if it can."""
    lines = {f"{each.name}=={each.version}" for each in packages}
    lock.write_text("".join(f"{line}\n" for line in sorted(lines)), encoding="utf-8")


def _index() -> dict[str, str]:
    """Return pip's own index as a variable for uv, which does not read pip's settings."""
    if "UV_DEFAULT_INDEX" in os.environ:
        return {}
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    )
    found = re.search(r"^\S+\.index-url='(.+)'$", listed.stdout, re.MULTILINE)
    return {"UV_DEFAULT_INDEX": found[1]} if found else {}


if __name__ == "__main__":
    main()
