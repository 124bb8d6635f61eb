"""Settings: the file, the environment over it, and sentences for what is wrong in either."""

import tomllib
from pathlib import Path

import pytest

from bot.app import local_page_settings
from bot.config import BotSettings, read_settings
from bot.shards import Shards
from engine.errors import EngineError
from engine.settings import EngineSettings
from engine.weights.registry import RegistryTables

TOKEN = "a.very.secret.token"
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secrets = ("DISCORD_TOKEN", "DISCORD_TOKEN_FILE", "STORAGE_URL_FILE")
    for name in (*secrets, "HOST_TOKEN", "HOST_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def written(text: str) -> Path:
    path = Path("config.toml")
    path.write_text(text)
    return path


def test_the_file_that_is_shipped_holds_every_key_with_its_default():
    path = ROOT / "config.toml"
    assert read_settings(path) == read_settings(written("[engine]"))
    tables = tomllib.loads(path.read_text())
    described = read_settings(path).model_dump(exclude={"token"})
    for kind in RegistryTables.model_fields:  # what people add, under names of their own
        described["weights"].pop(kind)
    assert {name: set(table) for name, table in tables.items()} == {
        name: set(table) for name, table in described.items()
    }


def test_weights_are_the_registry_s_to_check(monkeypatch: pytest.MonkeyPatch):
    path = written('[weights]\nfolder = "big"\n[weights.files."x.ckpt"]\npath = "/x.ckpt"\n')
    assert "x.ckpt" in read_settings(path).weights.registry().files
    assert not read_settings(path).weights.offline
    monkeypatch.setenv("VQGAN_CLIP_WEIGHTS__OFFLINE", "true")
    monkeypatch.setenv("VQGAN_CLIP_WEIGHTS__FOLDER", "bigger")
    weights = read_settings(path).weights
    assert (weights.offline, weights.folder) == (True, Path("bigger"))
    assert "x.ckpt" in weights.registry().files


def test_environment_overrides_file(monkeypatch: pytest.MonkeyPatch):
    path = written("[limits]\ncount = 2\nsteps = 50\n[engine]\nthreads = 1\n")
    monkeypatch.setenv("VQGAN_CLIP_LIMITS__COUNT", "3")
    monkeypatch.setenv("VQGAN_CLIP_ENGINE__THREADS", "2")
    settings = read_settings(path)
    assert (settings.limits.count, settings.limits.steps) == (3, 50)
    assert settings.engine.threads == 2
    monkeypatch.setenv("VQGAN_CLIP_ENGINE__DETERMINISTIC", "false")
    monkeypatch.setenv("VQGAN_CLIP_ENGINE__TOGETHER", "4")
    engine = read_settings(path).engine
    assert (engine.deterministic, engine.together) == (False, 4)
    monkeypatch.setenv("VQGAN_CLIP_ENGINE__DETERMINISTIC", "perhaps")
    with pytest.raises(EngineError, match="true or false"):
        read_settings(path)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[limits]\ncount = 9", ("limits.count", "4")),
        ("[limits]\ncount = 'two'", ("limits.count", "integer")),
        ("[limits]\ncount = true", ("limits.count", "must not be true or false")),
        ("[discord]\nprogress_seconds = true", ("progress_seconds", "must not be true or false")),
        ("[queue]\nrole_shares = {a = true}", ("role_shares", "must not be true or false")),
        ("[weights.files.x]\nmirrors = 'http://a:s3cret@y'", ("list", "'http://***@y'")),
        ("[weights.files.x]\nmirrors = ['ftp://a:s3cret@y']", ("mirrors", "not '***@y'")),
        ("[limits]\ncounts = 1", ("limits.counts", "no such key")),
        ("[limits]\npixels = 1", ("limits.pixels", "256")),
        ("[safety]\npicture_filter = 'best'", ("safety.picture_filter", "opennsfw")),
        ("[safety]\npicture_threshold = 2", ("safety.picture_threshold", "1")),
        ("[safety]\nblocked_words = ['fine', '*']", ("safety.blocked_words.1", "2 letters")),
        ("[safety]\nage_restricted_words = 'x'", ("safety.age_restricted_words",)),
        ("[limit]\ncount = 1", ("limit", "no such key")),
        ("[discord]\nprogress_seconds = 0", ("discord.progress_seconds", "1")),
        ("[discord]\nprogress_seconds = nan", ("discord.progress_seconds",)),
        ("[log]\nlevel = 'LOUD'", ("log.level", "'INFO'")),
        ("[discord]\nshards = '0-3'", ("discord.shards", '"0-3/16"')),
        ("[discord]\nshards = '0-16/16'", ("discord.shards", "0 to 15")),
        ("[discord]\nshards = '3-1/16'", ("discord.shards", "lower number first")),
        ("[discord]\nshards = '0/1'", ("discord.shards", "2 to 10000")),
        ("[discord]\nshards = '0/2'", ("discord.shards", "storage.url")),
        ("[engine]\ndevice = 'tpu'", ("engine", "device", "cuda")),
        ("[engine]\ncores = 1", ("engine", "cores", "threads")),
        ("engine = 1", ("engine",)),
        ("weights = 1", ("weights",)),
        ("[weights]\nofline = true", ("weights", "ofline", "offline")),
        ("[weights.files.x]\nmirrors = ['ftp://x/y']", ("weights.files.x", "mirrors", "http")),
        ("token = 'x'", ("DISCORD_TOKEN",)),
        ("host_token = 'x'", ("HOST_TOKEN",)),
        ("[host]\nport = 8080", ("host.port", "HOST_TOKEN_FILE")),
        ("[host]\naddress = 'localhost'", ("host.address", "127.0.0.1")),
        ("[host]\nnames = ['https://a.b']", ("host.names.0",)),
        ("[limits", ("not valid TOML",)),
    ],
)
def test_error_in_file_is_named(text: str, parts: tuple[str, ...]):
    with pytest.raises(EngineError) as error:
        read_settings(written(text))
    assert all(part in str(error.value) for part in parts)
    assert "\n" not in str(error.value)
    assert "s3cret" not in str(error.value)


URL = "postgresql://bot:s3cret@localhost/pictures"


def test_the_url_of_the_database_comes_from_the_file_the_environment_or_a_file_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    path = written(f'[storage]\nurl = "{URL}"\n')
    assert read_settings(path).storage.url.get_secret_value() == URL
    assert "s3cret" not in repr(read_settings(path))
    monkeypatch.setenv("VQGAN_CLIP_STORAGE__URL", f"{URL}2")
    assert read_settings(path).storage.url.get_secret_value() == f"{URL}2"
    secret = tmp_path / "url"
    secret.write_text(f"{URL}3\n")
    monkeypatch.setenv("STORAGE_URL_FILE", str(secret))
    with pytest.raises(EngineError, match="not both"):
        read_settings(path)
    monkeypatch.delenv("VQGAN_CLIP_STORAGE__URL")
    assert read_settings(path).storage.url.get_secret_value() == f"{URL}3"
    assert read_settings(written("[engine]")).storage.url.get_secret_value() == f"{URL}3"
    secret.write_text("\n")
    with pytest.raises(EngineError, match="STORAGE_URL_FILE names is empty"):
        read_settings(path)


def test_shards_are_a_range_or_one(monkeypatch: pytest.MonkeyPatch):
    path = written(f'[discord]\nshards = "0-3/16"\n[storage]\nurl = "{URL}"\n')
    assert read_settings(path).discord.own_shards == Shards((0, 1, 2, 3), 16)
    monkeypatch.setenv("VQGAN_CLIP_DISCORD__SHARDS", "5/16")
    assert read_settings(path).discord.own_shards == Shards((5,), 16)
    monkeypatch.delenv("VQGAN_CLIP_DISCORD__SHARDS")
    assert read_settings(written("[engine]")).discord.own_shards.are_all


@pytest.mark.parametrize(
    "value", ['"mysql://a:s3cret@b/c"', '"postgresql://a:s3cret @b"', '"s3cret"', "5", "true"]
)
def test_a_url_of_something_else_is_refused_without_its_password(value: str):
    with pytest.raises(EngineError, match="storage.url") as error:
        read_settings(written(f"[storage]\nurl = {value}\n"))
    assert "s3cret" not in str(error.value)


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path):
    path = tmp_path / "config.toml"
    path.write_bytes("[limits]\ncount = 2\n".encode("utf-8-sig"))
    assert read_settings(path).limits.count == 2


def test_words_stand_in_a_list_also_in_the_environment(monkeypatch: pytest.MonkeyPatch):
    path = written("[safety]\nblocked_words = ['Damn', ' bad  word ']\n")
    assert read_settings(path).safety.blocked_words == ("damn", "bad word")
    monkeypatch.setenv("VQGAN_CLIP_SAFETY__BLOCKED_WORDS", '["other"]')
    assert read_settings(path).safety.blocked_words == ("other",)
    monkeypatch.setenv("VQGAN_CLIP_SAFETY__BLOCKED_WORDS", "other")
    with pytest.raises(EngineError, match="VQGAN_CLIP_.*JSON"):
        read_settings(path)


@pytest.mark.parametrize("name", ["VQGAN_CLIP_LIMITS__COUNTS", "VQGAN_CLIP_TOKEN", "VQGAN_CLIP_X"])
def test_a_variable_that_names_no_key_is_an_error(monkeypatch: pytest.MonkeyPatch, name: str):
    monkeypatch.setenv(name, "1")
    with pytest.raises(EngineError, match=name):
        read_settings()


def test_the_token_comes_from_a_variable_or_a_file_and_is_never_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("DISCORD_TOKEN", TOKEN)
    from_variable = read_settings()
    monkeypatch.delenv("DISCORD_TOKEN")
    secret = tmp_path / "secret"
    secret.write_text(f"{TOKEN}\n")
    monkeypatch.setenv("DISCORD_TOKEN_FILE", str(secret))
    for settings in (from_variable, read_settings()):
        assert settings.token is not None
        assert settings.token.get_secret_value() == TOKEN
        assert TOKEN not in f"{settings!r} {settings} {settings.model_dump_json()}"


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"x" * 5000])
def test_a_file_that_holds_no_token_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes
):
    (tmp_path / "secret").write_bytes(content)
    monkeypatch.setenv("DISCORD_TOKEN_FILE", str(tmp_path / "secret"))
    with pytest.raises(EngineError):
        read_settings()


@pytest.mark.parametrize(
    ("variable", "secret"),
    [
        (
            "DISCORD_TOKEN_FILE",
            "MTIzNDU2Nzg5MDEyMzQ1Njc4.Gabcde.a-token-of-38-characters-0000000000000",
        ),
        ("STORAGE_URL_FILE", "postgresql://bot:a-password@db.example/bot"),
    ],
)
def test_a_secret_in_the_place_of_its_file_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, variable: str, secret: str
):
    monkeypatch.setenv(variable, secret)
    with pytest.raises(EngineError, match="must be the path of a file") as error:
        read_settings()
    assert variable in str(error.value)
    assert secret[-15:] not in str(error.value)


def test_errors_do_not_hold_the_token(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DISCORD_TOKEN", TOKEN)
    monkeypatch.setenv("VQGAN_CLIP_LIMITS__COUNT", "9")
    with pytest.raises(EngineError) as error:
        read_settings()
    assert TOKEN not in str(error.value)


def test_role_shares_are_still_read_under_their_former_name(tmp_path: Path):
    path = tmp_path / "config.toml"
    path.write_text('[queue]\nweights = { "Patron" = 2.0 }')
    assert read_settings(path).queue.share({7: "Patron"}) == 2.0


def test_role_shares_are_read_from_a_variable_with_their_former_name(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("VQGAN_CLIP_QUEUE__WEIGHTS", '{"Patron": 2.0}')
    assert read_settings().queue.share({7: "Patron"}) == 2.0


def test_the_local_page_leaves_the_choice_of_models_to_the_host(tmp_path: Path):
    for engine in (EngineSettings(more_models=("taesd",)), EngineSettings(models="taesd")):
        settings = BotSettings(engine=engine)
        assert local_page_settings(settings, tmp_path).engine == engine
    assert local_page_settings(BotSettings(), tmp_path).engine.models == "scenes"


def test_the_token_of_the_host_s_page_comes_from_the_environment_or_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    path = written("[host]\nport = 8080\n")
    secret = tmp_path / "secret"
    secret.write_text(f"{TOKEN}1\n")
    monkeypatch.setenv("HOST_TOKEN_FILE", str(secret))
    settings = read_settings(path)
    assert settings.host_token is not None
    assert settings.host_token.get_secret_value() == f"{TOKEN}1"
    assert TOKEN not in repr(settings) + str(settings.model_dump())
    monkeypatch.setenv("HOST_TOKEN", TOKEN)
    with pytest.raises(EngineError, match="not both"):
        read_settings(path)
    monkeypatch.delenv("HOST_TOKEN_FILE")
    assert read_settings(path).host_token is not None
    monkeypatch.setenv("HOST_TOKEN", "short")
    with pytest.raises(EngineError, match="16 characters"):
        read_settings(path)
