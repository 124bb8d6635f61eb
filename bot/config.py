"""The bot's settings, read from `config.toml` and environment variables and validated once.

Environment variables override the file: `VQGAN_CLIP_LIMITS__COUNT` overrides `limits.count`. The
tokens are never in that file (`bot.secret_variables`).
"""

import os
import re
import tomllib
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as UnreadableVariableError

from bot.filtering.pictures import PictureFilterName
from bot.filtering.wordlist import check_entry
from bot.secret_variables import (
    ENV_PREFIX,
    HOST_TOKEN_FILE_VARIABLE,
    HOST_TOKEN_VARIABLE,
    TOKEN_FILE_VARIABLE,
    TOKEN_VARIABLE,
    read_host_token,
    read_token,
    url_in_file,
)
from bot.shards import ALL_SERVERS, Shards
from engine.config_file import DEFAULT_PATH, explain
from engine.errors import SettingsError
from engine.files import MEBIBYTE, decode_text, quoted, read_bounded
from engine.recipes.checks import MAX_SIDE, MAX_STEPS, MIN_SIDE
from engine.settings import MAX_THREADS, EngineSettings
from engine.weights.settings import WeightsSettings

MAX_VARIATIONS = 4
"""Maximum number of pictures for one command."""
MAX_JOBS = 100_000
MAX_PAINTERS = 256
"""Maximum number of painters of a cluster."""
_MAX_WORDS = 5000
Word = Annotated[str, AfterValidator(check_entry)]
"""An entry of a list of words; `bot.filtering.wordlist` describes them."""
_MAX_PEOPLE = 5000
PersonId = Annotated[int, Field(strict=True, ge=1, le=2**63 - 1)]
"""The id of a Discord account."""
_MAX_NAMES = 20
HostName = Annotated[str, Field(pattern=r"^[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?$")]
"""The name of a machine, in lower case."""

PostedRecipes = Literal["without-pictures", "complete", "none"]
"""How much of its recipe the file of a posted picture contains."""


class _Table(BaseModel):
    """A table of `config.toml`; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _check_numbers(cls, value: object, info: ValidationInfo) -> object:
        """Refuse true and false where a number is meant, which pydantic takes for 1 and 0."""
        is_switch = cls.model_fields[info.field_name or ""].annotation is bool
        if not is_switch and _contains_switch(value):
            raise ValueError("must not be true or false")
        return value


def _contains_switch(value: object) -> bool:
    parts = cast("dict[str, object]", value).values() if isinstance(value, dict) else [value]
    return any(isinstance(part, bool) for part in parts)


Replies = Literal["always", "threads", "mention", "never"]
"""Which replies in words alone edit a picture: all, those in a job's thread or with a mention, only
those with a mention, or none."""


class DiscordSettings(_Table):
    """How the bot behaves on Discord."""

    threads: bool = True
    """Whether to open a thread for each job if possible; otherwise post in the channel."""
    direct_messages: bool = True
    """Whether to accept commands in direct messages too."""
    replies: Replies = "threads"
    """Which replies in words alone edit a picture, in servers that have not chosen themselves."""
    progress_seconds: float = Field(default=2.0, ge=1.0, le=60.0)
    """Seconds between two edits of a progress message, 1 to 60; Discord allows no less than 1."""
    posted_recipes: PostedRecipes = "without-pictures"
    """Whether the file of a posted picture contains its recipe, and the pictures inside that."""
    shards: str = ""
    """The shards of this process, as "0-3/16", if several processes share the servers; else ""."""

    @field_validator("shards")
    @classmethod
    def _check_shards(cls, value: str) -> str:
        if value:
            Shards.parse(value)
        return value

    @property
    def own_shards(self) -> Shards:
        """The shards of this process."""
        return Shards.parse(self.shards) if self.shards else ALL_SERVERS


class LimitSettings(_Table):
    """What users may ask for."""

    prompt_length: int = Field(default=1000, ge=1, le=4000)
    """Maximum number of characters in a prompt."""
    steps: int = Field(default=1000, ge=1, le=MAX_STEPS)
    """Maximum number of steps for one picture."""
    count: int = Field(default=4, ge=1, le=MAX_VARIATIONS)
    """Maximum number of pictures for one command."""
    pixels: int = Field(default=1024 * 1024, ge=MIN_SIDE**2, le=MAX_SIDE**2)
    """Maximum number of pixels (width times height) that are painted."""
    pictures_per_day: int = Field(default=200, ge=1, le=MAX_JOBS)
    """Maximum number of pictures for one user within 24 hours."""
    image_mib: int = Field(default=8, ge=1, le=25)
    """Maximum size of an attached picture or video in MiB."""
    jobs_per_person: int = Field(default=5, ge=1, le=1000)
    """Maximum number of unfinished jobs of one user."""
    jobs_per_server: int = Field(default=250, ge=1, le=MAX_JOBS)
    """Maximum number of unfinished jobs in one server."""
    jobs: int = Field(default=500, ge=1, le=MAX_JOBS)
    """Maximum number of unfinished jobs."""
    edit_others: bool = True
    """Whether users may edit the pictures of others by a reply or a menu."""


_OLD_ROLE_SHARES = "weights"
"""The former name of `role_shares`, still accepted."""


class QueueSettings(_Table):
    """The order in which jobs are painted."""

    order: Literal["fair", "first-come"] = "fair"
    """Whether users take turns, or each job is painted to its end in the order of submission."""
    slice_steps: int = Field(default=25, ge=1, le=MAX_STEPS)
    """Number of steps in a slice."""
    role_shares: dict[str, Annotated[float, Field(ge=0.1, le=10.0)]] = Field(
        default={}, validation_alias=AliasChoices("role_shares", _OLD_ROLE_SHARES)
    )
    """Shares of painting time by the name or id of a role, 0.1 to 10; everybody else has 1."""

    def share(self, roles: Mapping[int, str]) -> float:
        """Return the share of a person with these roles: the highest one, or 1 without any."""
        names = {*map(str, roles), *roles.values()}
        return max((self.role_shares[each] for each in names & self.role_shares.keys()), default=1)


class SafetySettings(_Table):
    """What people may not ask for, the pictures that are not shown, and people who are blocked."""

    blocked_words: tuple[Word, ...] = Field(default=(), max_length=_MAX_WORDS)
    """Words that are blocked everywhere."""
    age_restricted_words: tuple[Word, ...] = Field(default=(), max_length=_MAX_WORDS)
    """Words that are allowed only in age-restricted channels, and not in direct messages."""
    picture_filter: PictureFilterName = "off"
    """The classifier that scores pictures from 0 to 1 before they are used or shown."""
    picture_threshold: float = Field(default=0.8, ge=0.0, le=1.0)
    """The score above which a picture is held back, 0 to 1; 1 holds back nothing."""
    picture_threshold_age_restricted: float = Field(default=1.0, ge=0.0, le=1.0)
    """The same in age-restricted channels."""
    blocked_people: tuple[PersonId, ...] = Field(default=(), max_length=_MAX_PEOPLE)
    """Ids of the accounts of people for whom nothing is painted, in no server."""


class StorageSettings(_Table):
    """Where jobs are stored, and how long."""

    folder: Path = Path("data")
    """The folder of the database, created if missing; only one bot at a time can use it."""
    url: SecretStr = SecretStr("")
    """Where Postgres is, as "postgresql://…", instead of SQLite in the folder; "" for SQLite."""
    keep_days: int = Field(default=90, ge=0, le=36_500)
    """Days for which pictures are stored; 0 for no limit."""
    disk_mib: int = Field(default=10_240, ge=0, le=2**30)
    """Maximum size of the database in MiB; 0 for none. To keep it, the oldest pictures of whoever
    has most are deleted."""
    person_mib: int = Field(default=1024, ge=0, le=2**30)
    """Maximum size in MiB of what is stored for one user; 0 for none."""

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: SecretStr) -> SecretStr:
        if not re.fullmatch(r"(postgres(ql)?://[!-~]+)?", value.get_secret_value()):
            raise ValueError(
                'must begin with "postgresql://" and contain no spaces, or be empty for SQLite'
            )
        return value


GallerySetting = Literal["off", "host", "everyone"]
"""Who can look at the gallery."""


class HostSettings(_Table):
    """The page for whoever hosts the bot, with health checks and metrics."""

    port: int = Field(default=0, ge=0, le=65_535)
    """The port of the page; 0 for no page."""
    address: str = "127.0.0.1"
    """The IP address on which the page listens; "0.0.0.0" for all of the machine."""
    names: tuple[HostName, ...] = Field(default=(), max_length=_MAX_NAMES)
    """Names under which the page is opened, beside "localhost" and IP addresses."""
    gallery: GallerySetting = "off"
    """Who sees the pictures of people who agreed, on the same port: nobody, whoever has the host's
    token, or everybody who reaches the port."""

    @field_validator("address")
    @classmethod
    def _check_address(cls, value: str) -> str:
        try:
            return str(ip_address(value))
        except ValueError:
            raise ValueError('must be an IP address, such as "127.0.0.1"') from None


class ClusterSettings(_Table):
    """Painters in other processes and on other machines, by Ray; none without an address."""

    address: str = ""
    """Where the cluster is, as "host:6379"; "local" if this program starts it, "" for none."""
    painters: int = Field(default=0, ge=0, le=MAX_PAINTERS)
    """Number of painters; 0 for one on each GPU that the cluster has or gets."""
    gpus: float = Field(default=1.0, ge=0.0, le=1.0)
    """Share of a GPU that a painter uses; 0 for painters on processors."""
    cpus: int = Field(default=1, ge=1, le=MAX_THREADS)
    """Number of processors that a painter uses; painters without a GPU have as many threads."""
    idle_minutes: float = Field(default=0.0, ge=0.0, le=10_000.0)
    """Minutes after which a painter that has nothing to do is ended, but the last one; 0 for
    never."""
    namespace: str = Field(default="vqgan-clip", min_length=1, max_length=64)
    """The name under which Ray keeps what belongs to this bot."""

    @field_validator("address")
    @classmethod
    def _check_address(cls, value: str) -> str:
        if not re.fullmatch(
            r"(local|[A-Za-z0-9.\-]+:[0-9]{1,5}|\[[0-9a-fA-F:]+\]:[0-9]{1,5})?", value
        ):
            raise ValueError('must be "local", or a host and a port such as "10.0.0.5:6379"')
        return value

    @model_validator(mode="after")
    def _check_count(self) -> Self:
        if self.address and not self.gpus and not self.painters:
            raise ValueError("gpus = 0 needs a number of painters, because no GPUs are counted")
        return self


class LogSettings(_Table):
    """What is logged to standard error."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    format: Literal["text", "json"] = "text"
    """Whether each record is a line of text for people or a JSON object for programs."""


class BotSettings(BaseSettings):
    """All settings; `read_settings` returns them."""

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
    host: HostSettings = HostSettings()
    cluster: ClusterSettings = ClusterSettings()
    log: LogSettings = LogSettings()
    token: SecretStr | None = Field(default=None, exclude=True)
    """The token of the Discord application; None for local mode."""
    host_token: SecretStr | None = Field(default=None, exclude=True)
    """What opens the host's page; None if there is no page."""

    @model_validator(mode="after")
    def _check_devices(self) -> Self:
        if self.cluster.address and self.engine.device != "auto":
            raise ValueError(
                'engine.device must be "auto" with a cluster, whose painters have a device each'
            )
        return self

    @classmethod
    def settings_customise_sources(  # pyright: ignore[reportIncompatibleMethodOverride]
        cls,
        _: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        **_others: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Prefer the environment to the file, whose tables are passed as arguments."""
        return env_settings, init_settings


def read_settings(path: Path | None = None) -> BotSettings:
    """Read the settings in the file `path`, by default `config.toml` in the working folder if any.

    Raises `SettingsError`, whose message names the key and what is allowed, but never the token.
    """
    tables = _tables(path or DEFAULT_PATH) if path or DEFAULT_PATH.exists() else {}
    if "token" in tables:
        raise SettingsError(
            f"token must not be in a file that may be shared: set {TOKEN_VARIABLE}, or "
            f"{TOKEN_FILE_VARIABLE} to the path of a file that contains it"
        )
    if "host_token" in tables:
        raise SettingsError(
            f"host_token must not be in a file that may be shared: set {HOST_TOKEN_VARIABLE}, or "
            f"{HOST_TOKEN_FILE_VARIABLE} to the path of a file that contains it"
        )
    _check_variables()
    if (url := url_in_file()) is not None and isinstance(tables.get("storage", {}), dict):
        tables["storage"] = {**tables.get("storage", {}), "url": url}
    token, host_token = read_token(), read_host_token()
    try:
        settings = BotSettings(**tables, token=token, host_token=host_token)
    except ValidationError as error:
        raise SettingsError(explain(error)) from None
    except UnreadableVariableError:
        raise SettingsError(
            f"an environment variable {ENV_PREFIX}… with a list must be JSON, such as "
            '["one", "two"]'
        ) from None
    if settings.discord.shards and not settings.storage.url.get_secret_value():
        raise SettingsError(
            "discord.shards needs storage.url: processes that share the servers share a database "
            "of Postgres"
        )
    if settings.discord.shards and settings.cluster.address == "local":
        raise SettingsError(
            'discord.shards needs a cluster.address such as "10.0.0.5:6379", of a cluster that '
            "does not end with one of the processes: start its head by python -m bot.worker --head"
        )
    if settings.host.port and settings.host_token is None:
        raise SettingsError(
            f"host.port needs a token: set {HOST_TOKEN_VARIABLE}, or {HOST_TOKEN_FILE_VARIABLE} to "
            "the path of a file that contains it"
        )
    if settings.host.gallery != "off" and not settings.host.port:
        raise SettingsError("host.gallery needs a host.port, on which the gallery is opened")
    return settings


def _tables(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(decode_text(read_bounded(path, limit=MEBIBYTE)))
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{quoted(path)} is not valid TOML: {error}") from error


def _check_variables() -> None:
    """Reject variables with our prefix that name no key, because they are typing errors."""
    for name in os.environ:
        table, _, key = name.removeprefix(ENV_PREFIX).lower().partition("__")
        if not name.startswith(ENV_PREFIX):
            continue
        field = BotSettings.model_fields.get(table)
        default: object = (
            None if field is None or table in ("token", "host_token") else field.default
        )
        known = getattr(type(default), "model_fields", {})
        if key not in known and (table, key) != ("queue", _OLD_ROLE_SHARES):
            raise SettingsError(f"the environment variable {name} names no key of config.toml")
