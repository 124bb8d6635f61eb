"""Pack the files of a result into messages, within Discord's limits.

Discord accepts files up to the server's limit, and ten files or 25 MiB in a message. A picture
that is too large as PNG becomes a WebP with its recipe in a JSON file; a film that is too large
comes in parts; a clip that is too large is left out. The message says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from PIL import Image

from bot.jobs.records import StoredFrame
from bot.languages.catalogue import Language
from bot.languages.message import Message
from bot.ui.attachments import MAX_FILES, MAX_MESSAGE_BYTES, Attachment, encode
from bot.ui.filenames import recipe_filename
from bot.ui.film_files import film_files
from engine.files import MEBIBYTE, file_bytes
from engine.images.animation import write_animation
from engine.painting import with_recipe
from engine.provenance import RECIPE_KEY
from engine.recipes.kinds import AnyRecipe

_SMALLER_QUALITIES = (95, 85, 70, 50)
_BESIDE = (".json", ".svg")
"""Endings of files that show nothing in Discord."""


@dataclass(frozen=True)
class ResultFiles:
    """A finished job's attachments, grouped into messages within Discord's limits."""

    size: tuple[int, int]
    """Width and height of the first picture, in pixels."""
    groups: tuple[tuple[Attachment, ...], ...]
    """The files of each message. The first message has the picture, or all of several on one sheet;
    single pictures of several follow in others."""
    notices: tuple[Message, ...]
    """Sentences about files that were made smaller or left out."""

    @property
    def preview(self) -> tuple[Attachment, ...]:
        """The one file that shows the result; none if there is none."""
        files = (file for group in self.groups for file in group)
        return tuple(islice((file for file in files if not file.name.endswith(_BESIDE)), 1))

    @property
    def largest(self) -> int:
        """Size of the largest file in bytes, 0 without files."""
        return max((len(file.content) for group in self.groups for file in group), default=0)


class AttachmentPacker:
    """Collects files within the limit, and notices about those that were too large."""

    def __init__(self, limit: int, language: Language, *, spoiler: bool) -> None:
        self._limit = min(limit, MAX_MESSAGE_BYTES)
        self._language = language
        """The language of the descriptions."""
        self._spoiler = spoiler
        self._groups: list[list[Attachment]] = [[]]
        self._notices: list[Message] = []

    def begin_message(self) -> None:
        """Put the files that follow into another message."""
        self._groups.append([])

    def add_painting(
        self,
        name: str,
        content: bytes,
        picture: Image.Image,
        recipe: AnyRecipe | None,
        description: Message,
    ) -> None:
        """Add a finished picture, whose PNG `content` gets the recipe that is posted."""
        content = with_recipe(content, recipe)
        if len(content) <= self._limit:
            self._add(f"{name}.png", content, description)
            return
        self._add_smaller(name, picture, description)
        if recipe is not None:
            self._add_recipe(name, recipe.to_json())

    def add_drawing(self, name: str, svg: str) -> None:
        """Add a picture as SVG if it is a drawing; it has some kilobytes."""
        if svg:
            self._add(f"{name}.svg", svg.encode(), Message("{name} as a drawing", name=name))

    def add_picture(self, name: str, picture: Image.Image, description: Message) -> None:
        """Add a picture that holds no recipe."""
        content = encode(picture, "PNG")
        if len(content) <= self._limit:
            self._add(f"{name}.png", content, description)
        else:
            self._add_smaller(name, picture, description)

    def add_clip(self, name: str, frames: Sequence[Image.Image], description: Message) -> None:
        """Add a clip of how something grew."""
        content = file_bytes(".webp", lambda path: write_animation(frames, path))
        if len(content) <= self._limit:
            self._add(f"{name}.webp", content, description)
        else:
            notice = Message("The clip of how it grew is too large for this server.")
            self._notices.append(notice)

    def add_film(
        self,
        name: str,
        frames: Sequence[StoredFrame],
        recipe: AnyRecipe,
        texts: Mapping[str, str],
        description: Message,
    ) -> None:
        """Add a film, which says about itself what is in `texts`."""
        recipe_text = texts.get(RECIPE_KEY, "")
        if len(recipe_text.encode()) > self._limit // 2:
            texts = {}
        films = film_files(frames, recipe, texts, self._limit)
        if not films:
            self._notices.append(Message("The film is too large for this server."))
            return
        for number, film in enumerate(films, 1):
            part = f"-{number}" if len(films) > 1 else ""
            self._add(f"{name}{part}.mp4", film.content, description)
        if recipe_text and not texts:
            self._add_recipe(name, recipe_text)
        if len(films) > 1:
            notice = Message(
                "The film is larger than the {limit} allowed here, so it comes in {count} parts.",
                limit=f"{self._limit / MEBIBYTE:.1f} MiB",
                count=len(films),
            )
            self._notices.append(notice)
        elif films[0].is_smaller:
            notice = Message("So that the film fits the upload limit here, it is shown smaller.")
            self._notices.append(notice)

    def result_files(self, size: tuple[int, int]) -> ResultFiles:
        """Return what was added; `size` is that of the first picture."""
        groups = [group for group in self._groups if group]
        return ResultFiles(size, tuple(map(tuple, groups)), tuple(self._notices))

    def _add(self, name: str, content: bytes, description: Message) -> None:
        group = self._groups[-1]
        total = sum(len(each.content) for each in group) + len(content)
        if len(group) == MAX_FILES or (group and total > MAX_MESSAGE_BYTES):
            self.begin_message()
        shows = description.in_language(self._language)
        self._groups[-1].append(Attachment(name, content, shows, self._spoiler))

    def _add_recipe(self, name: str, recipe: str) -> None:
        """Add the recipe, as JSON, of a file that can't hold it."""
        content, file = recipe.encode(), recipe_filename(name)
        if len(content) <= self._limit:
            self._add(file, content, Message("The recipe of {name}", name=name))
            notice = Message("The recipe of {name} is in {file}.", name=name, file=file)
        else:
            notice = Message(
                "The recipe of {name} is too large as well, so it's missing.", name=name
            )
        self._notices.append(notice)

    def _add_smaller(self, name: str, picture: Image.Image, description: Message) -> None:
        """Add the picture as the best WebP that fits."""
        values = {"name": name, "limit": f"{self._limit / MEBIBYTE:.1f} MiB"}
        for quality in _SMALLER_QUALITIES:
            content = encode(picture, "WEBP", quality=quality)
            if len(content) <= self._limit:
                self._add(f"{name}.webp", content, description)
                notice = Message(
                    "As a PNG, {name} is larger than the {limit} allowed here, so it's a WebP and "
                    "less sharp.",
                    **values,
                )
                break
        else:
            notice = Message(
                "{name} is larger than the {limit} allowed here, so it's missing.", **values
            )
        self._notices.append(notice)
