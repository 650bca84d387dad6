"""Channels for messages, through apprise; a channel never raises and never shows its URL."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Thread
from threading import enumerate as threads
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dagster_project.alerts.state import Message

if TYPE_CHECKING:
    from apprise import Apprise

# for one message to all its channels; Dagster stops a tick after a minute
TIMEOUT_SECONDS = 10.0
NO_ANSWER = "no answer in time"
# schemes with a host after them; in the URLs of other services the first part is a token
HOST_SCHEMES = {"http", "https", "json", "jsons", "xml", "xmls", "form", "forms", "mailto", "mailtos"}
UNUSABLE = "the URL cannot be used"
# names of apprise's kinds of messages
TYPES = {"error": "FAILURE", "warning": "WARNING", "recovered": "SUCCESS"}
_STATUS = re.compile(r"error=(\d{3})\b")

# apprise's log lines, and urllib3's at debug level, show URLs; apprise's results hold its warnings without a handler
logging.getLogger("apprise").propagate = False
logging.getLogger("urllib3").setLevel(logging.INFO)


@dataclass(frozen=True, repr=False)
class Channel:
    """Channel; its name is its kind, with its host if that is no secret."""

    name: str
    url: str

    def __repr__(self) -> str:
        """Return the name, without the URL."""
        return f"Channel({self.name})"

    @property
    def usable(self) -> bool:
        """Whether apprise understands the URL."""
        return _service(self.url) is not None

    def send(self, message: Message) -> str | None:
        """Send a message; return the reason if that failed, else None."""
        try:
            # a new service each time: a used one pauses between messages
            service = _service(self.url)
            if service is None:
                return UNUSABLE
            from apprise import NotifyFormat, NotifyType  # noqa: PLC0415 - every run imports this module

            result = service.notify(
                body=message.body,
                title=message.title,
                notify_type=NotifyType[TYPES[message.level]],
                body_format=NotifyFormat.TEXT,
            )
            return None if result else _reason([entry.message for entry in result.logs()])
        except Exception as error:  # noqa: BLE001 - a broken channel must not fail anything
            return type(error).__name__


def send_to_all(channels: Sequence[Channel], message: Message) -> dict[str, str | None]:
    """Send a message to all channels at once, and wait ``TIMEOUT_SECONDS`` at most.

    A server that never answers delays neither the other channels nor, since its thread is a daemon, the end of the
    process. (Apprise's own time limit occupies one of a few shared threads for as long as the server hangs.) While a
    thread still hangs, its channel gets no other message.

    Returns:
        For each channel, by name, the reason if sending failed, else None.
    """
    reasons: dict[str, str | None] = {channel.name: NO_ANSWER for channel in channels}
    hanging = {thread.name for thread in threads()}

    def send(channel: Channel) -> None:
        reasons[channel.name] = channel.send(message)

    sending = [
        Thread(target=send, args=[channel], name=f"alert to {channel.name}", daemon=True)
        for channel in channels
        if f"alert to {channel.name}" not in hanging
    ]
    deadline = time.monotonic() + TIMEOUT_SECONDS
    for thread in sending:
        thread.start()
    for thread in sending:
        thread.join(max(deadline - time.monotonic(), 0))
    # a copy: a thread that still hangs may write to the original later
    return dict(reasons)


def parse_channels(urls: Sequence[str]) -> list[Channel]:
    """Return the channels of the URLs; channels that would share a name are numbered."""
    channels: list[Channel] = []
    for url in urls:
        name = _name(url)
        same = sum(one.name == name or one.name.startswith(f"{name} (") for one in channels)
        channels.append(Channel(f"{name} ({same + 1})" if same else name, url))
    return channels


def _service(url: str) -> Apprise | None:
    from apprise import Apprise, AppriseAsset  # noqa: PLC0415 - every run imports this module

    try:
        # without a time limit apprise sends in the caller's thread; with one it uses its shared threads
        service = Apprise(asset=AppriseAsset(async_mode=False, service_timeout=0))
        return service if service.add(url) else None
    except Exception:  # noqa: BLE001 - any error means that the URL is unusable
        return None


def _name(url: str) -> str:
    scheme, separator, _ = url.partition("://")
    if not separator or not scheme.isalnum():
        return "unknown"
    scheme = scheme.lower()
    try:
        parts = urlsplit(url)
        port = parts.port
        # an unquoted / or ? in a password ends the host early: the password's start would show as the host
        host = None if "@" in f"{parts.path}{parts.query}{parts.fragment}" else parts.hostname
    except ValueError:
        return scheme
    if scheme not in HOST_SCHEMES or not host:
        return scheme
    return f"{scheme}://{host}:{port}" if port else f"{scheme}://{host}"


def _reason(lines: list[str]) -> str:
    """Return the reason of a failure in fixed words: apprise's own lines may hold secrets."""
    text = " ".join(lines)
    if status := _STATUS.search(text):
        return f"HTTP status {status.group(1)}"
    if "onnection" in text:
        # apprise's line is the same for both
        return "no connection, or no answer in time"
    return "the channel did not take the message"
