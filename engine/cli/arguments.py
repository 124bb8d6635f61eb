"""Parse the arguments of the command line, and explain which ones are not allowed."""

import argparse
import math
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from engine import __version__
from engine.comparison.prompts import MAX_TRIES, PROMPT_SETS, TRIES
from engine.errors import RecipeError, UsageError
from engine.presets import PRESET_NAMES
from engine.recipes.checks import MAX_SEED, MAX_SIDE, MAX_STEPS, MIN_SIDE
from engine.recipes.prompt_syntax import MAX_WEIGHT
from engine.recipes.prompts import shorten
from engine.recipes.recipe import MAX_START_NOISE
from engine.recipes.shapes import MAX_RATIO, read_ratio
from engine.settings import DEVICES, MAX_MORE_MODELS, is_device

if TYPE_CHECKING:  # argparse has no public names for these types
    Commands = argparse._SubParsersAction[Any]  # pyright: ignore[reportPrivateUsage]
    Group = argparse._ActionsContainer  # pyright: ignore[reportPrivateUsage]

MAX_COUNT = 1000
"""Maximum number of pictures of one call."""

_RECIPE_OPTIONS = (
    *("size", "steps", "seed", "models", "preset"),
    *("negative", "ratio", "init_image", "start_noise", "like", "count"),
)
"""Options that set a recipe's values, and so exclude `--recipe`."""

_SYNTAX = r"""
PROMPT is "text:weight:stop | text:weight". The weight (default: 1) says how much a text
counts; a negative weight pushes away from it. At the stop value a text has no more
effect. What is no number, or follows a digit ("at 12:30"), belongs to the text, and so
do "a cat :3" and "(red:1.3)". Midjourney's "cat::2 dog::1", "--no fog" and "--ar 16:9" are
understood.
Write \: or \| for a colon or bar in the text. Put the prompt in quotes, and write --
before one that begins with a dash.

Ctrl-C saves the picture so far; a second Ctrl-C stops at once.
"""
_PAINTERS = """
--models chooses the painter too: demo-glide, demo-mindalle or any other that the command
models lists. They paint by their own defaults: PROMPT is then one plain sentence, and of
the options "what to paint" only --seed and --count count; others are refused by name.
"""


_HELP = {
    "--animation": "also write an animation of the progress, a .webp or .mp4 file",
    "--count": "paint N pictures, FILE-1.png to FILE-N.png, with the seeds S, S+1, ...",
    "--device": f"{DEVICES} (default: auto)",
    "--finish": "with --recipe: take all steps of a picture that was stopped, not only those taken",
    "--force": "overwrite existing files",
    "--grow": "margin around it, as a share of the picture's shorter side (default: 0.03)",
    "--init-image": "picture to start from, cropped to the size",
    "--keep": "how much of the picture to keep, from 0 to 1 (default: 0.9, or 0 with a mask)",
    "--like": "picture that the result should resemble, in addition to the prompt or without one; "
    "a weight below 0 pushes away from it (default: 1); may be repeated",
    "--mask": "picture in which white is changed, black kept; or a copy of PICTURE in which what "
    "changes is erased or painted over",
    "--models": "models to use, see the command models",
    "--more": "add an extra round of N steps, in which the learning rate rises and falls again; "
    "may be repeated; with --recipe after its own steps",
    "--negative": "what the picture should not show, separated by commas, as --no in the prompt",
    "--painters": "models of other painters to compare with, separated by commas (default: the "
    "demo painters for the demo models, else all published ones that paint from words)",
    "--preset": f"settings of the optimization: {', '.join(PRESET_NAMES)} "
    "(default: what suits the models)",
    "--prompts": f"paint the prompts of a figure of the paper: {', '.join(PROMPT_SETS)}",
    "--ratio": f"shape of the picture as width:height, up to {MAX_RATIO:g}:1; it has about as many "
    "pixels as the models' own size",
    "--recipe": "instead of the options above: paint the recipe in a PNG or JSON file again",
    "--save-every": "also save the picture after every N steps, in the folder FILE-frames",
    "--seed": "the same seed paints the same picture (default: random, and printed)",
    "--size": f"width and height in pixels, {MIN_SIDE} to {MAX_SIDE} each, or one number for a "
    "square; rounded to the models' grid (default: the models' own size)",
    "--start-noise": "add random noise to the picture to start from, in standard deviations of its "
    "latent (default: 0)",
    "--steps": "number of steps",
    "--table": "instead of a sheet: print the times of N runs each beside those of the paper",
    "--tries": f"number of tries of the other painters, with the seeds S, S+1, ... (default: "
    f"{TRIES})",
}
"""What each option does, for `--help`."""
_SHORT = {"--out": ("-o",)}
"""Options that also have a short form."""
_WEIGHT = r"[+-]?(?:[0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})"
_FILE: dict[str, Any] = {"type": Path, "metavar": "FILE"}


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse a command line.

    Args:
        argv: Arguments, by default those of the process.

    Returns:
        Arguments whose `command` is "imagine", "edit", "compare", "mask", "recipe", "models" or
        "weights".
        For "weights", `action` is "list", "get", "verify" or "remove".

    Raises:
        UsageError: An argument is unknown or out of range.
    """
    arguments = _parser().parse_args(argv)
    if arguments.command == "imagine":
        _check_combination(arguments)
    if arguments.command == "compare":
        _check_comparison(arguments)
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
    _add_compare(commands)
    _add_mask(commands)
    recipe = _add_command(
        commands,
        "recipe",
        "print the recipe inside a picture",
        "Print the recipe inside a picture as JSON for imagine --recipe.",
    )
    recipe.add_argument("file", **_FILE, help="a PNG painted by this program")
    what = "list the models that can paint"
    _add_command(commands, "models", what, "List the models that can paint, with their limits.")
    _add_weights(commands)
    return parser


def _add_command(
    commands: "Commands", name: str, what: str, description: str = "", **settings: Any
) -> argparse.ArgumentParser:
    """Add a command; its description is by default what it does, as a sentence."""
    description = description or f"{what[:1].upper()}{what[1:]}."
    return commands.add_parser(name, help=what, description=description, **settings)


def _add_option(group: "Group", name: str, **settings: Any) -> None:
    settings.setdefault("help", _HELP.get(name))
    group.add_argument(*_SHORT.get(name, ()), name, **settings)


def _add_imagine(commands: "Commands") -> None:
    what = "paint a picture from a prompt"
    parser = _add_painting_command(commands, "imagine", what, notes=_PAINTERS)
    parser.add_argument("prompt", metavar="PROMPT", nargs="?", help="what to paint; see below")
    recipe = parser.add_argument_group("what to paint")
    _add_option(recipe, "--negative", metavar="WORDS")
    _add_option(recipe, "--size", type=_size, metavar="WxH")
    _add_option(recipe, "--ratio", type=_ratio, metavar="W:H")
    _add_option(recipe, "--init-image", **_FILE)
    _add_option(recipe, "--like", type=_like, metavar="FILE[:WEIGHT]", action="append")
    _add_recipe_options(recipe)
    _add_option(recipe, "--recipe", **_FILE)
    _add_option(recipe, "--finish", action="store_true")
    _add_other_options(parser)


def _add_edit(commands: "Commands") -> None:
    parser = _add_painting_command(commands, "edit", "change a picture into what a prompt says")
    parser.add_argument("picture", metavar="PICTURE", type=Path, help="picture to change")
    parser.add_argument("prompt", metavar="PROMPT", help="what it should show; see below")
    recipe = parser.add_argument_group("what to paint")
    _add_option(recipe, "--mask", **_FILE)
    _add_option(recipe, "--keep", type=_number("--keep", 0, 1), metavar="K")
    _add_recipe_options(recipe)
    _add_other_options(parser)


def _add_compare(commands: "Commands") -> None:
    parser = _add_command(
        commands,
        "compare",
        "paint a prompt by several painters, and write a sheet",
        "Paint a prompt by VQGAN-CLIP and by the painters that the paper compares it with, and "
        "write a sheet with a row for each. CLIP chooses their best try.",
    )
    parser.add_argument("prompt", metavar="PROMPT", nargs="?", help="what to paint, one sentence")
    _add_option(parser, "--prompts", metavar="FIGURE")
    _add_option(parser, "--painters", type=_names, metavar="NAME,NAME")
    _add_option(parser, "--tries", type=_whole("--tries", 1, MAX_TRIES), metavar="N")
    _add_option(parser, "--table", type=_whole("--table", 1, MAX_TRIES), metavar="N")
    ours = parser.add_argument_group("VQGAN-CLIP")
    _add_option(ours, "--models", metavar="NAME")
    _add_option(ours, "--preset", metavar="NAME")
    _add_option(ours, "--steps", type=_whole("--steps", 1, MAX_STEPS), metavar="N")
    _add_option(parser, "--seed", type=_whole("--seed", 0, MAX_SEED), metavar="S")
    files = parser.add_argument_group("files to write")
    _add_option(files, "--out", **_FILE, help="sheet to write, a .png file")
    _add_option(files, "--force", action="store_true")
    _add_machine_options(parser)


def _add_mask(commands: "Commands") -> None:
    parser = _add_command(
        commands,
        "mask",
        "find what a phrase names in a picture",
        "Find what a phrase names in a picture, and write a mask for edit --mask.",
    )
    parser.add_argument("picture", metavar="PICTURE", type=Path, help="picture to search")
    parser.add_argument("phrase", metavar="PHRASE", help='what to look for, as "the red circle"')
    _add_option(parser, "--out", **_FILE, required=True, help="mask to write, a .png file")
    _add_option(parser, "--force", action="store_true")
    _add_option(parser, "--grow", type=_number("--grow", 0, 1), metavar="G", default=0.03)
    _add_option(parser, "--models", metavar="NAME")
    _add_machine_options(parser)


def _add_weights(commands: "Commands") -> None:
    what = "list, download, verify and remove the files of published models"
    parser = _add_command(commands, "weights", what)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    name = "models, a generator, a perceptor or a file, as listed by `weights list`"
    _add_action(actions, "list", "list available weights, and which are downloaded")
    get = _add_action(actions, "get", "download missing files, or resume a download")
    get.add_argument("name", metavar="NAME", help=name)
    verify = _add_action(actions, "verify", "read files again and compare their checksums")
    optional = f"{name} (default: all downloaded files)"
    verify.add_argument("name", metavar="NAME", nargs="?", help=optional)
    remove = _add_action(actions, "remove", "remove downloaded files and what was made from them")
    remove.add_argument("name", metavar="NAME", help=name)


def _add_action(actions: "Commands", name: str, what: str) -> argparse.ArgumentParser:
    parser = _add_command(actions, name, what)
    _add_config(parser, "weights")
    return parser


def _add_painting_command(
    commands: "Commands", name: str, what: str, *, notes: str = ""
) -> argparse.ArgumentParser:
    formatter = argparse.RawDescriptionHelpFormatter
    return _add_command(commands, name, what, epilog=_SYNTAX + notes, formatter_class=formatter)


def _add_recipe_options(group: "Group") -> None:
    _add_option(group, "--steps", type=_whole("--steps", 1, MAX_STEPS), metavar="N")
    more = _whole("--more", 1, MAX_STEPS)
    _add_option(group, "--more", type=more, metavar="N", action="append")
    noise = _number("--start-noise", 0, MAX_START_NOISE)
    _add_option(group, "--start-noise", type=noise, metavar="X")
    _add_option(group, "--seed", type=_whole("--seed", 0, MAX_SEED), metavar="S")
    _add_option(group, "--models", metavar="NAME")
    _add_option(group, "--preset", metavar="NAME")
    _add_option(group, "--count", type=_whole("--count", 1, MAX_COUNT), metavar="N")


def _add_other_options(parser: argparse.ArgumentParser) -> None:
    files = parser.add_argument_group("files to write")
    _add_option(files, "--out", **_FILE, required=True, help="picture to write, a .png file")
    _add_option(files, "--save-every", type=_whole("--save-every", 1, MAX_STEPS), metavar="N")
    _add_option(files, "--animation", **_FILE)
    _add_option(files, "--force", action="store_true")
    _add_machine_options(parser)


def _add_machine_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("settings of this machine")
    _add_option(group, "--device", type=_device, metavar="D")
    _add_config(group, "engine")


def _add_config(group: "Group", table: str) -> None:
    what = f"settings file with the table [{table}] (default: config.toml if it exists)"
    _add_option(group, "--config", **_FILE, help=what)


def _check_combination(arguments: argparse.Namespace) -> None:
    if arguments.recipe is None:
        if arguments.prompt is None and not arguments.like:
            raise UsageError(
                "a PROMPT is needed, or --like FILE: say in words what the picture should show, or "
                "name a picture that it should resemble"
            )
        if arguments.size and arguments.ratio:
            raise UsageError("--size and --ratio both choose the shape: leave one out")
        if arguments.start_noise and arguments.init_image is None:
            raise UsageError("--start-noise needs a picture to start from: add --init-image FILE")
        if arguments.finish:
            raise UsageError("--finish needs a picture that was stopped: add --recipe FILE")
        return
    if arguments.prompt is not None:
        raise UsageError("--recipe already contains a prompt: leave out PROMPT or --recipe")
    for name in _RECIPE_OPTIONS:
        if getattr(arguments, name) is not None:
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"{option} would change the recipe: leave out {option} or --recipe")


def _check_comparison(arguments: argparse.Namespace) -> None:
    if arguments.table is None:
        if arguments.out is None:
            raise UsageError("the sheet needs a name: add --out FILE, or print times by --table N")
        return
    for name in ("out", "tries"):
        if getattr(arguments, name) is not None:
            raise UsageError(f"--table prints times only: leave out --{name} or --table")


def _names(text: str) -> tuple[str, ...]:
    """Return the names in a list with commas."""
    names = tuple(filter(None, (each.strip() for each in text.split(","))))
    if not names or len(names) > MAX_MORE_MODELS:
        raise UsageError(
            f"--painters must be 1 to {MAX_MORE_MODELS} names with commas, not {shorten(text)!r}"
        )
    return names


def _whole(option: str, low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        value = int(text) if re.fullmatch(r"[+-]?[0-9]{1,30}", text) else None
        if value is None or not low <= value <= high:
            raise UsageError(
                f"{option} must be a whole number from {low} to {high}, not {shorten(text)!r}"
            )
        return value

    return read


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


def _ratio(text: str) -> float:
    try:
        return read_ratio(text)
    except RecipeError as error:  # argparse would hide its reason
        raise UsageError(str(error)) from error


def _like(text: str) -> tuple[Path, float]:
    """Return the file of a picture to resemble, and its weight."""
    name, _, weight = text.rpartition(":")
    if not name or re.fullmatch(_WEIGHT, weight) is None or Path(text).exists():
        return Path(text), 1.0
    if abs(float(weight)) > MAX_WEIGHT:
        raise UsageError(
            f"a weight of --like must be from -{MAX_WEIGHT:g} to {MAX_WEIGHT:g}, not {weight}"
        )
    return Path(name), float(weight)


def _device(text: str) -> str:
    if not is_device(text):
        raise UsageError(f"--device must be {DEVICES}, not {shorten(text)!r}")
    return text
