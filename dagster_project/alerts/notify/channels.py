"""The channels that messages go to, through apprise; none ever raises, or shows its URL."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Thread
from threading import enumerate as threads
from urllib.parse import urlsplit

from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType

from dagster_project.alerts.state import Message

# for one message to all its channels; a tick may take a minute in all
TIMEOUT_SECONDS = 10.0
NO_ANSWER = "no answer in time"
# in the URLs of other services the first part is a token, not a host
WITH_HOST = {"http", "https", "json", "jsons", "xml", "xmls", "form", "forms", "mailto", "mailtos"}
UNUSABLE = "the URL cannot be used"
TYPES = {"error": NotifyType.FAILURE, "warning": NotifyType.WARNING, "recovered": NotifyType.SUCCESS}
_STATUS = re.compile(r"error=(\d{3})\b")

# apprise's own lines, and urllib3's when debugging, show URLs; apprise's results carry its warnings without a handler
logging.getLogger("apprise").propagate = False
logging.getLogger("urllib3").setLevel(logging.INFO)


@dataclass(frozen=True, repr=False)
class Channel:
    """One channel; its name is its kind, and its host where that is no secret."""

    name: str
    url: str

    def __repr__(self) -> str:
        """Show the name only."""
        return f"Channel({self.name})"

    @property
    def usable(self) -> bool:
        """Whether apprise understands the URL."""
        return _service(self.url) is not None

    def send(self, message: Message) -> str | None:
        """Send a message; return why it did not go, or None where it did."""
        try:
            # a new one each time: an old one pauses between messages
            service = _service(self.url)
            if service is None:
                return UNUSABLE
            result = service.notify(
                body=message.body,
                title=message.title,
                notify_type=TYPES[message.level],
                body_format=NotifyFormat.TEXT,
            )
            return None if result else _reason([entry.message for entry in result.logs()])
        except Exception as error:  # noqa: BLE001 - a broken channel must not fail anything
            return type(error).__name__


def send_to(found: Sequence[Channel], message: Message) -> dict[str, str | None]:
    """Send a message to channels, all at once, and wait 10 seconds at most.

    A server that never answers holds up neither another channel nor, its thread being a daemon's, the end of the
    process. (Apprise's own time limit leaves it to one of a few threads, which end with what they wait for.) While a
    try hangs there is no other.

    Returns:
        Why it did not go by the channel's name, None where it did.
    """
    said: dict[str, str | None] = {channel.name: NO_ANSWER for channel in found}
    hanging = {thread.name for thread in threads()}

    def send(channel: Channel) -> None:
        said[channel.name] = channel.send(message)

    sending = [
        Thread(target=send, args=[channel], name=f"alert to {channel.name}", daemon=True)
        for channel in found
        if f"alert to {channel.name}" not in hanging
    ]
    deadline = time.monotonic() + TIMEOUT_SECONDS
    for thread in sending:
        thread.start()
    for thread in sending:
        thread.join(max(deadline - time.monotonic(), 0))
    # as it stands now, whatever still comes
    return dict(said)


def channels(urls: Sequence[str]) -> list[Channel]:
    """The channels of the URLs; several of one name are numbered."""
    found: list[Channel] = []
    for url in urls:
        name = _name(url)
        same = sum(one.name == name or one.name.startswith(f"{name} (") for one in found)
        found.append(Channel(f"{name} ({same + 1})" if same else name, url))
    return found


def _service(url: str) -> Apprise | None:
    try:
        # in the caller's thread: with a time limit of its own, apprise would use others
        service = Apprise(asset=AppriseAsset(async_mode=False, service_timeout=0))
        return service if service.add(url) else None
    except Exception:  # noqa: BLE001 - whatever a URL does to apprise, it is of no use
        return None


def _name(url: str) -> str:
    scheme, separator, _ = url.partition("://")
    if not separator or not scheme.isalnum():
        return "unknown"
    scheme = scheme.lower()
    try:
        parts = urlsplit(url)
        port = parts.port
        # a password with an unquoted / or ? would end the host early, and show as one
        host = None if "@" in f"{parts.path}{parts.query}{parts.fragment}" else parts.hostname
    except ValueError:
        return scheme
    if scheme not in WITH_HOST or not host:
        return scheme
    return f"{scheme}://{host}:{port}" if port else f"{scheme}://{host}"


def _reason(lines: list[str]) -> str:
    """Why, in words of ours: apprise's may name what is secret."""
    said = " ".join(lines)
    if status := _STATUS.search(said):
        return f"HTTP status {status.group(1)}"
    if "onnection" in said:
        # apprise says no more of it
        return "no connection, or no answer in time"
    return "it did not take the message"
