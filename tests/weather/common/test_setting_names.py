"""How advice names a setting: the variable always, a file only where somebody can edit it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dlt_sources.weather.api.client import no_key
from dlt_sources.weather.common.configuration.names import how_to_set, how_to_set_key
from dlt_sources.weather.common.errors import ConfigurationError
from dlt_sources.weather.common.settings import RetentionSettings, load_settings
from dlt_sources.weather.destination.capabilities import mistakes
from dlt_sources.weather.retention.archive import Archive
from dlt_sources.weather.retention.policy import sentence

UNITS = ("sources", "weather", "units")


def may(path: str | Path, mode: int) -> bool:
    """Return whether the owner may do something, also if root asks."""
    return Path(path).exists() and (not mode & os.W_OK or bool(Path(path).stat().st_mode & 0o200))


@pytest.fixture(autouse=True)
def no_global_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let no file of the machine's user count, and forbid files without permission to write even to root."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    for variable in ("HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    monkeypatch.setattr("os.access", may)


def advice() -> list[str]:
    """Return sentences of which each names at least one setting."""
    with pytest.raises(ConfigurationError) as of_archive:
        Archive("s3://user:password@bucket", "bronze")
    with pytest.raises(ConfigurationError) as of_key:
        load_settings(api_key="ключ")
    return [
        str(no_key()),
        str(of_key.value),
        str(of_archive.value),
        sentence(RetentionSettings()),
        mistakes.no_credentials("postgres"),
        mistakes.no_file("duckdb"),
    ]


def test_without_a_file_that_can_be_edited_advice_names_variables_alone(tmp_path: Path) -> None:
    assert how_to_set(*UNITS) == "SOURCES__WEATHER__UNITS"
    folder = tmp_path / ".dlt"
    folder.mkdir()
    (folder / "config.toml").write_text("[sources.weather]\n")
    (folder / "config.toml").chmod(0o444)
    folder.chmod(0o555)
    told = advice()
    folder.chmod(0o755)
    assert not [text for text in told if ".toml" in text]
    assert [name for name in ("OPENWEATHER_API_KEY", "DESTINATION__POSTGRES__CREDENTIALS") if name in " ".join(told)]
    assert all("__" in text or "OPENWEATHER_API_KEY" in text for text in told)


def test_where_files_are_edited_advice_names_the_key_and_the_file(tmp_path: Path) -> None:
    (tmp_path / ".dlt").mkdir()
    assert how_to_set(*UNITS) == "SOURCES__WEATHER__UNITS, or units under [sources.weather] in .dlt/config.toml"
    assert all(f"in {Path('.dlt', 'secrets.toml')}" in text for text in advice() if "forecasts" not in text)
    (tmp_path / "home" / ".dlt").mkdir(parents=True)
    (tmp_path / "home" / ".dlt" / "config.toml").write_text("[sources.weather]\n")
    assert how_to_set(*UNITS).endswith(f"in {tmp_path / 'home' / '.dlt' / 'config.toml'}")


def test_a_mounted_file_of_secrets_is_named_though_it_cannot_be_edited(tmp_path: Path) -> None:
    (tmp_path / ".dlt").mkdir()
    file = tmp_path / ".dlt" / "secrets.toml"
    file.write_text("[sources.weather]\n")
    file.chmod(0o444)
    assert how_to_set(*UNITS, secret=True).endswith("in .dlt/secrets.toml")


def test_the_variable_of_the_key_is_the_one_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert how_to_set_key() == "OPENWEATHER_API_KEY"
    monkeypatch.setenv("SOURCES__WEATHER__API_KEY", "x")
    assert how_to_set_key() == "SOURCES__WEATHER__API_KEY"
