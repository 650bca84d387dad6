"""Names in dlt's files of settings and in the environment that nothing reads, with the nearest right name."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterator
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from dlt.common.configuration.container import Container
from dlt.common.configuration.providers import StringTomlProvider
from dlt.common.configuration.providers.toml import SettingsTomlProvider
from dlt.common.configuration.specs import PluggableRunContext, known_sections

from dlt_sources.weather.common.configuration.names import variable_of
from dlt_sources.weather.common.errors import ConfigurationError

logger = logging.getLogger(__name__)
# "wether", "weathr", "weather2", but not "openweather" for weather
SECTION_CUTOFF = 0.85
# of whole names such as SOURCES__WEATHER__UNITS, which share most of their letters
VARIABLE_CUTOFF = 0.93
_DLT_SECTIONS = {value for name, value in vars(known_sections).items() if name.isupper()} | {"runtime"}


def nearest(name: str, names: Collection[str]) -> str:
    """Return a clause that names the nearest right name, or all if none is near."""
    near = get_close_matches(name.casefold(), names, n=1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}."


def toml_files() -> Iterator[SettingsTomlProvider]:
    """Yield the files that dlt reads and that hold something."""
    for provider in Container()[PluggableRunContext].providers.providers:
        if isinstance(provider, SettingsTomlProvider) and not provider.is_empty:
            yield provider


def refuse_misspelt(
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
                file = file_that_sets(provider, str(other), *sections[:depth])
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
        file = file_that_sets(provider, unknown[0], *sections)
        said = " ".join(f"{right} has no setting {name}; {nearest(name, names)}" for name in unknown)
        raise ConfigurationError(f"In {file}: {said}")


def _has_setting(value: object, names: Collection[str], *, deep: bool) -> bool:
    if not isinstance(value, dict):
        return False
    return any(
        name in names or (deep and isinstance(inner, dict) and _has_setting(inner, names, deep=False))
        for name, inner in value.items()
    )


def variables_of(names: Collection[str], sections: tuple[str, ...]) -> list[str]:
    """Return the environment variables of the settings of a section."""
    return [variable_of(*sections, name) for name in names]


@cache  # so once a process
def warn_of_misspelt_variables(right: frozenset[str], sections: tuple[str, ...]) -> None:
    """Warn of environment variables that are near to right ones, or in the section, and that nothing reads."""
    prefix = variable_of(*sections, "")
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


def file_that_sets(provider: SettingsTomlProvider, key: str, *sections: str) -> str:
    """Return the path of the file that sets a key: the folder's, or the one of all folders."""
    paths = provider.present_locations
    is_global = provider.get_value_location(key, None, *sections).startswith("global:")
    return str(Path(paths[-1 if is_global else 0])) if paths else provider.name
