"""Private names of libraries: each use stands in one list, docs/design-decisions.md, with its reason.

An upgrade of a library shows there what to look at; the names in the list must still exist in what is installed.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
PACKAGES = ("dlt_sources", "dagster_project")
LIST = ROOT / "docs" / "design-decisions.md"
HEADING = "## Private names of libraries"
# what Python's own named tuples, and its os module, offer for everybody begins with an underscore too
PUBLIC = {"_replace", "_asdict", "_fields", "_make", "_exit"}
# attributes that every abstract class or dataclass carries
GENERATED = re.compile(r"_abc_|_is_protocol$|_is_runtime_protocol$|_hint_")
# patches of a library that use no private name
PATCHES = {"logging.setLoggerClass": r"\bsetLoggerClass\(", "logging.Logger.__class__": r"\.__class__ = "}


def modules() -> Iterator[ModuleType]:
    for name in PACKAGES:
        package = importlib.import_module(name)
        for found in pkgutil.walk_packages(package.__path__, f"{name}."):
            if found.name != "dagster_project.launcher" and not found.name.endswith("__main__"):
                yield importlib.import_module(found.name)


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in PUBLIC and not GENERATED.match(name)


def is_ours(thing: type) -> bool:
    return thing.__module__.split(".")[0] in PACKAGES


def imported(tree: ast.Module) -> Iterator[str]:
    """Private modules and names that are imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] not in PACKAGES:
            for alias in node.names:
                if any(map(is_private, (*node.module.split("."), alias.name))):
                    yield f"{node.module}.{alias.name}"


def reached_into(tree: ast.Module) -> Iterator[str]:
    """Private attributes of anything but ``self`` and ``cls``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            owner = ast.unparse(node.value)
            if owner not in ("self", "cls"):
                yield node.attr


def inherited(tree: ast.Module, module: ModuleType) -> Iterator[str]:
    """Private members of a library's class that a class of ours overrides or uses."""
    for node in tree.body:
        ours = getattr(module, node.name, None) if isinstance(node, ast.ClassDef) else None
        if not inspect.isclass(ours):
            continue
        used = set(vars(ours)) | set(re.findall(r"\b(?:self|cls)\.(_[a-z]\w*)", ast.unparse(node)))
        for name in filter(is_private, used):
            owners = (base for base in ours.__mro__ if not is_ours(base) and base is not object)
            if owner := next((base for base in owners if name in vars(base)), None):
                yield f"{owner.__name__}.{name}"


def uses() -> set[tuple[str, str]]:
    """Every use, as (name, module)."""
    found: set[tuple[str, str]] = set()
    for module in modules():
        text = Path(str(module.__file__)).read_text(encoding="utf-8")
        tree = ast.parse(text)
        names = [*imported(tree), *reached_into(tree), *inherited(tree, module)]
        names += [name for name, pattern in PATCHES.items() if re.search(pattern, text)]
        found |= {(name, module.__name__) for name in names}
    return found


def listed() -> dict[tuple[str, str], str]:
    """The list's rows: reasons by (name, module)."""
    section = LIST.read_text(encoding="utf-8").partition(HEADING)[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \| (.+) \|$", section, re.MULTILINE)
    return {(name, module): reason for name, module, reason in rows}


def test_every_private_name_stands_in_the_list_and_nothing_else_does() -> None:
    assert uses() == set(listed())


def test_each_private_name_has_a_reason_that_says_what_public_way_was_tried() -> None:
    assert [name for (name, _), reason in listed().items() if len(reason.split()) < 8] == []


def test_the_scan_sees_imports_attributes_and_overrides() -> None:
    tree = ast.parse("from lib._core import Thing\nthing._hidden = 1\nself._own = 2\nrow._replace(a=1)")
    assert list(imported(tree)) == ["lib._core.Thing"]
    assert list(reached_into(tree)) == ["_hidden"]
    module = importlib.import_module("dagster_project.instance.run_launcher")
    tree = ast.parse(inspect.getsource(module))
    assert "MayHaveInstanceWeakref._instance" in set(inherited(tree, module))
