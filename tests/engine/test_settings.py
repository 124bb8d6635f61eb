from pathlib import Path

import pytest

from engine.errors import EngineError, SettingsError
from engine.settings import EngineSettings, read_settings


def written(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text)
    return path


def test_the_table_engine_is_read_and_other_tables_are_left_alone(tmp_path: Path):
    path = written(tmp_path, '[engine]\ndevice = "cpu"\nthreads = 3\n[bot]\ntheme = "dark"\n')
    assert read_settings(path) == EngineSettings(models="demo", device="cpu", threads=3)


@pytest.mark.parametrize("text", ["", "# nothing said\n", "[bot]\n", "[engine]\n"])
def test_what_is_not_said_has_its_default(tmp_path: Path, text: str):
    assert read_settings(written(tmp_path, text)) == EngineSettings(
        models="demo", device="auto", threads=0
    )


def test_the_working_folder_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert read_settings() == EngineSettings()
    written(tmp_path, "[engine]\nthreads = 2\n")
    assert read_settings().threads == 2


def test_the_settings_of_this_repository_are_allowed():
    read_settings(Path(__file__).parents[2] / "config.toml")


@pytest.mark.parametrize("devices", [("cuda:0", "cuda:1"), ("cpu", "cpu"), ("cuda:0", "cpu")])
def test_devices_of_several_painters(tmp_path: Path, devices: tuple[str, ...]):
    settings = read_settings(written(tmp_path, f"[engine]\ndevice = {list(devices)}"))
    assert (settings.devices, settings.main_device) == (devices, devices[0])


@pytest.mark.parametrize("device", ["auto", "cpu", "mps", "cuda", "cuda:1"])
def test_devices_that_are_allowed(tmp_path: Path, device: str):
    assert read_settings(written(tmp_path, f'[engine]\ndevice = "{device}"')).device == device


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("threads = ", "not valid TOML"),
        ("a = " + "[" * 100_000, "not valid TOML"),
        ("engine = 3", "engine: must be a table, not 3"),
        ("[[engine]]", "engine: must be a table"),
        (
            "[engine]\nthread = 1",
            "engine: there is no key 'thread'; there are: models, more_models, edit_models",
        ),
        ("[engine]\nthreads = 1.5", "engine.threads: must be a whole number, not 1.5"),
        ("[engine]\nthreads = true", "engine.threads: must be a whole number, not True"),
        ("[engine]\nthreads = -1", "engine.threads: must be at least 0, not -1"),
        ("[engine]\nthreads = 9999", "engine.threads: must be at most 1024, not 9999"),
        ("[engine]\ndeterministic = 1", "engine.deterministic: must be true or false, not 1"),
        ("[engine]\ntogether = 0", "engine.together: must be at least 1, not 0"),
        ("[engine]\ntogether = 65", "engine.together: must be at most 64, not 65"),
        ("[engine]\ntogether = true", "engine.together: must be a whole number, not True"),
        ("[engine]\nmodels = 1", "engine.models: must be one line of text in quotes, not 1"),
        ("[engine]\nmodels = ''", "engine.models: must not be empty"),
        (
            "[engine]\ncompile = 1\ndeterministic = false",
            "engine.compile: must be true or false, not 1",
        ),
        ("[engine]\ncompile = true", "engine: compile = true needs deterministic = false"),
        (
            "[engine]\nprecision = 'half'",
            "precision: must be 'auto', 'float32' or 'bfloat16'",
        ),
        ("[engine]\nprecision = 16", "precision: must be 'auto', 'float32' or 'bfloat16'"),
        ("[engine]\nmore_models = 'demo'", "engine.more_models: must be a list, not 'demo'"),
        ("[engine]\nmore_models = ['a', '']", "engine.more_models.1: must not be empty"),
        ("[engine]\ndevice = 'tpu'", "engine.device: must be auto, cpu, mps, cuda or cuda:N"),
        (
            "[engine]\ndevice = ['cuda:0', 'cuda']",
            "engine.device: must be a list of cuda:0, cuda:1",
        ),
        ("[engine]\ndevice = ['cuda:0', 'cuda:0']", "engine.device: must not name cuda:0 twice"),
        ("[engine]\ndevice = []", "engine.device: must be a list of 1 to 64 devices"),
        (
            "[engine]\ndevice = ['cpu', 'cpu']\ncompile = true\ndeterministic = false",
            "compile = true needs one device",
        ),
        ("[engine]\ndevice = 0", "engine.device: must be auto, cpu, mps, cuda or cuda:N"),
    ],
)
def test_what_is_not_allowed_is_named_and_so_is_the_file(tmp_path: Path, text: str, told: str):
    with pytest.raises(SettingsError) as raised:
        read_settings(written(tmp_path, text))
    assert told in str(raised.value)
    assert "config.toml" in str(raised.value)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_files_of_other_editors_are_read(tmp_path: Path, encoding: str):
    path = tmp_path / "config.toml"
    path.write_bytes("# é\n[engine]\nthreads = 3\n".encode(encoding))
    assert read_settings(path).threads == 3


def test_bytes_that_are_no_text_are_refused(tmp_path: Path):
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="not valid TOML"):
        read_settings(path)


def test_a_file_that_was_named_must_be_there(tmp_path: Path):
    with pytest.raises(EngineError, match="no such file"):
        read_settings(tmp_path / "other.toml")


def test_models_for_edits_are_installed_beside_the_others(tmp_path: Path):
    lines = "models = 'a'\nmore_models = ['b']\nedit_models = "
    assert read_settings(written(tmp_path, f"[engine]\n{lines}'c'")).installed == ("a", "b", "c")
    without = read_settings(written(tmp_path, f"[engine]\n{lines}''"))
    assert (without.installed, without.editing) == (("a", "b"), "a")
