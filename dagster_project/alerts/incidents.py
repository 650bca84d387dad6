"""Causes opened, counted and closed; and which of that is worth a message, within the most an hour."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from dagster_project.alerts.messages import incident_opened, incident_resolved
from dagster_project.alerts.sources.problems import Problem
from dagster_project.alerts.state import Account, Incident, Message, in_the_last_hour

MOST_OPEN = 50
MOST_THINGS = 50
MOST_WHAT = 600
MOST_DETAIL = 240
# a cause that nothing has met or mended for so long, of an asset that is gone perhaps, is let go
FORGET_SECONDS = 7 * 86_400.0


class Ledger:
    """The account of open causes, for one tick.

    Args:
        account: read and changed.
        now: the present moment, UNIX seconds.
        most_an_hour: messages, whatever they say.
        dagster_url: for links to runs.
        scrub: takes secrets out of a text; all texts go through it.
    """

    def __init__(
        self, account: Account, now: float, most_an_hour: int, dagster_url: str, scrub: Callable[[str], str]
    ) -> None:
        self._account = account
        self._now = now
        self._most = most_an_hour
        self._url = dagster_url
        self._scrub = scrub
        self._over: list[tuple[Incident, str | None]] = []

    def note(self, succeeded: Iterable[str], troubles: Iterable[Problem], run_id: str | None = None) -> None:
        """Enter what succeeded, then what is wrong; a cause that waits for nothing more is over."""
        done = set(succeeded)
        for cause in list(self._account.open.values()):
            left = [thing for thing in cause.waits_for if thing not in done]
            if not left:
                del self._account.open[cause.key]
                self._over.append((cause, run_id))
            cause.waits_for = left
        for trouble in troubles:
            self._open(trouble)

    def messages(self) -> list[Message]:
        """What is to be sent now: what is over, then what is new or got worse; what the limit forbids is counted."""
        self._account.sent = in_the_last_hour(self._account.sent, self._now)
        found = [self._allowed(incident_resolved(cause, self._url, self._now, run_id)) for cause, run_id in self._over]
        for cause in self._account.open.values():
            if cause.announced in (cause.level, "error"):
                continue
            # one that is held back is open still, and goes as soon as the limit allows
            message = self._allowed(incident_opened(cause, self._url, self._now), count=not cause.held_back)
            found.append(message)
            cause.held_back = message is None
            if message is not None:
                cause.announced = cause.level
                cause.what = cause.do = ""
                cause.details = []
        self._over.clear()
        self._forget()
        return [message for message in found if message is not None]

    def _open(self, trouble: Problem) -> None:
        cause = self._account.open.get(trouble.key)
        if cause is None:
            cause = self._account.open[trouble.key] = Incident(
                key=trouble.key,
                subject=self._scrub(trouble.subject),
                level=trouble.level,
                where=[],
                waits_for=[],
                since=trouble.at,
                last=trouble.at,
                run_id=trouble.run_id,
            )
            self._say(cause, trouble)
        elif trouble.run_id != cause.run_id:
            cause.count += 1
            cause.run_id = trouble.run_id
        if cause.level == "warning" and trouble.level == "error":
            cause.level = "error"
            cause.subject = self._scrub(trouble.subject)
            self._say(cause, trouble)
        cause.last = max(cause.last, trouble.at, self._now if trouble.run_id is None else 0.0)
        cause.where = sorted({*cause.where, *trouble.where})[:MOST_THINGS]
        cause.waits_for = sorted({*cause.waits_for, *trouble.waits_for})[:MOST_THINGS]

    def _say(self, cause: Incident, trouble: Problem) -> None:
        cause.what = self._scrub(trouble.what)[:MOST_WHAT]
        cause.do = self._scrub(trouble.do)[:MOST_WHAT]
        cause.details = [self._scrub(line)[:MOST_DETAIL] for line in trouble.details]

    def _allowed(self, message: Message, *, count: bool = True) -> Message | None:
        """The message, saying what was held back before it; None, and counted, where the hour is full."""
        account = self._account
        if len(account.sent) >= self._most:
            account.held_back += count
            return None
        if account.held_back:
            message.body += (
                f"\n\n{account.held_back} message(s) were held back until now: at most {self._most} go in an hour."
            )
            account.held_back = 0
        account.sent.append(self._now)
        message.title, message.body = self._scrub(message.title), self._scrub(message.body)
        return message

    def _forget(self) -> None:
        """Let the oldest causes go, so that the account stays small."""
        kept = [cause for cause in self._account.open.values() if cause.last > self._now - FORGET_SECONDS]
        kept = sorted(kept, key=lambda cause: cause.last)[-MOST_OPEN:]
        self._account.open = {cause.key: cause for cause in sorted(kept, key=lambda cause: cause.since)}
