"""Pictures and recipes as the gallery's pages show them."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.gallery import GalleryPicture, GalleryRecipe, GalleryServer
from bot.host_page.gallery.asked import Asked, GalleryError
from bot.host_page.guard import GALLERY_PATH
from bot.ui.formatting import one_line
from engine.errors import RecipeError
from engine.recipes.kinds import AnyRecipe, painter_name, recipe_from_json
from engine.recipes.network_recipe import NetworkRecipe

_PROMPT, _BRIEF, _NAME = 1000, 80, 60
"""Maximum number of characters shown of a prompt, of one in a heading, and of a server's name."""
_SHAPES = (50, 67, 80, 100, 125, 150, 200, 300)
"""Widths as percentages of the height; the style has a class for each."""


@dataclass(frozen=True)
class Shown:
    """A picture on a page."""

    job: int
    number: int
    prompt: str
    width: int
    height: int
    is_film: bool
    has_like: bool
    """Whether others can be compared with it."""
    painted: str
    """When it was painted."""
    server: int

    @property
    def link(self) -> str:
        """The address of its own page."""
        return f"{GALLERY_PATH}/{self.job}/{self.number}"

    @property
    def like(self) -> str:
        """The address of those that are like it."""
        return Asked(like=(self.job, self.number)).link

    @property
    def shape(self) -> str:
        """The class in the style for the shape that is nearest to its own."""
        wanted = math.log(100 * self.width / self.height)
        return f"shape-{min(_SHAPES, key=lambda each: abs(math.log(each) - wanted))}"


def shown(picture: GalleryPicture) -> Shown:
    """Return a picture as it is shown; its prompt may contain anything."""
    when = picture.painted_at
    return Shown(
        picture.job,
        picture.index,
        one_line(picture.prompt, _PROMPT) or "a picture without words",
        *(max(1, side) for side in picture.size),
        is_film=picture.is_animated,
        has_like=picture.is_comparable,
        painted=f"{when.day} {when:%B %Y, %H:%M}",
        server=picture.guild,
    )


def all_shown(pictures: Iterable[GalleryPicture]) -> list[Shown]:
    """Return pictures as they are shown."""
    return [shown(each) for each in pictures]


def server_name(servers: Sequence[GalleryServer], wanted: int) -> str:
    """Return the name of a server; raise `GalleryError` if it has no pictures here."""
    found = [each.name for each in servers if each.id == wanted]
    if not found:
        raise GalleryError("There are no pictures of this server here.", 404)
    return one_line(found[0], _NAME)


def heading_of(asked: Asked, like: Shown | None, server: str | None) -> str:
    """Return what the found pictures have in common."""
    place = "" if server is None else f" in {server}"
    if like is not None:
        return f'More like "{one_line(like.prompt, _BRIEF)}"{place}'
    if asked.words:
        return f'Pictures with "{one_line(asked.words, _BRIEF)}"{place}'
    return f"Newest pictures{place}"


def facts(
    picture: Shown, recipe: GalleryRecipe | None, servers: Sequence[GalleryServer]
) -> list[tuple[str, str]]:
    """Return what there is to know about a picture: names and values."""
    found = [("Painted", picture.painted), ("Size", f"{picture.width} × {picture.height}")]
    names = {each.id: one_line(each.name, _NAME) for each in servers}  # a moment old
    if len(names) > 1 and picture.server in names:
        found.append(("Server", names[picture.server]))
    made = None if recipe is None or recipe.json is None else _read(recipe.json)
    if made is None:
        return found
    if not isinstance(made, NetworkRecipe):
        found.append(("Seed", str(made.seed)))
    found.append(("Steps", str(made.total_steps)))
    found.append(("Painter", painter_name(made)))
    found.append(("Models", made.models))
    return found


def _read(text: str) -> AnyRecipe | None:
    try:
        return recipe_from_json(text)
    except RecipeError:
        return None
