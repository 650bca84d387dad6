"""The project's documents, read as data: commands, code spans, links, headings, blocks."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[2]
PAGES = {
    str(path.relative_to(PROJECT)): path.read_text()
    for path in sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md"), PROJECT / "infra" / "README.md"])
}
# infra's own commands need a cluster; infra/tests runs them
CHECKED = {name: text for name, text in PAGES.items() if not name.startswith("infra/")}


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def prose(text: str) -> str:
    """Return the text without its fenced code blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def spans(text: str) -> list[str]:
    """Return the inline code spans."""
    return re.findall(r"`([^`\n]+)`", prose(text))


def links(text: str) -> list[str]:
    """Return the targets of links and pictures that lead into the project."""
    targets = re.findall(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"", prose(text))
    return [target for pair in targets for target in pair if target and not re.match(r"https?://", target)]


def anchors(text: str) -> set[str]:
    """Return the anchors of the headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@dataclass(frozen=True)
class Command:
    """One command line.

    Attributes:
        text: the line as it stands in the document, without its comment.
        environment: the variables that it sets for itself.
        words: the program and its arguments, without ``uv run``.
    """

    text: str
    environment: dict[str, str]
    words: tuple[str, ...]

    @property
    def program(self) -> str:
        """The program; the module for ``python -m``."""
        return self.words[2] if self.words[:2] == ("python", "-m") else self.words[0]

    @property
    def arguments(self) -> tuple[str, ...]:
        """What follows the program."""
        return self.words[3:] if self.words[:2] == ("python", "-m") else self.words[1:]


def parse(text: str) -> Command:
    """Read a command line."""
    words = shlex.split(text)
    environment = {}
    while words and (match := re.fullmatch(r"([A-Z_]+)=(.*)", words[0])):
        environment[match[1]] = match[2]
        words.pop(0)
    if words[:2] == ["uv", "run"]:
        words = words[2:]
    return Command(text, environment, tuple(words))


def commands(text: str) -> list[Command]:
    """Return the command lines of a document's console blocks."""
    joined = [re.sub(r"\\\n *", "", block) for block in blocks(text, "console")]
    lines = [line for block in joined for line in block.splitlines() if line.startswith("$ ")]
    return [parse(re.sub(r"  +#.*$", "", line[2:])) for line in lines]
