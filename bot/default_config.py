"""The settings file with every default, which `--write-config` writes."""

from importlib import metadata
from pathlib import Path

from engine.errors import SettingsError
from engine.files import quoted

_DISTRIBUTION = "vqgan-clip-bot"
_IN_CHECKOUT = Path(__file__).parents[1] / "config.toml"


def write_config(path: Path) -> None:
    """Write the settings file with every default to `path`.

    Raises `SettingsError` if the path exists or cannot be written.
    """
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(_default_config())
    except FileExistsError as error:
        raise SettingsError(
            f"{quoted(path)} is there already. Change it, or name another file: --write-config FILE"
        ) from error
    except OSError as error:
        raise SettingsError(f"Cannot write {quoted(path)}: {error.strerror}.") from error


def _default_config() -> str:
    """Return the file in the repository, or the copy that the wheel has installed."""
    if _IN_CHECKOUT.is_file():
        return _IN_CHECKOUT.read_text(encoding="utf-8")
    installed = metadata.files(_DISTRIBUTION) or []
    return next(file for file in installed if file.name == "config.toml").read_text("utf-8")
