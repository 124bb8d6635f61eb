"""Texts about pictures that the picture filter holds back."""

from bot.languages.message import Message

FAULT_OF_REQUEST = Message(
    "The picture filter does not work at the moment, so I can neither use nor show pictures. The "
    "cause is in my log. Try again in a few minutes."
)
"""For a request whose pictures could not be judged."""
FAULT_OF_RESULT = Message(
    "This is painted and stored, but the picture filter does not work at the moment, so I cannot "
    "show it. The cause is in my log. I post it as soon as the filter works again."
)
"""For a finished job whose pictures could not be judged."""


def source_text(guild_id: int | None) -> Message:
    """Return why a request is refused that would be made from a picture."""
    if guild_id is None:
        return Message(
            "My picture filter holds back a picture that this would be made from. Use another "
            "picture."
        )
    return Message(
        "This server's picture filter holds back a picture that this would be made from. Use "
        "another picture."
    )


def progress_text(guild_id: int | None) -> Message:
    """Return what a progress message says instead of showing its picture."""
    if guild_id is None:
        return Message("My picture filter holds back the picture as it is now.")
    return Message("This server's picture filter holds back the picture as it is now.")


def held_back_text(guild_id: int | None, held_back: int, pictures: int) -> Message | str:
    """Return what is said of a job of which so many pictures are held back, or "" for none."""
    if held_back == 0:
        return ""
    if pictures == 1:
        if guild_id is None:
            return Message("The picture was held back by my picture filter.")
        return Message("The picture was held back by this server's picture filter.")
    if guild_id is None:
        return Message.counted(
            "{count} of {pictures} pictures held back by my picture filter.",
            "{count} of {pictures} pictures held back by my picture filter.",
            held_back,
            pictures=pictures,
        )
    return Message.counted(
        "{count} of {pictures} pictures held back by this server's picture filter.",
        "{count} of {pictures} pictures held back by this server's picture filter.",
        held_back,
        pictures=pictures,
    )


def private_text(url: str, held_back: int, pictures: int) -> Message:
    """Return what the author of a job is told privately; `url` leads to the job's message."""
    if pictures == 1:
        return Message(
            "I painted your picture, but the server's picture filter holds it back: {url}\n"
            "Try other words, or paint it again: each seed gives another picture.",
            url=url,
        )
    return Message.counted(
        "I painted your pictures, but the server's picture filter holds back {count} of "
        "{pictures}: {url}\n"
        "Try other words, or paint them again: each seed gives another picture.",
        "I painted your pictures, but the server's picture filter holds back {count} of "
        "{pictures}: {url}\n"
        "Try other words, or paint them again: each seed gives another picture.",
        held_back,
        pictures=pictures,
        url=url,
    )
