"""The files of a finished job: its pictures or its film, sheets, and how it grew.

`bot.ui.attachment_packer` keeps them within Discord's limits.
"""

from collections.abc import Sequence

from PIL import Image

from bot.config import PostedRecipes
from bot.jobs.job import Job
from bot.jobs.records import StoredFrame, StoredPicture, best_of
from bot.ui import alt_texts
from bot.ui.attachment_packer import AttachmentPacker, ResultFiles
from bot.ui.attachments import fit_within, open_image
from bot.ui.comparison_files import comparison_picture
from engine.images.contact_sheet import contact_sheet, numbered
from engine.images.tiling import Tile, repeated
from engine.painting import fits_into_png, svg_in
from engine.provenance import origin_texts, read_provenance
from engine.recipes.edit import Edit
from engine.recipes.kinds import AnyRecipe, is_comparison, tile_of_recipe
from engine.recipes.pictures import without_pictures
from engine.recipes.start_image import source_and_mask

_COMPARED_SIDE, _COPIES_SIDE, _CLIP_SIDE = 768, 1024, 512
"""Longest sides in pixels: of a picture in a comparison, of copies of a tile, of a clip."""
_GRID_COLUMNS = 2


def result_files(
    job: Job,
    pictures: Sequence[StoredPicture],
    frames: Sequence[StoredFrame],
    limit: int,
    posted_recipes: PostedRecipes,
    *,
    is_stopped: bool = False,
) -> ResultFiles:
    """Return all files of a finished or stopped job, each of at most `limit` bytes.

    If the job shows the best of its pictures, that comes first, and a sheet of all follows.
    """
    packer = AttachmentPacker(limit, job.language, spoiler=job.spoiler)
    finals = [open_image(each.content) for each in pictures]
    has_film = job.recipes[0].film is not None
    if has_film and frames:
        _add_film(packer, job, pictures[0], frames, posted_recipes)
    if (best := best_of(job, pictures)) is not None:
        final = finals[pictures.index(best)]
        _add_singles(packer, job, (best,), (final,), posted_recipes)
        _add_clip(packer, job, (best,), (final,), frames)
        packer.begin_message()
        _add_grid(packer, job, pictures, finals)
        return packer.result_files(final.size)
    if len(finals) > 1:
        _add_grid(packer, job, pictures, finals, is_stopped=is_stopped)
    else:
        _add_singles(packer, job, pictures, finals, posted_recipes)
    if not has_film:
        _add_clip(packer, job, pictures, finals, frames)
    if len(finals) > 1:
        packer.begin_message()
        _add_singles(packer, job, pictures, finals, posted_recipes)
    return packer.result_files(finals[0].size)


def _add_film(
    packer: AttachmentPacker,
    job: Job,
    last: StoredPicture,
    frames: Sequence[StoredFrame],
    posted_recipes: PostedRecipes,
) -> None:
    """Add the film of a job, which tells about itself what its last picture does."""
    recipe = job.recipes[0]
    posted, texts = _posted(recipe, posted_recipes), dict[str, str]()
    if posted is not None:
        origin = read_provenance(last.content)
        texts = origin_texts(posted, origin.digests, precision=origin.precision, steps=origin.steps)
    packer.add_film(f"{_name(job)}-film", frames, recipe, texts, alt_texts.of_film(job))


def _add_grid(
    packer: AttachmentPacker,
    job: Job,
    pictures: Sequence[StoredPicture],
    finals: Sequence[Image.Image],
    *,
    is_stopped: bool = False,
) -> None:
    """Add a sheet of all pictures."""
    if is_comparison(job.recipes):
        grid = comparison_picture(job, pictures, finals, is_stopped=is_stopped)
    else:
        grid = _grid([each.number for each in pictures], finals)
    packer.add_picture(f"{_name(job)}-grid", grid, alt_texts.of_grid(job, len(finals)))


def _add_clip(
    packer: AttachmentPacker,
    job: Job,
    pictures: Sequence[StoredPicture],
    finals: Sequence[Image.Image],
    frames: Sequence[StoredFrame],
) -> None:
    """Add a clip of how pictures grew, if there are frames of them."""
    numbers = {each.number for each in pictures}
    if any(each.picture in numbers for each in frames):
        clip = _clip(pictures, finals, frames)
        packer.add_clip(f"{_name(job)}-growth", clip, alt_texts.of_growth(job))


def _add_singles(
    packer: AttachmentPacker,
    job: Job,
    pictures: Sequence[StoredPicture],
    finals: Sequence[Image.Image],
    posted_recipes: PostedRecipes,
) -> None:
    """Add each picture, what each edit changed, and how copies of each tile join."""
    several = len(job.recipes) > 1
    names = [_name(job, each.number if several else None) for each in pictures]
    recipes = [job.recipes[each.number - 1] for each in pictures]
    for name, picture, final, recipe in zip(names, pictures, finals, recipes, strict=True):
        shows = alt_texts.of_picture(job.prompt, picture.number, len(job.recipes))
        packer.add_painting(name, picture.content, final, _posted(recipe, posted_recipes), shows)
    for name, picture in zip(names, pictures, strict=True):
        packer.add_drawing(name, svg_in(picture.content))
    for name, final, recipe in zip(names, finals, recipes, strict=True):
        if recipe.edit is not None:
            compared = _compared(recipe.edit, final)
            packer.add_picture(f"{name}-before-after", compared, alt_texts.BEFORE_AFTER)
        if (tile := tile_of_recipe(recipe)) != "none":
            packer.add_picture(f"{name}-copies", _copies(final, tile), alt_texts.COPIES)


def _posted(recipe: AnyRecipe, posted_recipes: PostedRecipes) -> AnyRecipe | None:
    """Return what of a recipe is posted; pictures that no file can hold are left out."""
    if posted_recipes == "none":
        return None
    is_complete = posted_recipes == "complete" and fits_into_png(recipe)
    return recipe if is_complete else without_pictures(recipe)


def _name(job: Job, number: int | None = None) -> str:
    return f"picture-{job.id}" + ("" if number is None else f"-{number}")


def _grid(numbers: Sequence[int], finals: Sequence[Image.Image]) -> Image.Image:
    """Lay pictures out side by side, with the numbers that their buttons have."""
    tiles = [numbered(each, number) for number, each in zip(numbers, finals, strict=True)]
    return contact_sheet(tiles, columns=_GRID_COLUMNS)


def _compared(edit: Edit, final: Image.Image) -> Image.Image:
    """Put a picture before and after its edit side by side."""
    size = fit_within(final.size, _COMPARED_SIDE)
    both = (source_and_mask(edit)[0], final)
    return contact_sheet([each.resize(size, Image.Resampling.LANCZOS) for each in both], columns=2)


def _copies(final: Image.Image, tile: Tile) -> Image.Image:
    """Lay copies of a tile side by side."""
    copies = repeated(final, tile)
    return copies.resize(fit_within(copies.size, _COPIES_SIDE), Image.Resampling.LANCZOS)


def _clip(
    pictures: Sequence[StoredPicture], finals: Sequence[Image.Image], frames: Sequence[StoredFrame]
) -> list[Image.Image]:
    """Return the frames of a clip: the pictures grow, side by side if there are several."""
    side = _CLIP_SIDE if len(finals) == 1 else _CLIP_SIDE // _GRID_COLUMNS
    runs: list[list[Image.Image]] = []
    for picture, final in zip(pictures, finals, strict=True):
        size = fit_within(final.size, side)
        grown = [open_image(each.content) for each in frames if each.picture == picture.number]
        runs.append([each.resize(size, Image.Resampling.BICUBIC) for each in (*grown, final)])
    if len(runs) == 1:
        return runs[0]
    longest = max(map(len, runs))
    runs = [[*run, *[run[-1]] * (longest - len(run))] for run in runs]
    return [contact_sheet(frames, columns=_GRID_COLUMNS) for frames in zip(*runs, strict=True)]
