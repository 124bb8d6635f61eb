"""Command lines that paint pictures again: what they say, and what they cannot say."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from PIL import Image

from bot.jobs.job import Job, JobState
from bot.jobs.records import JobRecord
from bot.submission.command_lines import CommandLine, CommandWriter
from bot.submission.seeds import variations
from engine.editing.edit_recipe import edit_recipe, image_prompt
from engine.editing.enlarging import enlarged
from engine.editing.followups import variation_of, with_extra_steps
from engine.presets import make_recipe, size_of_ratio, size_of_shape
from engine.recipes.prompts import parse_prompts
from engine.recipes.recipe import Recipe
from engine.recipes.shapes import read_ratio
from tests.harness.bot_harness import encoded
from tests.harness.command_lines import options_in

NAMES = ["prompt", "size", "ratio", "steps", "seed", "preset", "style", "image", "like", "count"]
NAMES += ["like_weights", "model", "keep"]
BLEND_NAMES = ["image1", "image2", "image3", "weights", *NAMES[1:7], "negative", "count", "model"]
EDIT_NAMES = ["prompt", "image", "mask", "keep", "steps", "seed", "preset", "count"]
UPSCALE_NAMES = ["image", "factor", "prompt", "steps", "seed"]
WRITER = CommandWriter(
    ["demo"],
    [],
    {"imagine": NAMES, "blend": BLEND_NAMES, "edit": EDIT_NAMES, "upscale": UPSCALE_NAMES},
)
PICTURE = Image.new("RGB", (64, 64), "red")
SEED = 3


def record(typed: str, *recipes: Recipe, state: JobState = JobState.DONE) -> JobRecord:
    now = datetime.now(UTC)
    nothing = dict.fromkeys(("location", "channel_id", "progress_id", "reason", "notice"))
    return JobRecord(
        job=Job(1, 5, typed, recipes),
        state=state,
        stop_requested=False,
        seconds=1.0,
        accepted_at=now,
        began_at=now,
        ended_at=now,
        notified_at=now,
        **nothing,
    )


def written(typed: str, *recipes: Recipe, **options: JobState) -> CommandLine:
    return WRITER.write(record(typed, *recipes, **options))


def told(line: CommandLine) -> tuple[str, ...]:
    return tuple(map(str, line.notices))


def _size(options: dict[str, str | int]) -> tuple[int, int]:
    if "ratio" in options:
        return size_of_ratio(read_ratio(str(options["ratio"])), "demo")
    return size_of_shape(str(options["size"]), "demo")


def painted(line: str) -> Recipe:
    """Return the first recipe of the pictures that a line asks for."""
    options = options_in(line, NAMES)
    recipe = make_recipe(
        str(options["prompt"]),
        seed=int(options["seed"]),
        preset=str(options["preset"]),
        size=_size(options),
        steps=int(options["steps"]),
    )
    style = options.get("style")
    prompts = (replace(p, text=f"{p.text}, {style}") for p in recipe.prompts if p.weight > 0)
    return recipe if style is None else replace(recipe, prompts=tuple(prompts))


@pytest.mark.parametrize(
    "typed",
    [
        "a red circle",
        "a red circle:2 | fog:-0.5:1",
        "a red circle --no fog, rain --ar 16:9",
        "cat::2 dog",
        "a sign that says size: 5 and seed:7",
        "style:0.5 | steps: a study",
        r"at 12\:30, a \| b",
        "Preset:fast",
        "`code` *bold* <@5> @everyone | tab\tand\nline",
        "size",
        "prompt:prompt:2",
        "\u202eabc 日本 🎨",
    ],
)
def test_any_prompt_comes_back_as_the_same_prompts(typed: str):
    recipe = make_recipe(typed, seed=SEED, size=(80, 52), preset="fast", steps=7)
    line = written(typed, recipe)
    assert told(line) == ()
    again = painted(line.text)
    assert [(" ".join(p.text.split()), p.weight, p.stop) for p in recipe.prompts] == [
        (p.text, p.weight, p.stop) for p in again.prompts
    ]
    assert replace(again, prompts=recipe.prompts) == recipe
    assert "\n" not in line.text


def test_a_prompt_that_looks_like_many_options_is_told():
    line = written("size: " * 20, make_recipe("size: " * 20, seed=SEED))
    assert told(line) == (
        "A part of the prompt looks like an option, so check the fields before you send the "
        "command.",
    )


def test_what_was_typed_stays_as_it_was_typed():
    recipe = make_recipe("a cat --ar 16:9 --no fog", seed=SEED)
    line = written("a cat --ar 16:9 --no fog", recipe).text
    assert line == (
        "/imagine prompt:a cat --ar 16:9 --no fog ratio:16:9 steps:130 seed:3 preset:demo"
    )


@pytest.mark.parametrize("typed", ["a cat", "a cat:2 | a dog | fog:-1", "seed:5 a cat"])
def test_a_style_is_told_from_the_prompt(typed: str):
    recipe = make_recipe(typed, seed=SEED)
    prompts = [replace(p, text=f"{p.text}, oil") if p.weight > 0 else p for p in recipe.prompts]
    line = written(typed, replace(recipe, prompts=tuple(prompts)))
    assert line.style == "oil"
    assert line.text.endswith("style:oil")
    assert told(line) == ()


def test_a_style_that_looks_like_an_option_is_a_part_of_the_prompt():
    recipe = make_recipe("a cat", seed=SEED)
    line = written("a cat", replace(recipe, prompts=parse_prompts(r"a cat, size\: big")))
    assert line.style is None
    assert told(line) == ()
    assert r"prompt:a cat, size\: big " in line.text


@pytest.mark.parametrize("ratio", ["21:9", "1:3.9", "7:5", "3.3"])
def test_any_ratio_comes_back_as_the_same_size(ratio: str):
    recipe = make_recipe("a cat", seed=SEED, size=size_of_ratio(read_ratio(ratio), "demo"))
    line = written("a cat", recipe)
    assert told(line) == ()
    assert painted(line.text) == recipe


def test_a_blend_says_its_weights_and_has_no_prompt():
    likes = (image_prompt(PICTURE, 2.0), image_prompt(PICTURE, -0.5))
    line = written("like 2 pictures", cat(prompts=(), image_prompts=likes))
    assert line.text == "/blend size:square steps:130 seed:3 preset:demo weights:2.0, -0.5"
    assert told(line) == (
        "A line of text can't hold the pictures that it should resemble: attach them again.",
    )


def test_a_blend_says_what_its_command_cannot_do():
    one = cat(prompts=(), image_prompts=(image_prompt(PICTURE, -2.0),))
    line = written("unlike a picture", one)
    assert line.text == "/blend size:square steps:130 seed:3 preset:demo weights:-2.0, -2.0"
    assert ["twice, as `image1` and `image2`" in each for each in told(line)] == [True]
    started = replace(one, start="image", init_image=encoded(PICTURE))
    assert "which `/blend` can't" in told(written("unlike a picture", started))[0]


def test_words_beside_pictures_are_a_prompt():
    prompts = parse_prompts("fog:-0.5")
    line = written("fog:-0.5", cat(prompts=prompts, image_prompts=(image_prompt(PICTURE, 2.0),)))
    assert line.text.startswith("/imagine prompt:fog:-0.5 ")
    assert line.text.endswith(" like_weights:2.0")


def test_other_models_are_named():
    writer = replace(WRITER, installed=["vast", "demo"])
    line = writer.write(record("a cat", cat()))
    assert line.text.endswith("preset:demo model:demo")
    assert told(line) == ()


def test_several_pictures_are_counted_and_one_of_them_has_its_own_seed():
    job = record("a cat", *variations(make_recipe("a cat", seed=SEED), 3))
    assert WRITER.write(job).text.endswith("seed:3 preset:demo count:3")
    assert WRITER.write(job, 2).text.endswith("seed:4 preset:demo")


def cat(**changes: Any) -> Recipe:
    return replace(make_recipe("a cat", seed=SEED), **changes)


def edited(mask: Image.Image | None = None) -> Recipe:
    keep = 0.5 if mask is None else None
    return edit_recipe("a cat", PICTURE, seed=SEED, mask=mask, keep=keep)


def masked() -> Recipe:
    return edited(Image.new("L", (64, 64), 255))


def noisy(recipe: Recipe) -> Recipe:
    return variation_of(recipe, encoded(PICTURE), SEED)


def looks_kept() -> Recipe:
    edit = edited().edit
    assert edit is not None
    return replace(edited(), edit=replace(edit, keep_look=0.3))


@pytest.mark.parametrize(
    ("recipe", "reasons"),
    [
        (lambda: cat(start="image", init_image=encoded(PICTURE)), ["attach that as `image`"]),
        (lambda: cat(image_prompts=(image_prompt(PICTURE),)), ["attach them again"]),
        (lambda: noisy(cat()), ["variation of another"]),
        (lambda: with_extra_steps(with_extra_steps(cat(), 50), 7), ["for the 50 + 7 after"]),
        (lambda: cat(learning_rate=0.123), ["not options of the command"]),
        (lambda: cat(width=256), ["not options of the command"]),
        (lambda: cat(enlarge=1), ["not options of the command"]),
        (lambda: cat(seed=2**60), ["too large to be typed"]),
        (lambda: cat(models="vast"), ["which I do not have"]),
        (lambda: enlarged(cat(), encoded(PICTURE)), ["picture that was enlarged"]),
        (edited, ["picture that was edited"]),
        (masked, ["and its mask"]),
        (lambda: noisy(edited()), ["picture that was edited", "not options"]),
        (looks_kept, ["picture that was edited", "not options"]),
    ],
)
def test_what_a_line_cannot_say_is_said_in_sentences(
    recipe: Callable[[], Recipe], reasons: list[str]
):
    line = written("a cat", recipe())
    assert len(told(line)) == len(reasons)
    for notice, reason in zip(told(line), reasons, strict=True):
        assert reason in notice
        assert notice.endswith(".")
    assert line.text.startswith(
        ("/imagine prompt:a cat ", "/edit prompt:a cat ", "/upscale prompt:a cat ")
    )


def test_an_edit_says_how_much_stays():
    assert " keep:50 steps:3 seed:3 preset:demo" in written("a cat", edited()).text
    assert " keep:0 " in written("a cat", masked()).text


def test_pictures_with_settings_of_their_own_and_stopped_ones_are_told():
    several = (cat(), cat(steps=5))
    assert "the first one" in told(written("a cat", *several))[0]
    assert "stopped early" in told(written("a cat", cat(), state=JobState.STOPPED))[0]


def test_options_that_have_defaults_are_not_left_out():
    writer = replace(WRITER, defaults=("style", "negative", "count", "model", "steps"))
    line = writer.write(record("a cat", cat())).text
    assert line.endswith("preset:demo style:none count:1 model:demo negative:none")
    assert writer.write(record("a cat", edited())).text.endswith("preset:demo")


def test_a_tile_is_an_option():
    tile = make_recipe("a cat", seed=SEED, size=(80, 52), tile="x")
    line = written("a cat", tile)
    assert told(line) == ()
    assert " preset:demo tile:x" in line.text
    assert " tile:both" in written("a cat", replace(edited(), tile="both")).text
    assert "tile:" not in written("a cat", replace(tile, tile="none")).text
