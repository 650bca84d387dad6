"""What the tests here share."""

from __future__ import annotations

from collections.abc import Callable

import requests

KEY = "0123456789abcdef0123456789abcdef"
SUBSCRIBED = "f" * 32
NOW = 1_790_503_500  # 2026-09-27 10:05:00 UTC

Get = Callable[..., requests.Response]
