"""Make the files of a release from the newest commit: `make release`.

The wheel, the source archive, the list of all parts (`tools.supply.sbom`) and their SHA-256 sums.
The same commit gives the same bytes with the same versions of Python and the tools, on any day and
in any folder.
"""

import argparse
import gzip
import hashlib
import io
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import engine
from tools.supply import sbom
from tools.supply.locks import ROOT

DIST = ROOT / "dist"
SUMS = "SHA256SUMS"


def main() -> None:
    """Make the files of a release in `dist/`, which is emptied before."""
    parser = argparse.ArgumentParser(prog="python -m tools.supply.release", description=__doc__)
    parser.add_argument("--uncommitted", action="store_true", help="try what is not committed")
    uncommitted = parser.parse_args().uncommitted
    if git("status", "--porcelain") and not uncommitted:
        sys.exit("Some files differ from the newest commit: commit them, or put them aside, first.")
    # A commit of the files as they are, or nothing if they are those of the newest one.
    commit = (uncommitted and git("stash", "create")) or "HEAD"
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir()
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH") or git("log", "-1", "--format=%ct"))
    with tempfile.TemporaryDirectory() as folder:
        # Only what is committed, so that nothing else in the folder gets into a release.
        archive = subprocess.run(
            ["git", "archive", commit], cwd=ROOT, capture_output=True, check=True
        )
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(folder, filter="data")
        build(Path(folder), DIST, seconds)
    sbom.write(DIST / f"{sbom.NAME}-{engine.__version__}.cdx.json", seconds)
    (DIST / SUMS).write_text(sums(DIST), encoding="utf-8")
    print((DIST / SUMS).read_text(encoding="utf-8"), end="")


def build(sources: Path, target: Path, seconds: int) -> None:
    """Build the source archive, and the wheel from it, as if it were a time since 1970."""
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(seconds)}
    build_only = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(target)]
    subprocess.run(
        [*build_only, str(sources)], env=environment, check=True, stdout=subprocess.DEVNULL
    )
    (archive,) = target.glob("*.tar.gz")
    archive.write_bytes(plain_archive(archive.read_bytes(), seconds))
    (wheel,) = target.glob("*.whl")
    wheel.write_bytes(plain_wheel(wheel.read_bytes()))


def plain_wheel(wheel: bytes) -> bytes:
    """Return a wheel whose files have the same permissions, whoever has built it."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(wheel)) as old, zipfile.ZipFile(packed, "w") as new:
        for member in old.infolist():
            plain = zipfile.ZipInfo(member.filename, member.date_time)
            plain.compress_type = zipfile.ZIP_DEFLATED
            plain.create_system = 3  # Unix, on each system
            plain.external_attr = (stat.S_IFREG | 0o644) << 16
            new.writestr(plain, old.read(member))
    return packed.getvalue()


def plain_archive(archive: bytes, seconds: int) -> bytes:
    """Return a source archive without what its maker's machine and day have put in."""
    packed = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(archive)) as old,
        gzip.GzipFile(fileobj=packed, mode="wb", filename="", mtime=seconds) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in sorted(old.getmembers(), key=lambda member: member.name):
            plain = tarfile.TarInfo(member.name)
            plain.type, plain.size, plain.mtime = member.type, member.size, seconds
            plain.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            new.addfile(plain, old.extractfile(member) if member.isfile() else None)
    return packed.getvalue()


def sums(folder: Path) -> str:
    """Return the SHA-256 of each file in a folder, as `sha256sum --check` reads it."""
    files = [file for file in sorted(folder.iterdir()) if file.name != SUMS]
    return "".join(f"{hashlib.sha256(f.read_bytes()).hexdigest()}  {f.name}\n" for f in files)


def git(*arguments: str) -> str:
    """Return what git says about this checkout."""
    # `git stash create` makes a commit, which needs an author.
    command = ["git", "-c", "user.name=-", "-c", "user.email=-", *arguments]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return run.stdout.strip()


if __name__ == "__main__":
    main()
