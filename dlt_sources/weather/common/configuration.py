"""Resolution of settings by dlt, with errors that name where a value was set and the nearest right name.

dlt ignores a name that it does not know, and its errors name neither the variable nor the file. Here a misspelt name in
a file is an error; in the environment, which other programs share, it is a warning.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from dlt.common.configuration import resolve_configuration
from dlt.common.configuration.container import Container
from dlt.common.configuration.exceptions import (
    ConfigurationException,
    ConfigValueCannotBeCoercedException,
    ValueNotSecretException,
)
from dlt.common.configuration.providers import StringTomlProvider
from dlt.common.configuration.providers.toml import SettingsTomlProvider, TomlProviderReadException
from dlt.common.configuration.resolve import resolve_single_provider_value
from dlt.common.configuration.specs import BaseConfiguration, PluggableRunContext, known_sections
from dlt.common.configuration.utils import get_resolved_traces

from dlt_sources.weather.common.errors import ConfigurationError

T = TypeVar("T", bound=BaseConfiguration)
logger = logging.getLogger(__name__)
# "wether", "weathr", "weather2", but not "openweather" for weather
SECTION_CUTOFF = 0.85
# of whole names such as SOURCES__WEATHER__UNITS, which share most of their letters
VARIABLE_CUTOFF = 0.93
LONGEST_SHOWN_VALUE = 30
_DLT_SECTIONS = {value for name, value in vars(known_sections).items() if name.isupper()} | {"runtime"}
_NUMBERS = {int: "a whole number", float: "a number", bool: "true or false"}


class InvalidSettingError(ConfigurationError):
    """A setting has a value that cannot work.

    Args:
        setting: name of the setting.
        message: one sentence that names the setting.
    """

    def __init__(self, setting: str, message: str) -> None:
        super().__init__(message)
        self.setting = setting


def nearest(name: str, names: Collection[str]) -> str:
    """Return a clause that names the nearest right name, or all if none is near."""
    near = get_close_matches(name.casefold(), names, n=1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}."


def resolve_settings(
    settings: T, sections: tuple[str, ...], given: Mapping[str, Any] | None = None, variables: Collection[str] = ()
) -> T:
    """Resolve settings as dlt does, and refuse what dlt would ignore.

    Args:
        settings: an unresolved instance of the settings.
        sections: section of the settings in dlt's files.
        given: values by name, which take precedence over all other sources.
        variables: environment variables that belong to these settings although dlt does not read them.

    Raises:
        ConfigurationError: a file cannot be read, a name in it is misspelt, or a setting has a value that cannot work.
    """
    given = given or {}
    names = tuple(settings.get_resolvable_fields())
    right = {*variables, *_variables(names, sections)}
    try:
        for provider in _files():
            _refuse_misspelt(provider, names, sections)
        for section, table in _tables(settings, sections):
            right.update(_variables(table, section))
            for provider in _files():
                _refuse_misspelt(provider, table, section, is_table=True)
        _warn_of_misspelt_variables(frozenset(right), sections)
        with _no_trace():
            return resolve_configuration(settings, sections=sections, explicit_value=given)
    except InvalidSettingError as error:
        origin = None if error.setting.partition(".")[0] in given else _origin(settings, error.setting, sections)
        if origin is None:
            raise
        raise ConfigurationError(f"In {origin}: {error}") from None
    except ConfigurationException as error:
        raise configuration_error(error, settings, sections) from None


def configuration_error(
    error: ConfigurationException, settings: BaseConfiguration | None = None, sections: tuple[str, ...] = ()
) -> ConfigurationError:
    """Return an error of dlt's configuration as one sentence that shows no secret.

    Args:
        error: dlt's error.
        settings: the settings that were resolved, if any were.
        sections: their section.
    """
    if isinstance(error, TomlProviderReadException):
        return ConfigurationError(_unreadable(error))
    if isinstance(error, ValueNotSecretException):
        return ConfigurationError(
            "A secret stands in .dlt/config.toml, from which dlt takes none: "
            f"{str(error).split('`')[3]}. Move it to .dlt/secrets.toml or the environment."
        )
    if settings is not None and isinstance(error, ConfigValueCannotBeCoercedException):
        name, origin = _coerced(settings, error, sections)
        shown = _shown(error.field_value) if error.hint in _NUMBERS else ""
        return ConfigurationError(f"In {origin}: {name} must be {_type_name(error.hint)}{shown}.")
    first_line = str(error).strip().splitlines()[0]
    return ConfigurationError(f"{first_line} See [{'.'.join(sections)}] in .dlt/config.toml.")


@contextmanager
def _no_trace() -> Iterator[None]:
    """Keep what is resolved out of dlt's trace, a file with all values but those of a secret's type: a URL has none."""
    trace = get_resolved_traces()
    enabled, trace.logging_enabled = trace.logging_enabled, False
    try:
        yield
    finally:
        trace.logging_enabled = enabled


def _files() -> Iterator[SettingsTomlProvider]:
    for provider in Container()[PluggableRunContext].providers.providers:
        if isinstance(provider, SettingsTomlProvider) and not provider.is_empty:
            yield provider


def _refuse_misspelt(
    provider: SettingsTomlProvider, names: Collection[str], sections: tuple[str, ...], *, is_table: bool = False
) -> None:
    """Raise on a section that is near to the settings' section, or on a name in it that is none of them."""
    right = f"[{'.'.join(sections)}]"
    node: object = StringTomlProvider.loads(provider.to_toml()).unwrap()
    for depth, section in enumerate(sections):
        if not isinstance(node, dict):
            return
        for other, value in node.items():
            is_near = bool(get_close_matches(section, [str(other).casefold()], cutoff=SECTION_CUTOFF))
            is_short = depth == 0 and other == sections[-1]
            # next to a table of the settings there are dlt's tables only, and none has such a name or setting
            is_own = is_table and depth == len(sections) - 1
            if other == section or (depth == 0 and other in _DLT_SECTIONS) or not (is_near or is_short or is_own):
                continue
            if (is_own and is_near) or _has_setting(value, names, deep=is_near):
                wrong = ".".join((*sections[:depth], str(other), *(sections[depth + 1 :] if is_near else ())))
                file = _file(provider, str(other), *sections[:depth])
                raise ConfigurationError(f"In {file}: nothing reads [{wrong}]; did you mean {right}?")
        node = node.get(section)
    _refuse_unknown(provider, names, sections)


def _refuse_unknown(provider: SettingsTomlProvider, names: Collection[str], sections: tuple[str, ...]) -> None:
    """Raise on a name in the section that is no setting."""
    right = f"[{'.'.join(sections)}]"
    node: object = StringTomlProvider.loads(provider.to_toml()).unwrap()
    for section in sections:
        node = node.get(section) if isinstance(node, dict) else None
    if not isinstance(node, dict):
        return
    # a table in the section holds settings of dlt: data_writer, extract, a resource's name
    unknown = [str(name) for name, value in node.items() if name not in names and not isinstance(value, dict)]
    if unknown:
        file = _file(provider, unknown[0], *sections)
        said = " ".join(f"{right} has no setting {name}; {nearest(name, names)}" for name in unknown)
        raise ConfigurationError(f"In {file}: {said}")


def _tables(settings: BaseConfiguration, sections: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Yield the section and the names of each table of settings within the settings."""
    for name, hint in settings.get_resolvable_fields().items():
        if isinstance(hint, type) and issubclass(hint, BaseConfiguration):
            yield (*sections, name), list(hint.get_resolvable_fields())


def _has_setting(value: object, names: Collection[str], *, deep: bool) -> bool:
    if not isinstance(value, dict):
        return False
    return any(
        name in names or (deep and isinstance(inner, dict) and _has_setting(inner, names, deep=False))
        for name, inner in value.items()
    )


def _variables(names: Collection[str], sections: tuple[str, ...]) -> list[str]:
    return ["__".join((*sections, name)).upper() for name in names]


@cache  # so once a process
def _warn_of_misspelt_variables(right: frozenset[str], sections: tuple[str, ...]) -> None:
    prefix = "__".join((*sections, "")).upper()
    for name in sorted(os.environ):
        upper = name.upper()
        if name in right:
            continue
        near = [upper] if upper in right else get_close_matches(upper, right, n=1, cutoff=VARIABLE_CUTOFF)
        if near:
            logger.warning("The environment variable %s is not read; did you mean %s?", name, near[0])
        # a longer path is one of dlt's settings
        elif upper.startswith(prefix) and "__" not in upper.removeprefix(prefix):
            names = [variable.removeprefix(prefix) for variable in sorted(right) if variable.startswith(prefix)]
            said = nearest(upper.removeprefix(prefix), names)
            logger.warning("The environment variable %s is not read: after %s, %s", name, prefix, said)


def _coerced(
    settings: BaseConfiguration, error: ConfigValueCannotBeCoercedException, sections: tuple[str, ...]
) -> tuple[str, str | None]:
    """Return the whole name of a value of the wrong type, which dlt names without its table, and where it is set."""
    tables = (".".join(section[len(sections) :]) for section, _ in _tables(settings, sections))
    names = [error.field_name, *(f"{table}.{error.field_name}" for table in tables)]
    found = [(name, *_set(settings, name, sections)) for name in names]
    # one name may be set in two tables
    name, _, place = max(found, key=lambda one: (one[1] == error.field_value, one[1] is not None))
    return name, place


def _origin(settings: BaseConfiguration, name: str, sections: tuple[str, ...]) -> str | None:
    """Return the variable or file that sets a value; None if it is the default."""
    return _set(settings, name, sections)[1]


def _set(settings: BaseConfiguration, name: str, sections: tuple[str, ...]) -> tuple[Any, str | None]:
    """Return a value and the variable or file that sets it; None twice if it is the default."""
    *table, name = name.split(".")
    fields: dict[str, Any] = dict(settings.get_resolvable_fields())
    for part in table:
        sections, fields = (*sections, part), fields[part].get_resolvable_fields()
    for provider in Container()[PluggableRunContext].providers.providers:
        if provider.is_empty or name not in fields:
            continue
        value, traces = resolve_single_provider_value(provider, name, fields[name], explicit_sections=sections)
        if value is not None:
            if isinstance(provider, SettingsTomlProvider):
                return value, _file(provider, name, *traces[-1].sections)
            is_variable = "env" in provider.name.lower()
            return value, f"the environment variable {traces[-1].key}" if is_variable else provider.name
    return None, None


def _file(provider: SettingsTomlProvider, key: str, *sections: str) -> str:
    """Return the path of the file that sets a key: the folder's, or the one of all folders."""
    paths = provider.present_locations
    is_global = provider.get_value_location(key, None, *sections).startswith("global:")
    return str(Path(paths[-1 if is_global else 0])) if paths else provider.name


def _unreadable(error: TomlProviderReadException) -> str:
    """Say which file cannot be read, and which line of it is wrong."""
    for path in map(Path, error.full_paths):
        try:
            text = path.read_text(encoding="utf-8") if path.is_file() else ""
        except OSError as reason:
            return f"{path} cannot be read: {reason.strerror}."
        except UnicodeDecodeError as reason:
            line = reason.object[: reason.start].count(b"\n") + 1
            return f"{path} cannot be read: line {line} is not UTF-8."
        if problem := _toml_problem(text):
            place = re.search(r" at line (\d+) col \d+$", problem)
            # an error without a place, such as a name that stands twice, begins with the line that completes it
            lines = text.splitlines(keepends=True)
            ends = (n for n in range(1, len(lines) + 1) if _toml_problem("".join(lines[:n])) == problem)
            number = place[1] if place else next(ends)
            return f"{path} is not valid TOML, line {number}: {problem[: place.start()] if place else problem}"
    return f"{error.file_name} cannot be read."


def _toml_problem(text: str) -> str:
    try:
        StringTomlProvider.loads(text)
    except Exception as error:  # noqa: BLE001 - the parser is dlt's, and so are its exceptions
        # the parser reads a NUL at the end of the text
        return str(error).replace("character: '\\x00'", "end of file")
    return ""


def _type_name(hint: Any) -> str:
    return _NUMBERS.get(hint) or ("text" if hint is str else 'a list, such as ["a", "b"] or [0, 12]')


def _shown(value: object) -> str:
    """Return the value for a message, unless it may hold a secret: a URL, or a text as long as a key."""
    text = str(value)
    return f", not {value!r}" if len(text) < LONGEST_SHOWN_VALUE and "://" not in text else ""
