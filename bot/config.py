"""Settings of the bot: `config.toml`, then environment variables, then checked once.

Every key of the file can be overridden: `limits.count` by `VQGAN_CLIP_LIMITS__COUNT`. The token
stands in no file that is shared: it comes from `DISCORD_TOKEN`, or from the file that
`DISCORD_TOKEN_FILE` names, as container secrets do.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as UnreadableVariableError

from bot.filtering.wordlist import check_entry
from engine.config_file import DEFAULT_PATH, explain
from engine.errors import SettingsError
from engine.files import MEBIBYTE, quoted, read_bounded
from engine.recipes.recipe import MAX_SIDE, MAX_STEPS, MIN_SIDE
from engine.settings import EngineSettings
from engine.weights.settings import WeightsSettings

ENV_PREFIX = "VQGAN_CLIP_"
TOKEN_VARIABLE, TOKEN_FILE_VARIABLE = "DISCORD_TOKEN", "DISCORD_TOKEN_FILE"
_MAX_TOKEN_BYTES = 4096
MAX_VARIATIONS = 4
"""Of one command."""
MAX_JOBS = 100_000
_MAX_WORDS = 5000
Word = Annotated[str, AfterValidator(check_entry)]
"""An entry of a list of words, see `bot.filtering.wordlist`."""


class _Table(BaseModel):
    """A table of `config.toml`: what it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DiscordSettings(_Table):
    """How the bot behaves on Discord."""

    threads: bool = True
    """Open a thread for each job where that is possible; otherwise answer in the channel."""
    direct_messages: bool = True
    """Take commands in direct messages too."""
    progress_seconds: float = Field(default=2.0, ge=1.0, le=60.0)
    """Time between two edits of a progress message; Discord slows a bot down below 1."""


class LimitSettings(_Table):
    """What one person, and everybody together, may ask for."""

    prompt_length: int = Field(default=1000, ge=1, le=4000)
    """Characters of a prompt."""
    steps: int = Field(default=1000, ge=1, le=MAX_STEPS)
    """Steps of one picture."""
    count: int = Field(default=4, ge=1, le=MAX_VARIATIONS)
    """Variations in one command."""
    pixels: int = Field(default=1024 * 1024, ge=MIN_SIDE**2, le=MAX_SIDE**2)
    """Width times height at which a picture is painted."""
    pictures_per_day: int = Field(default=200, ge=1, le=MAX_JOBS)
    """Pictures of one person within 24 hours."""
    image_mib: int = Field(default=8, ge=1, le=25)
    """Size of a picture that somebody attaches, in MiB."""
    jobs_per_person: int = Field(default=5, ge=1, le=1000)
    """Jobs of one person that wait or run at a time."""
    jobs_per_server: int = Field(default=250, ge=1, le=MAX_JOBS)
    """Jobs of one server that wait or run at a time."""
    jobs: int = Field(default=500, ge=1, le=MAX_JOBS)
    """Jobs that wait or run at a time, of everybody together."""
    edit_others: bool = True
    """Whether everybody may edit a picture by a reply or a menu, or only who asked for it."""


_OLD_ROLE_SHARES = "weights"
"""The former name of `role_shares`, still accepted."""


class QueueSettings(_Table):
    """Whose job is painted next."""

    order: Literal["fair", "first-come"] = "fair"
    """Whether people take turns, or whoever comes first is painted to the end."""
    slice_steps: int = Field(default=25, ge=1, le=MAX_STEPS)
    """Steps of a turn."""
    role_shares: dict[str, Annotated[float, Field(ge=0.1, le=10.0)]] = Field(
        default={}, validation_alias=AliasChoices("role_shares", _OLD_ROLE_SHARES)
    )
    """Shares of painting time by the name or id of a role, 0.1 to 10; everybody else has 1."""

    def share(self, roles: Mapping[int, str]) -> float:
        """Return the share of a person with these roles: the highest one, or 1 without any."""
        names = {*map(str, roles), *roles.values()}
        return max((self.role_shares[each] for each in names & self.role_shares.keys()), default=1)


class SafetySettings(_Table):
    """Words that prompts must not hold. `*` stands for any letters."""

    blocked_words: tuple[Word, ...] = Field(default=(), max_length=_MAX_WORDS)
    """Nowhere."""
    age_restricted_words: tuple[Word, ...] = Field(default=(), max_length=_MAX_WORDS)
    """Only in age-restricted channels, and not in direct messages."""


class StorageSettings(_Table):
    """Where jobs are kept, and how long."""

    folder: Path = Path("data")
    """Holds the database; made if it is not there. Only one bot at a time may use it."""
    keep_days: int = Field(default=90, ge=0, le=36_500)
    """Days that pictures are kept; 0 stands for ever."""
    disk_mib: int = Field(default=10_240, ge=0, le=2**30)
    """Size of the database in MiB above which the oldest pictures go; 0 stands for any size."""


class LogSettings(_Table):
    """What is logged, to standard error."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    format: Literal["text", "json"] = "text"
    """One line for people, or one JSON object for machines, for each record."""


class BotSettings(BaseSettings):
    """All settings. Made by `read_settings`."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    engine: EngineSettings = EngineSettings()
    weights: WeightsSettings = WeightsSettings()
    discord: DiscordSettings = DiscordSettings()
    limits: LimitSettings = LimitSettings()
    queue: QueueSettings = QueueSettings()
    safety: SafetySettings = SafetySettings()
    storage: StorageSettings = StorageSettings()
    log: LogSettings = LogSettings()
    token: SecretStr | None = Field(default=None, exclude=True)
    """Of the Discord application; None stands for the local mode."""

    @classmethod
    def settings_customise_sources(  # pyright: ignore[reportIncompatibleMethodOverride]
        cls,
        _: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        **_others: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment goes before the file, whose tables come as arguments."""
        return env_settings, init_settings


def read_settings(path: Path | None = None) -> BotSettings:
    """The settings in the file `path`, by default `config.toml` if the working folder has one.

    Raises `SettingsError`, whose message names the key and what is allowed and never a value of
    the token.
    """
    tables = _tables(path or DEFAULT_PATH) if path or DEFAULT_PATH.exists() else {}
    if "token" in tables:
        raise SettingsError(
            f"token does not belong into a file that is shared: set {TOKEN_VARIABLE}, or "
            f"{TOKEN_FILE_VARIABLE} to the path of a file that holds it"
        )
    _check_variables()
    try:
        return BotSettings(**tables, token=_token())
    except ValidationError as error:
        raise SettingsError(explain(error)) from None
    except UnreadableVariableError:
        raise SettingsError(
            f"an environment variable {ENV_PREFIX}… that stands for a list must be written as in "
            'JSON, such as ["one", "two"]'
        ) from None


def _tables(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_bounded(path, limit=MEBIBYTE).decode())
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{quoted(path)} is not valid TOML: {error}") from error


def _check_variables() -> None:
    """Refuse variables with our prefix that name no key: a typing error must not pass."""
    for name in os.environ:
        table, _, key = name.removeprefix(ENV_PREFIX).lower().partition("__")
        if not name.startswith(ENV_PREFIX):
            continue
        field = BotSettings.model_fields.get(table)
        kind = None if field is None or table == "token" else type(field.default)
        known = getattr(kind, "model_fields", {})
        if key not in known:
            raise SettingsError(f"the environment variable {name} names no key of config.toml")


def _token() -> SecretStr | None:
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    file = os.environ.get(TOKEN_FILE_VARIABLE, "").strip()
    if token and file:
        raise SettingsError(f"set {TOKEN_VARIABLE} or {TOKEN_FILE_VARIABLE}, not both")
    if file:
        try:
            token = read_bounded(Path(file), limit=_MAX_TOKEN_BYTES).decode("ascii").strip()
        except ValueError:
            raise SettingsError(f"the file that {TOKEN_FILE_VARIABLE} names is no token") from None
        if not token:
            raise SettingsError(f"the file that {TOKEN_FILE_VARIABLE} names is empty")
    return SecretStr(token) if token else None
