"""Fill in the options of `/imagine` that a person left out.

What is typed comes first, then the person's own defaults, those of the channel, and the preset.
Defaults that are not possible here are left out, with a notice.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from bot.config import BotSettings, LimitSettings
from bot.errors import UserError
from bot.languages.message import Message, joined
from bot.preferences import OPTIONS, ImagineDefaults
from bot.storage import Store
from bot.submission.imagine_options import ImagineOptions, imagine_recipe
from bot.submission.policy import SubmissionPolicy
from bot.submission.requester import Requester
from bot.submission.styles import SavedStyles, is_none
from bot.ui.defaults_text import options_text
from bot.ui.formatting import escape_name
from engine.errors import EngineError
from engine.recipes.prompts import parse_line

_SETTLES = {"size": ("ratio",), "ratio": ("size",), "preset": ("steps",)}
"""What an option decides besides itself, so that defaults of a lower rank do not count."""
_WORDS = ("style", "negative")
_ANY = ImagineOptions(prompt="a picture")
"""Options that are always possible, to try others with."""


@dataclass(frozen=True)
class FilledOptions:
    """The options of a command, with defaults for what was not typed."""

    options: ImagineOptions
    count: int
    notice: Message
    """Sentences about defaults that the person may not expect, if there are any."""


class DefaultOptions:
    """Fills in options from the defaults of a person and a channel."""

    def __init__(
        self, settings: BotSettings, store: Store, policy: SubmissionPolicy, styles: SavedStyles
    ) -> None:
        self._settings = settings
        self._store = store
        self._policy = policy
        self._styles = styles

    async def fill(
        self, requester: Requester, typed: ImagineOptions, count: int | None
    ) -> FilledOptions:
        """Return the options that were typed, with defaults for the others.

        The name of a saved style becomes its words. Raises `UserError` or `EngineError` for what
        cannot be read.
        """
        settled = _settled_by_typing(typed, count)
        own = _open(await self._store.preferences.get(requester.user_id), settled)
        channel = _open(await self.of_channel(requester), settled | _settled(own))
        values, notices = await self._possible(requester, typed, {**channel, **own})
        if used := {name: values[name] for name in channel if name in values}:
            options = options_text(used)
            notices.append(
                Message("This channel's defaults were used: {options}.", options=options)
            )
        number = values.pop("count", 1) if count is None else count
        typed = await self.resolved(requester, typed)
        return FilledOptions(replace(typed, **values), number, joined(" ", notices))

    async def of_channel(self, requester: Requester) -> ImagineDefaults:
        """Return the defaults of the requester's channel; direct messages have none."""
        if requester.guild_id is None:
            return ImagineDefaults()
        return await self._store.channel_defaults.get(requester.place_id)

    async def _possible(
        self, requester: Requester, typed: ImagineOptions, defaults: dict[str, Any]
    ) -> tuple[dict[str, Any], list[Message]]:
        """Return the defaults that can be used, and sentences about the others."""
        values, notices = dict[str, Any](), list[Message]()
        for name, value in defaults.items():
            if name == "count":
                values[name], notice = await self._fit_count(requester, value)
            elif name in _WORDS and is_none(value):
                continue
            else:
                notice = await self._refusal(requester, typed, name, value)
                values |= {name: value} if notice is None else {}
            notices += [] if notice is None else [notice]
        return values, notices

    async def _fit_count(self, requester: Requester, count: int) -> tuple[int, Message | None]:
        most = (await self._policy.limits(requester.guild_id)).count
        if count <= most:
            return count, None
        return most, Message(
            "The default is {default} variations, and at most {most} are allowed here, so I paint "
            "{most}.",
            default=count,
            most=most,
        )

    async def _refusal(
        self, requester: Requester, typed: ImagineOptions, name: str, value: Any
    ) -> Message | None:
        """Return why a default cannot be used; None if it can."""
        if not self._is_possible(_ANY, {name: value}):
            return Message(
                "I don't know the default {option} {value}, so I left it out.",
                option=name,
                value=escape_name(str(value)),
            )
        try:
            if name in _WORDS:
                await self._policy.check_text(requester, value)
        except UserError:
            return Message(
                "The default {option} contains a word that is blocked here, so I left it out.",
                option=name,
            )
        is_shorter = self._is_possible(typed, {})
        if name == "negative" and is_shorter and not self._is_possible(typed, {name: value}):
            return Message(
                "The default {option} is too long for this prompt, so I left it out.", option=name
            )
        return None

    def _is_possible(self, options: ImagineOptions, values: dict[str, Any]) -> bool:
        installed, limits = self._settings.engine.installed, self._settings.limits
        try:
            imagine_recipe(replace(options, **values), installed, limits)
        except (UserError, EngineError):
            return False
        return True

    async def resolved(self, requester: Requester, typed: ImagineOptions) -> ImagineOptions:
        """Return typed options with the words of a saved style, and without the word for none."""
        if typed.style is not None:
            typed = replace(typed, style=await self._styles.words(requester.user_id, typed.style))
        if typed.negative is not None and is_none(typed.negative):
            typed = replace(typed, negative=None)
        return typed


def check_values(values: dict[str, Any], installed: tuple[str, ...], limits: LimitSettings) -> None:
    """Raise `UserError` or `EngineError` if `/imagine` would refuse some options."""
    imagine_recipe(replace(_ANY, **values), installed, limits)


def _settled(names: Iterable[str]) -> frozenset[str]:
    """Return the options that are settled by choosing some options."""
    return frozenset(chain.from_iterable((name, *_SETTLES.get(name, ())) for name in names))


def _settled_by_typing(typed: ImagineOptions, count: int | None) -> frozenset[str]:
    """Return the options that a person settled by what they typed, in the prompt too."""
    names = [name for name in OPTIONS if getattr(typed, name, None) is not None]
    if count is not None:
        names.append("count")
    if _asks_for_ratio(typed.prompt or ""):
        names.append("ratio")
    return _settled(names)


def _asks_for_ratio(prompt: str) -> bool:
    """Return True if a prompt chooses the shape of the picture."""
    try:
        return parse_line(prompt).aspect is not None
    except EngineError:  # it is refused later, like a prompt with other faults
        return False


def _open(defaults: ImagineDefaults, settled: frozenset[str]) -> dict[str, Any]:
    """Return the defaults of options that are not settled."""
    return {name: value for name, value in defaults.options.items() if name not in settled}
