"""Parse the arguments of the command line, and explain which ones are not allowed."""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from engine import __version__
from engine.cli import help_texts, values
from engine.comparison.prompts import MAX_TRIES
from engine.editing.enlarging import ENLARGED
from engine.editing.restyle import USUAL_FILM
from engine.errors import UsageError
from engine.recipes.checks import MAX_SEED, MAX_STEPS
from engine.recipes.film import CAMERAS, MAX_BETWEEN, MAX_FRAMES, MAX_RATE
from engine.recipes.prompts import shorten
from engine.recipes.recipe import MAX_START_NOISE

if TYPE_CHECKING:  # argparse has no public names for these types
    Commands = argparse._SubParsersAction[Any]  # pyright: ignore[reportPrivateUsage]
    Group = argparse._ActionsContainer  # pyright: ignore[reportPrivateUsage]

MAX_COUNT = 1000
"""Maximum number of pictures of one call."""
KEEPS = ("all", "best")
"""What to do with several pictures: nothing, or to choose the best one too."""

UPSCALERS = ("painter", "network")
"""What can enlarge pictures: the painter itself, or a dedicated network."""

_RECIPE_OPTIONS = (
    *("size", "steps", "seed", "models", "preset"),
    *("negative", "ratio", "init_image", "start_noise", "like", "count", "tile", "fade"),
)
"""Options that set a recipe's values, and so exclude `--recipe`."""
FILM_OPTIONS = {
    "frames": "frames",
    "camera": "camera",
    "speed": "speed",
    "frame_steps": "steps",
    "strength": "strength",
    "fps": "frames_per_second",
    "between": "between",
    "loop": "loop",
}
"""Options of a film, and the fields of `Film` that they set."""

_SHORT = {"--out": ("-o",)}
"""Options that also have a short form."""
_FILE: dict[str, Any] = {"type": Path, "metavar": "FILE"}
_STEPS = partial(values.whole_number, low=1, high=MAX_STEPS)
"""Returns the reader of an option that is a number of steps."""


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse a command line.

    Args:
        argv: Arguments, by default those of the process.

    Returns:
        Arguments whose `command` is "imagine", "animate", "edit", "restyle", "upscale", "compare",
        "mask", "describe", "recipe", "models" or "weights".
        For "weights", `action` is "list", "get", "verify", "check" or "remove".

    Raises:
        UsageError: An argument is unknown or out of range.
    """
    arguments = _parser().parse_args(argv)
    if arguments.command in ("imagine", "animate"):
        _check_combination(arguments)
    if arguments.command == "compare":
        _check_comparison(arguments)
    if arguments.command == "upscale" and arguments.upscaler and arguments.by != "network":
        raise UsageError("--upscaler names the file of a network: add --by network")
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
    _add_animate(commands)
    _add_edit(commands)
    _add_restyle(commands)
    _add_upscale(commands)
    _add_compare(commands)
    _add_mask(commands)
    _add_describe(commands)
    recipe = _add_command(
        commands,
        "recipe",
        "print the recipe inside a picture",
        "Print the recipe inside a picture as JSON for imagine --recipe.",
    )
    recipe.add_argument("file", **_FILE, help="a PNG or MP4 painted by this program")
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
    settings.setdefault("help", help_texts.OPTIONS.get(name))
    group.add_argument(*_SHORT.get(name, ()), name, **settings)


def _add_imagine(commands: "Commands") -> None:
    what = "paint a picture from a prompt"
    parser = _add_painting_command(commands, "imagine", what, notes=help_texts.PAINTERS)
    recipe = _add_new_picture(parser)
    _add_option(recipe, "--more", type=_STEPS("--more"), metavar="N", action="append")
    _add_option(recipe, "--count", type=values.whole_number("--count", 1, MAX_COUNT), metavar="N")
    _add_option(recipe, "--keep", choices=KEEPS, help=help_texts.KEEP_BEST)
    _add_option(recipe, "--recipe", **_FILE)
    _add_option(recipe, "--finish", action="store_true")
    _add_other_options(parser)


def _add_animate(commands: "Commands") -> None:
    what = "paint a film: a picture through which a camera moves"
    parser = _add_painting_command(commands, "animate", what, notes=help_texts.FILMS)
    recipe = _add_new_picture(parser)
    _add_option(recipe, "--recipe", **_FILE, help="instead: paint the film in an MP4 again")
    film = parser.add_argument_group("the film")
    frames, speed = values.whole_number("--frames", 2, MAX_FRAMES), values.signed("--speed")
    _add_option(film, "--frames", type=frames, metavar="N")
    _add_option(film, "--camera", choices=CAMERAS, metavar="NAME")
    _add_option(film, "--speed", type=speed, metavar="X")
    _add_frame_options(film)
    _add_option(film, "--loop", action="store_true", default=None)
    _add_film_file(parser)


def _add_restyle(commands: "Commands") -> None:
    what = "paint a clip in another style, as what a prompt says"
    parser = _add_painting_command(commands, "restyle", what, notes=help_texts.CLIPS)
    clip = "video to paint, up to 10 seconds of it"
    parser.add_argument("clip", metavar="CLIP", type=Path, help=clip)
    parser.add_argument("prompt", metavar="PROMPT", help="what it should show; see below")
    recipe = parser.add_argument_group("what to paint")
    keep = values.number("--keep", 0, 1)
    _add_option(recipe, "--keep", type=keep, metavar="K", help=help_texts.KEEP_OF_CLIP)
    _add_steps_and_fade(recipe)
    _add_seed_and_models(recipe)
    film = parser.add_argument_group("the film")
    _add_frame_options(film, fps=USUAL_FILM.frames_per_second, between=USUAL_FILM.between)
    _add_film_file(parser)


def _add_frame_options(group: "Group", fps: int = 12, between: int = 0) -> None:
    """Add how frames are painted; `fps` and `between` are what `--help` names as defaults."""
    _add_option(group, "--frame-steps", type=_STEPS("--frame-steps"), metavar="N")
    _add_option(group, "--strength", type=values.number("--strength", 0, 100), metavar="X")
    rate = values.whole_number("--fps", 1, MAX_RATE)
    what = f"painted frames a second (default: {fps})"
    _add_option(group, "--fps", type=rate, metavar="N", help=what)
    count = values.whole_number("--between", 0, MAX_BETWEEN)
    what = f"show N computed frames between two painted ones (default: {between})"
    _add_option(group, "--between", type=count, metavar="N", help=what)


def _add_film_file(parser: argparse.ArgumentParser) -> None:
    files = parser.add_argument_group("files to write")
    _add_option(files, "--out", **_FILE, required=True, help="film to write, .mp4 or .webp")
    _add_option(files, "--force", action="store_true")
    _add_machine_options(parser)


def _add_new_picture(parser: argparse.ArgumentParser) -> "Group":
    """Add what a picture, or the first frame of a film, is painted from; return the group."""
    parser.add_argument("prompt", metavar="PROMPT", nargs="?", help="what to paint; see below")
    recipe = parser.add_argument_group("what to paint")
    _add_option(recipe, "--negative", metavar="WORDS")
    _add_option(recipe, "--size", type=values.size, metavar="WxH")
    _add_option(recipe, "--ratio", type=values.ratio, metavar="W:H")
    _add_option(recipe, "--init-image", **_FILE)
    _add_option(recipe, "--like", type=values.like, metavar="FILE[:WEIGHT]", action="append")
    _add_recipe_options(recipe)
    return recipe


def _add_edit(commands: "Commands") -> None:
    parser = _add_painting_command(commands, "edit", "change a picture into what a prompt says")
    parser.add_argument("picture", metavar="PICTURE", type=Path, help="picture to change")
    parser.add_argument("prompt", metavar="PROMPT", help="what it should show; see below")
    recipe = parser.add_argument_group("what to paint")
    _add_option(recipe, "--mask", **_FILE)
    _add_option(recipe, "--keep", type=values.number("--keep", 0, 1), metavar="K")
    _add_recipe_options(recipe)
    _add_option(recipe, "--more", type=_STEPS("--more"), metavar="N", action="append")
    _add_option(recipe, "--count", type=values.whole_number("--count", 1, MAX_COUNT), metavar="N")
    _add_other_options(parser)


def _add_upscale(commands: "Commands") -> None:
    what = "paint a picture again, two or four times as large"
    parser = _add_painting_command(commands, "upscale", what, notes=help_texts.UPSCALING)
    parser.add_argument("picture", metavar="PICTURE", type=Path, help="picture to enlarge")
    about = "what it shows (default: the words that painted it, or none)"
    parser.add_argument("prompt", metavar="PROMPT", nargs="?", help=about)
    recipe = parser.add_argument_group("what to paint")
    _add_option(recipe, "--by", choices=UPSCALERS, metavar="NAME", default=UPSCALERS[0])
    _add_option(recipe, "--upscaler", **_FILE)
    _add_option(recipe, "--factor", type=values.factor, metavar="F", default=ENLARGED)
    _add_option(recipe, "--steps", type=_STEPS("--steps"), metavar="N", help=help_texts.TILE_STEPS)
    _add_option(recipe, "--seed", type=values.whole_number("--seed", 0, MAX_SEED), metavar="S")
    _add_option(recipe, "--models", metavar="NAME")
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
    _add_option(parser, "--painters", type=values.names, metavar="NAME,NAME")
    _add_option(parser, "--tries", type=values.whole_number("--tries", 1, MAX_TRIES), metavar="N")
    _add_option(parser, "--table", type=values.whole_number("--table", 1, MAX_TRIES), metavar="N")
    ours = parser.add_argument_group("VQGAN-CLIP")
    _add_option(ours, "--models", metavar="NAME")
    _add_option(ours, "--preset", metavar="NAME")
    _add_option(ours, "--steps", type=values.whole_number("--steps", 1, MAX_STEPS), metavar="N")
    _add_option(parser, "--seed", type=values.whole_number("--seed", 0, MAX_SEED), metavar="S")
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
    _add_option(parser, "--grow", type=values.number("--grow", 0, 1), metavar="G", default=0.03)
    _add_option(parser, "--models", metavar="NAME")
    _add_machine_options(parser)


def _add_describe(commands: "Commands") -> None:
    what = "find words for a picture: print prompts that describe it"
    parser = _add_command(commands, "describe", what)
    parser.add_argument("picture", metavar="PICTURE", type=Path, help="picture to describe")
    _add_option(parser, "--models", metavar="NAME")
    _add_machine_options(parser)


def _add_weights(commands: "Commands") -> None:
    what = "list, download, verify, check and remove the files of published models"
    parser = _add_command(commands, "weights", what)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    name = "models, a generator, a perceptor or a file, as listed by `weights list`"
    _add_action(actions, "list", "list available weights, and which are downloaded")
    get = _add_action(actions, "get", "download missing files, or resume a download")
    get.add_argument("name", metavar="NAME", help=name)
    verify = _add_action(actions, "verify", "read files again and compare their checksums")
    optional = f"{name} (default: all downloaded files)"
    verify.add_argument("name", metavar="NAME", nargs="?", help=optional)
    check = _add_action(actions, "check", "test by drawings whether models do what they should")
    check.add_argument("name", metavar="NAME", help="models, a generator or a perceptor")
    check.add_argument("--report", action="store_true", help="print a block for an issue")
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
    return _add_command(
        commands, name, what, epilog=help_texts.SYNTAX + notes, formatter_class=formatter
    )


def _add_recipe_options(group: "Group") -> None:
    _add_steps_and_fade(group)
    noise = values.number("--start-noise", 0, MAX_START_NOISE)
    _add_option(group, "--start-noise", type=noise, metavar="X")
    _add_option(group, "--tile", type=values.tile, metavar="AXES")
    _add_seed_and_models(group)


def _add_steps_and_fade(group: "Group") -> None:
    _add_option(group, "--steps", type=_STEPS("--steps"), metavar="N")
    _add_option(group, "--fade", type=values.number("--fade", 0, 1), metavar="F")


def _add_seed_and_models(group: "Group") -> None:
    _add_option(group, "--seed", type=values.whole_number("--seed", 0, MAX_SEED), metavar="S")
    _add_option(group, "--models", metavar="NAME")
    _add_option(group, "--preset", metavar="NAME")


def _add_other_options(parser: argparse.ArgumentParser) -> None:
    files = parser.add_argument_group("files to write")
    _add_option(files, "--out", **_FILE, required=True, help="picture to write, a .png file")
    _add_option(
        files,
        "--save-every",
        type=values.whole_number("--save-every", 1, MAX_STEPS),
        metavar="N",
    )
    _add_option(files, "--animation", **_FILE)
    _add_option(files, "--svg", **_FILE)
    _add_option(files, "--preview", **_FILE)
    _add_option(files, "--force", action="store_true")
    _add_machine_options(parser)


def _add_machine_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("settings of this machine")
    _add_option(group, "--device", type=values.device, metavar="D")
    _add_config(group, "engine")


def _add_config(group: "Group", table: str) -> None:
    what = f"settings file with the table [{table}] (default: config.toml if it exists)"
    _add_option(group, "--config", **_FILE, help=what)


def _check_combination(arguments: argparse.Namespace) -> None:
    if vars(arguments).get("keep") == "best" and (arguments.count or 1) == 1:
        raise UsageError(
            "--keep best chooses among several pictures: add --count N, such as --count 4"
        )
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
        if arguments.command == "imagine" and arguments.finish:
            raise UsageError("--finish needs a picture that was stopped: add --recipe FILE")
        return
    if arguments.prompt is not None:
        raise UsageError("--recipe already contains a prompt: leave out PROMPT or --recipe")
    for name in (*_RECIPE_OPTIONS, *FILM_OPTIONS):
        if getattr(arguments, name, None) is not None:
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
