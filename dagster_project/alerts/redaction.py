"""Redaction of alerts: no text in a message, cursor or log holds the API key, a password or part of an alert URL."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import SecretStr

from dagster_project.alerts.sources.finished_runs import FinishedRun
from dagster_project.alerts.sources.problems import Problem
from dagster_project.common.environment import secret_key
from dlt_sources.weather.common import redaction

_CREDENTIALS_IN_URL = re.compile(r"(\w://)[^/\s@]+@")
_NAMED_SECRET = re.compile(
    r"\b(password|passwd|pwd|token|secret|api_?key)(\s*[=:]\s*)[^\s&,;\"')]+", flags=re.IGNORECASE
)
# shorter parts of a URL are words that a text may well need
MIN_SECRET_LENGTH = 8


class Secrets(NamedTuple):
    """Secrets to redact: the API key, and the parts of the alert URLs, longest first."""

    api_key: SecretStr | None
    url_parts: tuple[SecretStr, ...]


def find_secrets(urls: Sequence[str]) -> Secrets:
    """Return the configured secrets.

    Args:
        urls: the alert URLs.
    """
    parts = sorted({part for url in urls for part in _secret_parts(url)}, key=len, reverse=True)
    return Secrets(secret_key(), tuple(map(SecretStr, parts)))


def redact(text: str, secrets: Secrets) -> str:
    """Return the text without secrets: those given, credentials in URLs, and values named as secrets."""
    text = redaction.redact(text, secrets.api_key)
    text = _CREDENTIALS_IN_URL.sub(rf"\1{redaction.REDACTED}@", text)
    text = _NAMED_SECRET.sub(rf"\1\2{redaction.REDACTED}", text)
    for part in secrets.url_parts:
        text = text.replace(part.get_secret_value(), redaction.REDACTED)
    return text


def redact_runs(runs: Iterable[FinishedRun], secrets: Secrets) -> list[FinishedRun]:
    """Return the runs with the texts of their problems redacted."""
    return [replace(run, problems=[_redact_problem(problem, secrets) for problem in run.problems]) for run in runs]


def _redact_problem(problem: Problem, secrets: Secrets) -> Problem:
    return replace(
        problem,
        subject=redact(problem.subject, secrets),
        description=redact(problem.description, secrets),
        advice=redact(problem.advice, secrets),
        details=tuple(redact(line, secrets) for line in problem.details),
        parts={name: redact(line, secrets) for name, line in problem.parts.items()},
    )


def _secret_parts(url: str) -> list[str]:
    """Return the URL and its possibly secret parts: all but scheme and host."""
    try:
        split = urlsplit(url)
        values = [value for _, value in parse_qsl(split.query)]
        parts = [split.username, split.password, *split.path.split("/"), *values]
    except ValueError:
        parts = []
    present = [part for part in parts if part]
    return [part for part in (url, *present, *map(unquote, present)) if len(part) >= MIN_SECRET_LENGTH]
