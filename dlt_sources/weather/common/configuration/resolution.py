"""Resolution of settings by dlt, with errors that name where a value was set and the nearest right name.

dlt ignores a name that it does not know, and its errors name neither the variable nor the file. Here a misspelt name in
a file is an error; in the environment, which other programs share, it is a warning.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
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
from dlt.common.configuration.specs import BaseConfiguration, PluggableRunContext
from dlt.common.configuration.utils import get_resolved_traces

from dlt_sources.weather.common.configuration.names import file_of, how_to_set, variable_of
from dlt_sources.weather.common.configuration.spelling import (
    file_that_sets,
    refuse_misspelt,
    toml_files,
    variables_of,
    warn_of_misspelt_variables,
)
from dlt_sources.weather.common.errors import ConfigurationError

T = TypeVar("T", bound=BaseConfiguration)
logger = logging.getLogger(__name__)
LONGEST_SHOWN_VALUE = 30
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
    right = {*variables, *variables_of(names, sections)}
    try:
        for provider in toml_files():
            refuse_misspelt(provider, names, sections)
        for section, table in _tables(settings, sections):
            right.update(variables_of(table, section))
            for provider in toml_files():
                refuse_misspelt(provider, table, section, is_table=True)
        warn_of_misspelt_variables(frozenset(right), sections)
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
        *section, name = error.key.split(".")
        files = [file_that_sets(one, name, *section) for one in toml_files() if one.name == error.provider_name]
        return ConfigurationError(
            f"A secret stands in {''.join(files) or error.provider_name}, from which dlt takes none: {error.key}. "
            f"Take it out, and set {how_to_set(*section, name, secret=True)}."
        )
    if settings is not None and isinstance(error, ConfigValueCannotBeCoercedException):
        name, origin = _coerced(settings, error, sections)
        shown = _shown(error.field_value) if error.hint in _NUMBERS else ""
        return ConfigurationError(f"In {origin}: {name} must be {_type_name(error.hint)}{shown}.")
    first_line = str(error).strip().splitlines()[0]
    file = file_of("config.toml")
    seen = f"[{'.'.join(sections)}] in {file}" if file else f"the variables {variable_of(*sections, '')}…"
    return ConfigurationError(f"{first_line} See {seen}.")


@contextmanager
def _no_trace() -> Iterator[None]:
    """Keep what is resolved out of dlt's trace, a file with all values but those of a secret's type: a URL has none."""
    trace = get_resolved_traces()
    enabled, trace.logging_enabled = trace.logging_enabled, False
    try:
        yield
    finally:
        trace.logging_enabled = enabled


def _tables(settings: BaseConfiguration, sections: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Yield the section and the names of each table of settings within the settings."""
    for name, hint in settings.get_resolvable_fields().items():
        if isinstance(hint, type) and issubclass(hint, BaseConfiguration):
            yield (*sections, name), list(hint.get_resolvable_fields())


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
                return value, file_that_sets(provider, name, *traces[-1].sections)
            is_variable = "env" in provider.name.lower()
            return value, f"the environment variable {traces[-1].key}" if is_variable else provider.name
    return None, None


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
