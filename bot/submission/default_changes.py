"""Change the defaults of `/imagine`: one's own, and those of a channel for its moderators."""

import logging
from collections.abc import Mapping
from typing import Any, get_args

from bot.config import BotSettings, LimitSettings
from bot.errors import UserError
from bot.languages.message import Message
from bot.preferences import MAX_NEGATIVE, OPTIONS, ImagineDefaults, Notify, Preferences
from bot.storage import Store
from bot.submission.default_options import check_values
from bot.submission.imagine_options import check_keep
from bot.submission.policy import SubmissionPolicy
from bot.submission.requester import Requester
from bot.submission.styles import NONE, SavedStyles, is_none
from bot.ui.formatting import plain_text
from engine.recipes.checks import MAX_PROMPTS
from engine.recipes.prompt_syntax import with_excluded
from engine.recipes.prompts import parse_prompts

log = logging.getLogger(__name__)

_NOTIFY = get_args(Notify)
_SHAPE = {"size": "ratio", "ratio": "size"}
"""The other option that chooses the shape of a picture."""


class DefaultChanges:
    """Checks and stores defaults."""

    def __init__(
        self, settings: BotSettings, store: Store, policy: SubmissionPolicy, styles: SavedStyles
    ) -> None:
        self._settings = settings
        self._store = store
        self._policy = policy
        self._styles = styles

    async def set_own(self, requester: Requester, values: Mapping[str, Any]) -> Preferences:
        """Change a person's defaults to the values that are not None; return all of them.

        Raises `UserError` or `EngineError` for a value that is not allowed.
        """
        checked = await self._checked(requester, values, self._settings.limits)
        change = self._store.preferences.change
        return await change(requester.user_id, lambda before: before.changed(**checked))

    async def set_channel(self, requester: Requester, values: Mapping[str, Any]) -> ImagineDefaults:
        """Change the defaults of a channel to the values that are not None; return all of them.

        Raises `UserError` or `EngineError` if the requester may not, or a value is not allowed.
        """
        _check_moderator(requester)
        limits = await self._policy.limits(requester.guild_id)
        checked = await self._checked(requester, values, limits)
        return await self._change_channel(requester, checked)

    async def clear_own(self, user_id: int, option: str | None) -> Preferences:
        """Clear one of a person's preferences, or all of them; return the others."""
        names = _cleared(option, Preferences)
        return await self._store.preferences.change(
            user_id, lambda before: Preferences(**before.model_dump(exclude=names))
        )

    async def clear_channel(self, requester: Requester, option: str | None) -> ImagineDefaults:
        """Clear one of a channel's defaults, or all of them; return the others."""
        _check_moderator(requester)
        return await self._change_channel(
            requester, dict.fromkeys(_cleared(option, ImagineDefaults))
        )

    async def _change_channel(
        self, requester: Requester, values: Mapping[str, Any]
    ) -> ImagineDefaults:
        change, channel_id = self._store.channel_defaults.change, requester.place_id
        after = await change(channel_id, lambda before: before.changed(**values))
        extra = {"channel": channel_id, "person": requester.user_id}
        log.info("the defaults of a channel changed", extra=extra)
        return after

    async def _checked(
        self, requester: Requester, values: Mapping[str, Any], limits: LimitSettings
    ) -> dict[str, Any]:
        """Return the values to store."""
        chosen = {name: value for name, value in values.items() if value is not None}
        if not chosen:
            raise UserError(Message("Choose at least one option, such as `steps`."))
        _check_choices(chosen, limits)
        if "style" in chosen:
            chosen["style"] = await self._styles.words(requester.user_id, chosen["style"]) or NONE
        if "negative" in chosen:
            chosen["negative"] = _checked_negative(chosen["negative"])
        options = {name: chosen[name] for name in OPTIONS if name in chosen and name != "count"}
        check_values(options, self._settings.engine.installed, self._settings.limits)
        words = [chosen[name] for name in ("style", "negative") if name in chosen]
        await self._policy.check_text(requester, *words)
        return {**dict.fromkeys(_SHAPE[name] for name in chosen if name in _SHAPE), **chosen}


def _check_moderator(requester: Requester) -> None:
    own = requester.own_permissions
    if requester.guild_id is None:
        raise UserError(
            Message("Only the channels of a server have defaults. `/defaults set` sets yours.")
        )
    if not (own.manage_channels or own.administrator):
        raise UserError(
            Message(
                "Only members who may Manage Channel here can change this channel's defaults. "
                "`/defaults set` sets yours."
            )
        )


def _check_choices(chosen: Mapping[str, Any], limits: LimitSettings) -> None:
    """Raise `UserError` for numbers and choices that Discord's own commands do not offer."""
    if chosen.get("notify", _NOTIFY[0]) not in _NOTIFY:
        raise UserError(Message("Choose one of the ways in the list for `notify`."))
    check_keep(chosen.get("keep"))
    for name, most in (("steps", limits.steps), ("count", limits.count)):
        if not 1 <= chosen.get(name, 1) <= most:
            raise UserError(
                Message(
                    "{option} must be a number from 1 to {most} here.",
                    option=f"`{name}`",
                    most=most,
                )
            )


def _checked_negative(words: str) -> str:
    """Return words to push away from on one line, or the name that stands for none."""
    line = plain_text(words)
    if is_none(line):
        return NONE
    if len(line) > MAX_NEGATIVE:
        raise UserError(
            Message(
                "The default of `negative` can have at most {most} characters.", most=MAX_NEGATIVE
            )
        )
    excluded = with_excluded("", line)
    if not excluded:
        raise UserError(
            Message("Say in `negative` what pictures should not show, such as: fog, people")
        )
    if len(parse_prompts(excluded)) >= MAX_PROMPTS:
        raise UserError(
            Message(
                "The default of `negative` can name at most {most} things.", most=MAX_PROMPTS - 1
            )
        )
    return line


def _cleared(option: str | None, kind: type[ImagineDefaults]) -> set[str]:
    """Return the names of the values to clear."""
    if option is None:
        return set(kind.model_fields)
    if option not in kind.model_fields:
        raise UserError(
            Message("Choose one of the options in the list: {options}.", options=", ".join(OPTIONS))
        )
    return {option}
