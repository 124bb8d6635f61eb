"""Pictures that a message shows without attaching them in the usual way: galleries and links."""

from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import urlsplit

import discord

from bot.errors import UserError
from bot.languages.message import Message

_SPOILER_FLAG = discord.AttachmentFlags(spoiler=True).value
_LINKED = Message(
    "That message shows its picture by a link, and I only read pictures that are attached to a "
    "message on Discord. Save the picture, and attach it to `/edit`."
)
_Media = tuple[discord.UnfurledMediaItem, bool]
"""A picture in a component, and whether it is a spoiler."""


def gallery_files(message: discord.Message) -> list[discord.Attachment]:
    """Return the files that a message's components show, forwarded ones too.

    Discord uploaded them like attachments, but need not list them as such.
    """
    state = message._state  # pyright: ignore[reportPrivateUsage]
    found = _media(_components(message))
    return [
        discord.Attachment(
            data={
                "id": item.attachment_id,
                "filename": urlsplit(item.url).path.rpartition("/")[2] or "picture",
                "size": 0,  # Discord does not say it; what is fetched is bounded
                "url": item.url,
                "proxy_url": item.proxy_url or item.url,
                "content_type": item.content_type or "",
                "flags": _SPOILER_FLAG if is_spoiler else 0,
            },
            state=state,
        )
        for item, is_spoiler in found
        if item.attachment_id is not None
    ]


def check_not_linked(message: discord.Message, pictures: Sequence[discord.Attachment]) -> None:
    """Raise `UserError` if a message shows a picture only by a link."""
    if pictures:
        return
    embeds = [
        *message.embeds,
        *(embed for each in message.message_snapshots for embed in each.embeds),
    ]
    is_linked = any(embed.image or embed.thumbnail or embed.type == "image" for embed in embeds)
    if is_linked or any(item.attachment_id is None for item, _ in _media(_components(message))):
        raise UserError(_LINKED)


def _components(message: discord.Message) -> Iterator[discord.Component]:
    yield from message.components
    for each in message.message_snapshots:
        yield from each.components


def _media(components: Iterable[discord.Component]) -> Iterator[_Media]:
    for each in components:
        match each:
            case discord.MediaGalleryComponent():
                yield from ((item.media, item.spoiler) for item in each.items)
            case discord.ThumbnailComponent() | discord.FileComponent():
                yield each.media, each.spoiler
            case discord.Container():
                yield from _media(each.children)
            case discord.SectionComponent():
                yield from _media((each.accessory,))
            case _:
                pass
