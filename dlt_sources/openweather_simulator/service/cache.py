"""Cache of the service: answers are computed once per normalised query and repeat for some minutes.

Recorded answers of the service carry a `dt` up to 566 s old, and their `X-Cache-Key` shows which queries share
an answer: sorted parameters without the key, `q` in lower case, coordinates in two decimals.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from urllib.parse import quote
from zlib import crc32

# Lags of 0 to 566 s, as recorded.
REFRESH = 567


def cache_key(path: str, params: Mapping[str, str]) -> str:
    """Return the normalised query, as in the `X-Cache-Key` header."""
    parts = []
    for name in sorted(params):
        value = params[name]
        if name in {"lat", "lon"}:
            value = _two_decimals(value)
        elif name == "q":
            value = quote(value.lower(), safe=",")
        elif not (value.isascii() and value.isalnum()):
            value = quote(value, safe=",:")
        parts.append(f"{name}={value}")
    key = f"{path}?{'&'.join(parts)}"
    # It becomes a header, so line breaks in a name would be a header injection.
    return key if key.isascii() and key.isprintable() else quote(key, safe="/?=&,:%")


def _two_decimals(text: str) -> str:
    try:
        # Adding 0.0 turns -0.0 into 0.0.
        return f"{round(float(text), 2) + 0.0:g}"
    except ValueError:
        return ""


def computed_at(now: int, key: str, refresh: int, *, own_phase: bool) -> int:
    """Return when the answer that is valid now was computed.

    Args:
        now: Unix seconds.
        key: The normalised query.
        refresh: Seconds between two computations.
        own_phase: Whether each query has a separate phase; otherwise all are computed on multiples of
            `refresh`.
    """
    return now - (now - (crc32(key.encode()) if own_phase else 0)) % refresh


class AnswerCache:
    """Cache of the most recently used answers, up to a number of bytes."""

    def __init__(self, max_bytes: int) -> None:
        self._answers: OrderedDict[str, tuple[int, bytes]] = OrderedDict()
        self._room = max_bytes

    def get(self, key: str, moment: int) -> bytes | None:
        """Return the answer computed at a moment, or None."""
        found = self._answers.get(key)
        if found is None or found[0] != moment:
            return None
        self._answers.move_to_end(key)
        return found[1]

    def put(self, key: str, moment: int, body: bytes) -> None:
        """Keep an answer, and forget the least recently used ones when there is no room."""
        old = self._answers.pop(key, None)
        if old:
            self._room += _size(key, old[1])
        self._answers[key] = (moment, body)
        self._room -= _size(key, body)
        while self._room < 0:
            dropped, (_, old_body) = self._answers.popitem(last=False)
            self._room += _size(dropped, old_body)


def _size(key: str, body: bytes) -> int:
    # 300 bytes: about the size of the containers.
    return len(key) + len(body) + 300
