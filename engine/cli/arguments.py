"""Parse the arguments of the command line, and explain which ones are not allowed."""

import argparse
import math
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from engine import __version__
from engine.errors import UsageError
from engine.presets import PRESET_NAMES
from engine.recipes.prompts import shorten
from engine.recipes.recipe import MAX_SEED, MAX_SIDE, MAX_START_NOISE, MAX_STEPS, MIN_SIDE
from engine.settings import DEVICES, is_device

if TYPE_CHECKING:  # argparse has no public names for these types
    Commands = argparse._SubParsersAction["_Parser"]  # pyright: ignore[reportPrivateUsage]
    Group = argparse._ArgumentGroup  # pyright: ignore[reportPrivateUsage]

MAX_COUNT = 1000
"""Maximum number of pictures of one call."""

_RECIPE_OPTIONS = (
    "size",
    "steps",
    "more",
    "seed",
    "models",
    "preset",
    "init_image",
    "start_noise",
    "like",
    "count",
)
"""Options that set a recipe's values, and so exclude `--recipe`."""

_SYNTAX = r"""
PROMPT is "text:weight:stop | text:weight". The weight (default: 1) says how much a text
counts; a negative weight pushes away from it. At the stop value a text has no more
effect. Write \: or \| for a colon or bar in the text. Put the prompt in quotes, and
write -- before one that begins with a dash.

Ctrl-C saves the picture so far; a second Ctrl-C stops at once.
"""


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse a command line.

    Args:
        argv: Arguments, by default those of the process.

    Returns:
        Arguments whose `command` is "imagine", "edit", "mask", "recipe", "models" or "weights".
        For "weights", `action` is "list", "get", "verify" or "remove".

    Raises:
        UsageError: An argument is unknown or out of range.
    """
    arguments = _parser().parse_args(argv)
    if arguments.command == "imagine":
        _check_combination(arguments)
    return arguments


class _Parser(argparse.ArgumentParser):
    """A parser that raises `UsageError` and does not accept abbreviated options."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{shorten(message, 300)} (see {self.prog} --help)")


def _parser() -> argparse.ArgumentParser:
    name = "vqgan-clip" if Path(sys.argv[0]).stem == "vqgan-clip" else "python -m engine"
    parser = _Parser(prog=name, description="Paint pictures from words with VQGAN-CLIP.")
    parser.add_argument("--version", action="version", version=f"vqgan-clip {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_imagine(commands)
    _add_edit(commands)
    _add_mask(commands)
    recipe = commands.add_parser(
        "recipe",
        help="print the recipe inside a picture",
        description="Print the recipe inside a picture as JSON for imagine --recipe.",
    )
    recipe.add_argument("file", metavar="FILE", type=Path, help="a PNG painted by this program")
    commands.add_parser(
        "models",
        help="list the models that can paint",
        description="List the models that can paint, with their limits.",
    )
    _add_weights(commands)
    return parser


def _add_imagine(commands: "Commands") -> None:
    parser = _add_painting_command(commands, "imagine", "paint a picture from a prompt")
    parser.add_argument("prompt", metavar="PROMPT", nargs="?", help="what to paint; see below")
    recipe = parser.add_argument_group("what to paint")
    recipe.add_argument(
        "--size",
        type=_size,
        metavar="WxH",
        help=f"width and height in pixels, {MIN_SIDE} to {MAX_SIDE} each, or one number for a "
        "square; rounded to the models' grid (default: the models' own size)",
    )
    recipe.add_argument(
        "--init-image", type=Path, metavar="FILE", help="picture to start from, cropped to the size"
    )
    recipe.add_argument(
        "--like",
        type=Path,
        metavar="FILE",
        action="append",
        help="picture that the result should resemble, in addition to the prompt; may be repeated",
    )
    _add_recipe_options(recipe)
    recipe.add_argument(
        "--recipe",
        type=Path,
        metavar="FILE",
        help="instead of all these options: paint the recipe in a PNG or JSON file again",
    )
    _add_file_options(parser.add_argument_group("files to write"))
    _add_machine_options(parser.add_argument_group("settings of this machine"))


def _add_edit(commands: "Commands") -> None:
    parser = _add_painting_command(commands, "edit", "change a picture into what a prompt says")
    parser.add_argument("picture", metavar="PICTURE", type=Path, help="picture to change")
    parser.add_argument("prompt", metavar="PROMPT", help="what it should show; see below")
    recipe = parser.add_argument_group("what to paint")
    recipe.add_argument(
        "--mask", type=Path, metavar="FILE", help="picture in which white is changed, black kept"
    )
    recipe.add_argument(
        "--keep",
        type=_share("--keep"),
        metavar="K",
        help="how much of the picture to keep, from 0 to 1 (default: 0.9, or 0 with a mask)",
    )
    _add_recipe_options(recipe)
    _add_file_options(parser.add_argument_group("files to write"))
    _add_machine_options(parser.add_argument_group("settings of this machine"))


def _add_mask(commands: "Commands") -> None:
    parser = commands.add_parser(
        "mask",
        help="find what a phrase names in a picture",
        description="Find what a phrase names in a picture, and write a mask for edit --mask.",
    )
    parser.add_argument("picture", metavar="PICTURE", type=Path, help="picture to search")
    parser.add_argument("phrase", metavar="PHRASE", help='what to look for, as "the red circle"')
    parser.add_argument(
        "--out", type=Path, metavar="FILE", required=True, help="mask to write, a .png file"
    )
    parser.add_argument("--force", action="store_true", help="overwrite existing files")
    parser.add_argument(
        "--grow",
        type=_share("--grow"),
        metavar="G",
        default=0.03,
        help="margin around it, as a share of the picture's shorter side (default: 0.03)",
    )
    parser.add_argument("--models", metavar="NAME", help="models to use, see the command models")
    _add_machine_options(parser.add_argument_group("settings of this machine"))


def _add_weights(commands: "Commands") -> None:
    parser = commands.add_parser(
        "weights",
        help="list, download, verify and remove the files of published models",
        description="List, download, verify and remove the files of published models.",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    name = "models, a generator, a perceptor or a file, as listed by `weights list`"
    _add_action(actions, "list", "list available weights, and which are downloaded")
    get = _add_action(actions, "get", "download missing files, or resume a download")
    get.add_argument("name", metavar="NAME", help=name)
    verify = _add_action(actions, "verify", "read files again and compare their checksums")
    verify.add_argument(
        "name", metavar="NAME", nargs="?", help=f"{name} (default: all downloaded files)"
    )
    remove = _add_action(actions, "remove", "remove downloaded files and what was made from them")
    remove.add_argument("name", metavar="NAME", help=name)


def _add_action(actions: "Commands", name: str, what: str) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=what, description=f"{what[:1].upper()}{what[1:]}.")
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="settings file with the table [weights] (default: config.toml if it exists)",
    )
    return parser


def _add_painting_command(commands: "Commands", name: str, what: str) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=what,
        description=f"{what[:1].upper()}{what[1:]}.",
        epilog=_SYNTAX,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _add_recipe_options(group: "Group") -> None:
    presets = ", ".join(PRESET_NAMES)
    group.add_argument(
        "--steps", type=_whole("--steps", 1, MAX_STEPS), metavar="N", help="number of steps"
    )
    group.add_argument(
        "--more",
        type=_whole("--more", 1, MAX_STEPS),
        metavar="N",
        action="append",
        help="add an extra round of N steps, in which the learning rate rises and falls again; "
        "may be repeated",
    )
    group.add_argument(
        "--start-noise",
        type=_number("--start-noise", 0, MAX_START_NOISE),
        metavar="X",
        help="add random noise to the picture to start from, in standard deviations of its latent "
        "(default: 0)",
    )
    group.add_argument(
        "--seed",
        type=_whole("--seed", 0, MAX_SEED),
        metavar="S",
        help="the same seed paints the same picture (default: random, and printed)",
    )
    group.add_argument("--models", metavar="NAME", help="models to use, see the command models")
    group.add_argument(
        "--preset",
        metavar="NAME",
        help=f"settings of the optimization: {presets} (default: what suits the models)",
    )
    group.add_argument(
        "--count",
        type=_whole("--count", 1, MAX_COUNT),
        metavar="N",
        help="paint N pictures, FILE-1.png to FILE-N.png, with the seeds S, S+1, ...",
    )


def _add_machine_options(group: "Group") -> None:
    group.add_argument("--device", type=_device, metavar="D", help=f"{DEVICES} (default: auto)")
    group.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="settings file with the table [engine] (default: config.toml if it exists)",
    )


def _add_file_options(group: "Group") -> None:
    group.add_argument(
        "--out", type=Path, metavar="FILE", required=True, help="picture to write, a .png file"
    )
    group.add_argument(
        "--save-every",
        type=_whole("--save-every", 1, MAX_STEPS),
        metavar="N",
        help="also save the picture after every N steps, in the folder FILE-frames",
    )
    group.add_argument(
        "--animation",
        type=Path,
        metavar="FILE",
        help="also write an animation of the progress, a .webp or .mp4 file",
    )
    group.add_argument("--force", action="store_true", help="overwrite existing files")


def _check_combination(arguments: argparse.Namespace) -> None:
    if arguments.recipe is None:
        if arguments.prompt is None:
            raise UsageError("a PROMPT is needed: say in words what the picture should show")
        if arguments.start_noise and arguments.init_image is None:
            raise UsageError("--start-noise needs a picture to start from: add --init-image FILE")
        return
    if arguments.prompt is not None:
        raise UsageError("--recipe already contains a prompt: leave out PROMPT or --recipe")
    for name in _RECIPE_OPTIONS:
        if getattr(arguments, name) is not None:
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"{option} would change the recipe: leave out {option} or --recipe")


def _whole(option: str, low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        value = int(text) if re.fullmatch(r"[+-]?[0-9]{1,30}", text) else None
        if value is None or not low <= value <= high:
            raise UsageError(
                f"{option} must be a whole number from {low} to {high}, not {shorten(text)!r}"
            )
        return value

    return read


def _share(option: str) -> Callable[[str], float]:
    return _number(option, 0, 1)


def _number(option: str, low: float, high: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        value = float(text) if re.fullmatch(r"[0-9]{0,9}\.?[0-9]{1,9}", text) else math.nan
        if not low <= value <= high:
            raise UsageError(
                f"{option} must be a number from {low:g} to {high:g}, not {shorten(text)!r}"
            )
        return value

    return read


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([0-9]{1,9})(?:[x×]([0-9]{1,9}))?", text.lower())
    if match is None:
        raise UsageError(
            f"--size must be WxH or one number, such as 96x64 or 64, not {shorten(text)!r}"
        )
    width, height = int(match[1]), int(match[2] or match[1])
    if not (MIN_SIDE <= width <= MAX_SIDE and MIN_SIDE <= height <= MAX_SIDE):
        raise UsageError(
            f"--size must be from {MIN_SIDE} to {MAX_SIDE} pixels each way, not {width}x{height}"
        )
    return width, height


def _device(text: str) -> str:
    if not is_device(text):
        raise UsageError(f"--device must be {DEVICES}, not {shorten(text)!r}")
    return text
