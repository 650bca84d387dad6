"""Request of a heartbeat, by the convention of Healthchecks.io: its URL for success, ``/fail`` behind it for failure.

https://healthchecks.io/docs/http_api: a POST to either; the body is shown with the check, up to 100 kB.
"""

from __future__ import annotations

import logging
import time
from threading import Thread
from urllib.parse import urlsplit, urlunsplit

ATTEMPTS = 3
PAUSE_SECONDS = 2.0
# to connect, and for each wait for a part of the answer
TIMEOUTS = (5.0, 5.0)
# of all attempts: Dagster stops a sensor after 60 seconds
MOST_SECONDS = 20.0
MOST_CHARACTERS = 1000
NO_ANSWER = "no answer in time"
# below 300: success. After these another attempt may be taken
_PASSING = frozenset([408, 425, 429, 500, 502, 503, 504])

# at debug level it logs paths
logging.getLogger("urllib3").setLevel(logging.INFO)


def send(url: str, text: str, *, is_failure: bool = False) -> str | None:
    """Send a heartbeat, within ``MOST_SECONDS``, whatever the server does.

    Args:
        url: the heartbeat's URL.
        text: the body, without secrets.
        is_failure: whether a failure is reported.

    Returns:
        Why it was not sent, in fixed words, since libraries' own quote the URL; None if it was.
    """
    reasons: list[str | None] = []

    def attempts() -> None:
        deadline = time.monotonic() + MOST_SECONDS
        for attempt in range(ATTEMPTS):
            reason, may_pass = _attempt(_address(url, is_failure=is_failure), text[:MOST_CHARACTERS].encode())
            if reason is None or not may_pass or attempt == ATTEMPTS - 1:
                reasons.append(reason)
                return
            time.sleep(PAUSE_SECONDS)
            if time.monotonic() > deadline:
                # nobody waits any more
                return

    # a server that sends a byte of its headers now and then exceeds no timeout of requests; a daemon's thread holds up
    # neither the caller nor the end of the process
    thread = Thread(target=attempts, name="heartbeat", daemon=True)
    thread.start()
    thread.join(MOST_SECONDS)
    return reasons[0] if reasons else NO_ANSWER


def _address(url: str, *, is_failure: bool) -> str:
    parts = urlsplit(url)
    path = parts.path.rstrip("/") + "/fail" if is_failure else parts.path
    return urlunsplit(parts._replace(path=path, fragment=""))


def _attempt(url: str, body: bytes) -> tuple[str | None, bool]:
    """Return why an attempt failed, None if it did not, and whether another may succeed."""
    import requests  # noqa: PLC0415 - most commands send no heartbeat

    headers = {"Content-Type": "text/plain; charset=utf-8", "User-Agent": "weather-bronze"}
    try:
        # the answer's body is not read, since it may not end; a redirect could lead anywhere
        with requests.post(
            url, data=body, headers=headers, timeout=TIMEOUTS, allow_redirects=False, stream=True
        ) as answer:
            status = answer.status_code
    except requests.exceptions.Timeout:
        return NO_ANSWER, True
    except Exception as error:  # noqa: BLE001 - its text may quote the URL
        return type(error).__name__, type(error) is requests.exceptions.ConnectionError
    if 200 <= status < 300:
        return None, False
    return ("a redirect, which is not followed" if 300 <= status < 400 else f"HTTP status {status}"), status in _PASSING
