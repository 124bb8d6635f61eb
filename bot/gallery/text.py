"""Texts about the gallery, for whoever decides whether their pictures are in it."""

from collections.abc import Mapping

from bot.jobs.gallery import GalleryAudience
from bot.languages.message import Message, joined

_WHO: Mapping[GalleryAudience, Message] = {
    GalleryAudience.HOST: Message("Only the person who runs me can look at the gallery."),
    GalleryAudience.EVERYONE: Message(
        "Everybody who finds my page on the web can look at the gallery, also people who are in "
        "none of your servers."
    ),
}
_WHAT = Message(
    "It shows finished pictures and films from channels that everybody in their server can see, "
    "with the prompt, the settings, the time and the server's name, but not your name or account. "
    "Never in it: pictures from direct messages, private or age-restricted channels, spoilers, "
    "what was made from a picture or the words of somebody else, and what the picture filter holds "
    "back. So that people can look for similar pictures, I store numbers that say what each one "
    "looks like."
)
_LEAVING = Message(
    "If you withdraw, all your pictures are out of the gallery at once, and these numbers are "
    "deleted; a picture that you delete is out of it too."
)
_IS_IN = Message("**Your pictures are in my gallery**, because you agreed.")
_IS_OUT = Message("**Your pictures are not in my gallery.** They will be only if you agree.")
_FOR_HOST = Message(
    "**Your pictures are not in my gallery.** You agreed when only the person who runs me could "
    "look at it. Now more people can, so I ask you again."
)
_OFF = Message("My gallery is closed: the person who runs me has turned it off.")
_STILL = Message(
    "You agreed that your pictures are shown in it, which counts again when it is opened for the "
    "same people. You can withdraw that."
)


def gallery_text(audience: GalleryAudience | None, agreed_to: GalleryAudience | None) -> Message:
    """Return what a person needs to know to decide.

    Args:
        audience: who can look at the gallery; None while it is off.
        agreed_to: who can look at their pictures, as they agreed; None for nobody.
    """
    if audience is None:
        return joined(" ", (_OFF, _STILL if agreed_to is not None else None))
    states = {True: _IS_IN, False: _IS_OUT if agreed_to is None else _FOR_HOST}
    state = states[is_shown(audience, agreed_to)]
    return joined("\n", (state, joined(" ", (_WHO[audience], _WHAT)), _LEAVING))


def is_shown(audience: GalleryAudience | None, agreed_to: GalleryAudience | None) -> bool:
    """Return whether pictures of a person are shown to an audience."""
    return audience is not None and agreed_to in (audience, GalleryAudience.EVERYONE)
