"""Do two versions of the program paint the same pictures, to the byte?

Both paint twelve recipes on this machine, in processes of their own: every start, every
quantisation, edits, image prompts, weights, further rounds, a variation and a run that is resumed
from a checkpoint in another process. Nothing is compared with stored digests, which would hold for
one machine only.
"""

import argparse
import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

WORKING_TREE = "working tree"
RECIPE_KEY = "vqgan-clip-recipe"
"""Keyword of the PNG text chunk that holds the recipe; a persisted format, the same for ever."""
NAMES_A_VERSION = ("software", "version")
"""A text chunk whose keyword holds one of these names the program, and may differ."""
RECIPES = (
    "codes",
    "noise",
    "initial image",
    "codebook-sampling",
    "no quantisation",
    "mask edit",
    "keep edit",
    "image prompt",
    "weighted prompts",
    "further rounds",
    "variation",
    "resumed",
)
_PAINTER = Path(__file__).parent / "lib" / "same_bytes_painter.py"
_CONFIG = '[engine]\ndevice = "cpu"\nthreads = 1\nprecision = "float32"\n'
_SIZE = (80, 64)
"""Of the picture that is edited, so that it is not the size of the canvas."""


def main(arguments: list[str]) -> None:
    """Paint, compare, print a table; the exit status is 1 if anything differs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks same_bytes", description=__doc__)
    parser.add_argument("--before", required=True, metavar="COMMIT", help=f'or "{WORKING_TREE}"')
    parser.add_argument("--after", default=WORKING_TREE, metavar="COMMIT", help="the same")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        before = _painted(options.before, Path(name, "before"))
        after = _painted(options.after, Path(name, "after"))
        rows = [(each, _compare(each, before, after)) for each in RECIPES]
        _print(rows, options.before, options.after)
        _print_resumed(before, after)
        is_safe = _resume_across(before, after, options.after)
    sys.exit(0 if is_safe and all(row.same for _, row in rows) else 1)


@dataclass(frozen=True)
class _Row:
    """What came of comparing two pictures."""

    same: bool
    before: str
    after: str
    note: str = ""


def _painted(version: str, folder: Path) -> Path:
    """Paint with a version, and return the folder with its pictures."""
    pictures, tree = folder / "pictures", _tree(version, folder)
    pictures.mkdir(parents=True)
    _write_inputs(pictures)
    if version != WORKING_TREE:
        with tarfile.open(fileobj=io.BytesIO(_git("archive", version))) as archive:
            archive.extractall(tree, filter="data")
    for action in ("paint", "resume"):
        _run_painter(action, pictures, tree)
    return pictures


def _tree(version: str, folder: Path) -> Path:
    """Where a version's files are, or will be."""
    if version == WORKING_TREE:
        return Path(_git("rev-parse", "--show-toplevel").decode().strip())
    return folder / "tree"


def _run_painter(action: str, pictures: Path, tree: Path) -> None:
    """Paint with the version in `tree`, in a process of its own."""
    # -P: the folder of the script holds modules that are named like those of the standard library.
    command = [sys.executable, "-P", "-B", str(_PAINTER), action, str(pictures)]
    subprocess.run(command, cwd=tree, check=True)


def _git(*arguments: str) -> bytes:
    command = ["git", "-C", str(_PAINTER.parents[2]), *arguments]
    run = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if run.returncode:
        sys.exit(run.returncode)  # git has said why
    return run.stdout


def _write_inputs(folder: Path) -> None:
    """Draw the picture that is edited and its mask."""
    (folder / "config.toml").write_text(_CONFIG)
    scene, mask = Image.new("RGB", _SIZE, (30, 60, 200)), Image.new("L", _SIZE)
    ImageDraw.Draw(scene).ellipse((24, 16, 56, 48), fill=(220, 30, 30))
    ImageDraw.Draw(mask).rectangle((20, 12, 60, 52), fill=255)
    scene.save(folder / "scene.png")
    mask.save(folder / "mask.png")


def _compare(name: str, before: Path, after: Path) -> _Row:
    """Compare a recipe's pictures: pixels, recipe and every other byte of the files."""
    paths = [folder / f"{name}.png" for folder in (before, after)]
    missing = [path.parent.parent.name for path in paths if not path.exists()]
    if missing:
        return _Row(False, "", "", f"not painted {' and '.join(missing)}")
    contents = [path.read_bytes() for path in paths]
    digests = [hashlib.sha256(content).hexdigest()[:12] for content in contents]
    if contents[0] == contents[1]:
        return _Row(True, *digests)
    (pixels, texts), (other_pixels, other_texts) = map(_opened, contents)
    keys = [k for k in sorted({*texts, *other_texts}) if texts.get(k) != other_texts.get(k)]
    named = [key for key in keys if any(word in key.lower() for word in NAMES_A_VERSION)]
    differs = ["pixels"] if pixels != other_pixels else []
    differs += [
        "recipe" if key == RECIPE_KEY else f"text {key}" for key in keys if key not in named
    ]
    if not differs and not named:
        differs = ["bytes of the file, though neither pixels nor texts"]
    notes = [f"differs: {', '.join(differs)}"] if differs else []
    notes += [f"apart from the program's version in {', '.join(named)}"] if named else []
    return _Row(not differs, *digests, note="; ".join(notes))


def _opened(content: bytes) -> tuple[tuple[object, ...], dict[str, str]]:
    """Pixels and texts of a PNG file."""
    with Image.open(io.BytesIO(content)) as picture:
        picture.load()
        texts = {str(key): str(value) for key, value in picture.info.items()}
        return (picture.mode, picture.size, picture.tobytes()), texts


def _print(rows: list[tuple[str, _Row]], before: str, after: str) -> None:
    print(f"before: {before}, after: {after}")
    print(f"{'recipe':18} {'':9} {'before':12} {'after':12}")
    for name, row in rows:
        result = "same" if row.same else "DIFFERENT"
        print(f"{name:18} {result:9} {row.before:12} {row.after:12} {row.note}".rstrip())
    print(f"{sum(row.same for _, row in rows)} of {len(rows)} are the same")


def _print_resumed(*folders: Path) -> None:
    """Say how the resumed runs compare with the uninterrupted ones, and their checkpoints."""
    checkpoints = []
    for folder in folders:
        answer = "is the same as" if _is_as_uninterrupted(folder) else "is NOT as"
        print(f"{folder.parent.name}: the resumed run {answer} the uninterrupted one")
        checkpoints.append(_content(folder / "resumed.checkpoint"))
    same = checkpoints[0] == checkpoints[1]
    print(f"the checkpoints are {'the same' if same else 'different'} bytes")


def _resume_across(before: Path, after: Path, version: str) -> bool:
    """Resume the older version's checkpoint with the newer one; False if the picture differs.

    The newer one may refuse it: the bot then paints the picture from the beginning.
    """
    folder = after.with_name("across")
    shutil.copytree(before, folder)
    (folder / "resumed.png").unlink(missing_ok=True)
    _run_painter("resume", folder, _tree(version, after.parent))
    if not (folder / "resumed.png").exists():
        print("after refuses the checkpoint of before")
        return True
    same = _is_as_uninterrupted(folder)
    print(f"after resumes the checkpoint of before: {'same' if same else 'DIFFERENT'}")
    return same


def _is_as_uninterrupted(folder: Path) -> bool:
    whole = _content(folder / "further rounds.png")
    return whole is not None and whole == _content(folder / "resumed.png")


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None
