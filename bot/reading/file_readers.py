"""What is read from files, beside what `engine` reads. These functions run in `FileProcess`."""

from dataclasses import replace
from io import BytesIO

from PIL import Image

from bot.errors import UserError
from bot.languages.message import Message, sentences
from engine.editing.edit_pictures import EditPictures, read_edit, read_mask, read_source
from engine.editing.edit_recipe import IMAGE_PROMPT_SIDE, image_prompt
from engine.editing.followups import restart_from
from engine.files import THE_PICTURE
from engine.images.image_io import load_picture, read_picture
from engine.recipes.edit import Edit, ImagePrompt
from engine.recipes.kinds import AnyRecipe, vqgan_clip_recipe
from engine.recipes.network_recipe import NetworkRecipe
from engine.recipes.pictures import without_pictures
from engine.recipes.recipe import Recipe
from engine.recipes.start_image import (
    init_image,
    picture_to_enlarge,
    source_and_mask,
    start_picture,
)
from engine.text import Text
from engine.upscaling import ToEnlarge, read_to_enlarge


def read_edit_pictures(picture: bytes, mask: bytes | None) -> EditPictures:
    """Read the picture of an edit and its mask; raise `PictureError`."""
    return read_edit(picture, mask)


def read_draft(content: bytes, what: str | None) -> tuple[Image.Image, bytes | None, Message]:
    """Return a picture, a hole in it as a mask unless something is looked for, and notices."""
    if what:
        source, notices = read_source(content)
        return source, None, sentences(notices)
    pictures = read_edit(content)
    mask = None if pictures.mask is None else _png(pictures.mask)
    return pictures.source, mask, sentences(pictures.notices)


def read_mask_file(content: bytes, picture: bytes) -> bytes:
    """Read the mask of a picture as a PNG; raise `PictureError`."""
    source, _ = read_source(picture)
    return _png(read_mask(content, source)[0])


def read_start(content: bytes, size: tuple[int, int]) -> tuple[bytes, Message]:
    """Return the picture that a run starts from, fitted to `size`, and notices."""
    loaded = load_picture(content)
    return init_image(loaded.picture, size), sentences(
        loaded.notices(Text("the picture to start from"))
    )


def read_goal(content: bytes, number: int | None) -> tuple[ImagePrompt, Message]:
    """Return a picture that the painting should resemble, and notices.

    `number` is its number if there are several.
    """
    loaded = load_picture(content)
    name = Text("the picture to resemble")
    if number is not None:
        name = Text("picture {number} to resemble", number=number)
    return image_prompt(loaded.picture), sentences(loaded.notices(name))


def read_small(content: bytes, factor: int) -> tuple[ToEnlarge, Message]:
    """Return a picture that is to become `factor` times as large, and notices."""
    found = read_to_enlarge(content, factor)
    if (origin := found.origin) is not None:
        # Of its pictures only these are used again.
        likes = tuple(
            _own_image_prompt(each) if each.picture else each for each in origin.image_prompts
        )
        bare = vqgan_clip_recipe(without_pictures(origin))
        found = replace(found, origin=replace(bare, image_prompts=likes))
    return found, sentences(found.notices)


def read_for_network(content: bytes, factor: int) -> tuple[ToEnlarge, Message]:
    """Return a picture that a network makes `factor` times as large as it is, and notices."""
    found = read_to_enlarge(content, factor, as_shown=True)
    return found, sentences(found.notices)


def read_restart(content: bytes, recipe: AnyRecipe) -> tuple[AnyRecipe, Message]:
    """Return a recipe that starts from the picture in a file, and notices."""
    loaded = load_picture(content)
    restarted = restart_from(vqgan_clip_recipe(recipe), loaded.picture)
    return restarted, sentences(loaded.notices(THE_PICTURE))


def with_own_pictures(recipe: AnyRecipe) -> AnyRecipe:
    """Return a recipe from elsewhere with its pictures written anew, pixel by pixel the same.

    From here on they are small PNG files of the bot's own making. A clip is decoded and checked,
    and stays as it is, because it would lose something each time. Raises `UserError` or
    `EngineError` for pictures that cannot be read, or that this bot would not make.
    """
    start = start_picture(recipe)  # it, or a whole clip, fits the canvas, or cannot be read
    if isinstance(recipe, Recipe) and recipe.enlargement is not None:
        start = picture_to_enlarge(recipe)
    if isinstance(recipe, NetworkRecipe):
        return recipe if start is None else replace(recipe, source=_png(start))
    likes = tuple(_own_image_prompt(each) for each in recipe.image_prompts)
    edit = None if recipe.edit is None else _own_edit(recipe.edit)
    if not isinstance(recipe, Recipe):
        return replace(recipe, edit=edit)
    first = None if recipe.init_image is None or start is None else _png(start)
    return replace(recipe, init_image=first, image_prompts=likes, edit=edit)


def _own_edit(edit: Edit) -> Edit:
    source, mask = source_and_mask(edit)
    if read_source(edit.source)[0].size != source.size:
        raise UserError(Message("The picture that this recipe edits is too large for me."))
    return replace(edit, source=_png(source), mask=None if mask is None else _png(mask))


def _own_image_prompt(prompt: ImagePrompt) -> ImagePrompt:
    picture = read_picture(prompt.picture, name=Text("the image prompt"))
    if max(picture.size) > IMAGE_PROMPT_SIDE:
        raise UserError(Message("A picture that this recipe should resemble is too large for me."))
    return replace(prompt, picture=_png(picture))


def _png(picture: Image.Image) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
