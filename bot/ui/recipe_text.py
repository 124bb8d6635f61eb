"""Texts about recipes: how a picture was made, or will be."""

from collections.abc import Mapping

from bot.languages.message import Message, joined, percentage
from bot.ui.formatting import escape_name, escape_prompt
from engine.presets import infer_keep, preset_of
from engine.provenance import Provenance
from engine.recipes.edit import Edit
from engine.recipes.film import Camera, Film
from engine.recipes.glide_recipe import GlideRecipe, Guidance
from engine.recipes.kinds import AnyRecipe, painted_size, tile_of_recipe
from engine.recipes.mindalle_recipe import MinDalleRecipe
from engine.recipes.network_recipe import NetworkRecipe
from engine.recipes.prompts import Prompt
from engine.recipes.recipe import Recipe

_GUIDANCES: Mapping[Guidance, Message | str] = {
    "clip": "CLIP",
    "classifier-free": Message.in_context("guidance", "classifier-free"),
}
"""What guides GLIDE, for people, by the values of a recipe."""
LISTED_LENGTH = 80
"""Maximum length of a prompt that is one of several, in characters."""
_LISTED_PROMPTS = 5
"""Maximum number of prompts shown of a recipe."""

_CAMERAS: Mapping[Camera, Message] = {
    "still": Message.in_context("choice", "still"),
    "zoom": Message.in_context("choice", "zoom"),
    "pan": Message.in_context("choice", "pan"),
    "turn": Message.in_context("choice", "turn"),
    "drift": Message.in_context("choice", "drift"),
    "depth": Message.in_context("choice", "depth"),
}
"""What a camera does, as the choices of `/animate` call it."""


def provenance_text(origin: Provenance) -> Message:
    """Return the text of a picture's recipe, whose words may come from anyone."""
    recipe = origin.recipe
    left = len(recipe.prompts) - _LISTED_PROMPTS
    computed = Message("computed in {precision}", precision=origin.precision)
    parts = (
        size_text(recipe),
        _rounds(recipe),
        None if isinstance(recipe, NetworkRecipe) else Message("seed {seed}", seed=recipe.seed),
        Message("{models} models", models=escape_name(recipe.models)),
        *tile_parts(recipe),
        _settings(recipe),
        computed if origin.precision else None,
    )
    stopped = Message("It was stopped at step {step}.", step=origin.steps)
    lines = (
        Message("**How this picture was made**"),
        *_prompts(recipe),
        Message("- and {count} more", count=left) if left > 0 else None,
        joined(" · ", parts),
        joined(" · ", _start(recipe)),
        stopped if origin.steps < recipe.total_steps else None,
    )
    return joined("\n", lines)


def _prompts(recipe: AnyRecipe) -> list[Message]:
    """Return the first prompts of a recipe as list items, with the chapter of a story's."""
    shown = recipe.prompts[:_LISTED_PROMPTS]
    if not isinstance(recipe, Recipe) or recipe.story is None:
        return [_listed(each) for each in shown]
    shares = zip(recipe.story.shares, recipe.chapters, strict=True)
    chapters = [
        Message("chapter {number}, {share}", number=number, share=percentage(share))
        for number, (share, own) in enumerate(shares, 1)
        for _ in own
    ]
    return [_listed(each, where) for each, where in zip(shown, chapters, strict=False)]


def size_text(recipe: AnyRecipe) -> Message | str:
    """Return the size that a recipe paints, and how it is shown."""
    size = "{}×{}".format(*painted_size(recipe))
    if recipe.enlarge == 1:
        return size
    return Message("{size}, shown {factor}×", size=size, factor=recipe.enlarge)


def frames_text(film: Film) -> Message:
    """Return the length of a film, and what its camera does, or how much of a clip it keeps."""
    if film.clip is not None:
        length = Message.counted(
            "{count} frame, {seconds} s, restyled from a video",
            "{count} frames, {seconds} s, restyled from a video",
            film.frames,
            seconds=f"{film.seconds:.1f}",
        )
        keep = infer_keep(film.clip)
        kept = None if keep is None else Message("keeping {share}", share=percentage(keep))
        return joined(" · ", (length, kept))
    return Message.counted(
        "{count} frame, {seconds} s, camera: {camera}",
        "{count} frames, {seconds} s, camera: {camera}",
        film.frames,
        seconds=f"{film.seconds:.1f}",
        camera=_CAMERAS[film.camera],
    )


def steps_text(steps: int) -> Message:
    """Return a number of steps."""
    return Message.counted("{count} step", "{count} steps", steps)


def tiles_text(recipe: Recipe) -> Message:
    """Return how a picture was enlarged."""
    assert recipe.enlargement is not None
    return Message.counted(
        "{factor} times as large, {steps} steps in {count} part",
        "{factor} times as large, {steps} steps in {count} parts",
        recipe.tile_count,
        factor=recipe.enlargement.factor,
        steps=recipe.total_steps,
    )


def network_text(recipe: NetworkRecipe) -> Message:
    """Return how a network enlarged a picture."""
    return Message.counted(
        "{factor} times as large, in {count} part",
        "{factor} times as large, in {count} parts",
        recipe.total_steps,
        factor=recipe.factor,
    )


def tile_parts(recipe: AnyRecipe) -> list[Message]:
    """Return that a picture is a tile, if it is one."""
    match tile_of_recipe(recipe):
        case "both":
            return [Message("a tile in both directions")]
        case "x":
            return [Message("a tile from left to right")]
        case "y":
            return [Message("a tile from top to bottom")]
        case "none":
            return []


def edit_parts(edit: Edit, size: tuple[int, int] | None = None) -> list[Message]:
    """Return what an edit started from: the picture, how much of it stays, and where."""
    keep = infer_keep(edit)
    if size is None:
        parts = [Message("edited from a picture")]
    else:
        parts = [Message("edited from a picture of {size}", size=f"{size[0]}×{size[1]}")]
    if keep is not None:
        parts.append(Message("keeping {share}", share=percentage(keep)))
    if edit.mask is not None:
        parts.append(Message("only inside the mask"))
    return parts


def _listed(prompt: Prompt, chapter: Message | None = None) -> Message:
    """Return one prompt of a recipe as a list item, with the `chapter` that it belongs to."""
    weight = Message("weight {weight}", weight=f"{prompt.weight:g}")
    parts = (
        f"- {escape_prompt(prompt.text, LISTED_LENGTH)}",
        chapter,
        None if prompt.weight == 1 else weight,
        None if prompt.stop is None else Message("content at {stop}", stop=f"{prompt.stop:g}"),
    )
    return joined(" · ", parts)


def _rounds(recipe: AnyRecipe) -> Message:
    if isinstance(recipe, Recipe) and recipe.film is not None:
        return joined(" · ", (steps_text(recipe.steps), frames_text(recipe.film)))
    if isinstance(recipe, Recipe) and recipe.enlargement is not None:
        return tiles_text(recipe)
    if isinstance(recipe, NetworkRecipe):
        return network_text(recipe)
    if not isinstance(recipe, Recipe) or not recipe.more:
        return steps_text(recipe.total_steps)
    return Message.counted(
        "{steps} steps in {count} round",
        "{steps} steps in {count} rounds",
        len(recipe.rounds),
        steps=recipe.total_steps,
    )


def _settings(recipe: AnyRecipe) -> Message:
    if isinstance(recipe, GlideRecipe):
        return Message(
            "painted by {painter}, guided by {guidance} with the scale {scale}",
            painter=recipe.shown_name,
            guidance=_GUIDANCES[recipe.guidance],
            scale=f"{recipe.guidance_scale:g}",
        )
    if isinstance(recipe, MinDalleRecipe):
        return Message.counted(
            "painted by {painter}, {count} candidate, the {top_k} likeliest codes",
            "painted by {painter}, the best of {count} candidates, the {top_k} likeliest codes",
            recipe.candidates,
            painter=recipe.shown_name,
            top_k=recipe.top_k,
        )
    if isinstance(recipe, NetworkRecipe):
        return Message("by a network that was trained to enlarge pictures")
    if not isinstance(recipe, Recipe):
        return Message(
            "painted by {painter} with the strength {alpha}",
            painter=recipe.shown_name,
            alpha=f"{recipe.alpha:g}",
        )
    preset = preset_of(recipe)
    if preset is not None:
        return Message("preset {preset}", preset=preset)
    return Message(
        "custom settings: {cutouts} cutouts, learning rate {rate}, regulariser {regularizer}, "
        "{quantization}",
        cutouts=recipe.cutouts,
        rate=f"{recipe.learning_rate:g}",
        regularizer=f"{recipe.regularizer:g}",
        quantization=recipe.quantization,
    )


def _start(recipe: AnyRecipe) -> list[Message]:
    """Return what a recipe had to start from besides its prompts."""
    start = [] if recipe.edit is None else edit_parts(recipe.edit)
    if recipe.init_image is not None and not isinstance(recipe, NetworkRecipe):
        start.append(Message("started from a picture"))
    if isinstance(recipe, Recipe) and recipe.start_noise > 0:
        noise = f"{recipe.start_noise:g}"
        start.append(Message("with noise {noise} at the start", noise=noise))
    if isinstance(recipe, Recipe) and recipe.story is not None:
        fade = percentage(recipe.story.fade)
        start.append(Message("chapters fade in over {share} of their steps", share=fade))
    if recipe.image_prompts:
        pictures = len(recipe.image_prompts)
        start.append(
            Message.counted("resembling {count} picture", "resembling {count} pictures", pictures)
        )
    return start
