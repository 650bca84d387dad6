"""The files for the tools around a repository agree with the project: nothing in them can fall behind unnoticed."""

from __future__ import annotations

import json
import re

import pytest
import tomlkit
import yaml

from tests.docs.pages import PAGES, PROJECT, commands, spans

KNOWN = {command.text for text in PAGES.values() for command in commands(text)} | {
    span for text in PAGES.values() for span in spans(text)
}
WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))
RECIPES = (PROJECT / "justfile").read_text()


def test_a_recipe_runs_documented_commands_and_has_one_comment():
    for comment, name, body in re.findall(r"^(.*)\n(\w+):\n((?:    .+\n)+)", RECIPES, re.MULTILINE):
        assert comment.startswith("# "), name
        lines = [line.strip() for line in body.splitlines()]
        assert name == "list" or KNOWN.issuperset(lines), lines


def test_the_hooks_run_documented_commands_and_fetch_nothing():
    (repository,) = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"
    for hook in repository["hooks"]:
        assert hook["language"] == "system"
        assert hook["entry"].removesuffix(" --fix") in KNOWN | {"uv lock --check"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_an_action_is_named_by_its_commit_with_the_tag_as_a_comment(path):
    text = path.read_text()
    used = re.findall(r"uses: (.+)", text)
    assert used
    assert [one for one in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one)] == []
    by_action: dict[str, set[str]] = {}
    for one in used:
        by_action.setdefault(one.partition("@")[0], set()).add(one)
    assert [ones for ones in by_action.values() if len(ones) > 1] == [], "one version of each"
    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}
    assert text.count("persist-credentials: false") == text.count("actions/checkout@")


def test_the_citation_is_of_this_version_and_licence():
    project = tomlkit.parse((PROJECT / "pyproject.toml").read_text()).unwrap()["project"]
    citation = yaml.safe_load((PROJECT / "CITATION.cff").read_text())
    assert (citation["title"], citation["version"]) == (project["name"], project["version"])
    assert citation["license"] == project["license"]
    assert citation["abstract"] == project["description"]


def test_dependabot_looks_where_there_is_something():
    files = {
        "uv": "uv.lock",
        "github-actions": ".github/workflows/ci.yml",
        "docker": "Dockerfile",
        "terraform": "main.tf",
    }
    for update in yaml.safe_load((PROJECT / ".github" / "dependabot.yml").read_text())["updates"]:
        folder = PROJECT / update["directory"].lstrip("/")
        assert (folder / files[update["package-ecosystem"]]).exists()


def test_the_container_of_editors_installs_from_the_lock_file_and_forms_ask_for_no_secret():
    container = json.loads((PROJECT / ".devcontainer" / "devcontainer.json").read_text())
    assert container["postCreateCommand"].endswith("uv sync --locked")
    for path in (PROJECT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"):
        form = yaml.safe_load(path.read_text())
        assert path.name == "config.yml" or {"name", "description", "body"} <= form.keys()
