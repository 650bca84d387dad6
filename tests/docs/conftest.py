"""Fixtures of the tests of documents."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs.pages import PROJECT


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A fresh clone of the project as it stands, without what git ignores."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    for name in listed.rstrip("\0").split("\0"):
        target = tmp_path / "clone" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, target)
    return tmp_path / "clone"
