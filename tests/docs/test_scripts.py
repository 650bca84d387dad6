"""Shell scripts: no pipe that ends early, and so a failure of what fills it, which ``pipefail`` makes the script's."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import PROJECT

SCRIPTS = [*sorted(PROJECT.glob("infra/**/*.sh")), PROJECT / ".ci" / "run", *sorted(PROJECT.glob(".github/**/*.yml"))]
# commands that stop reading at their first result: the writer then dies of SIGPIPE, now and then
EARLY = re.compile(
    r"\|\s*(?:[ef]?grep\s[^|;]*?(?:-\w*[qlm]|--quiet|--silent|--max-count|--files-with)|head\b|sed\s[^|;]*\bq\b)"
)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_no_pipe_ends_early(script):
    lines = enumerate(script.read_text(encoding="utf-8").splitlines(), 1)
    assert [f"{number}: {line.strip()}" for number, line in lines if EARLY.search(line)] == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("kubectl logs job/x | grep -q text", True),
        ("pg_restore --file=- x | grep --quiet key && fail", True),
        ("ls | grep -v x | grep -qx y", True),
        ("ls | head -n 1", True),
        ("grep -q text file", False),
        ("ls /backups | tail -n 1", False),
        ("save | tar | { grep --count text || true; }", False),
    ],
)
def test_such_a_pipe_is_found(line, found):
    assert bool(EARLY.search(line)) is found
