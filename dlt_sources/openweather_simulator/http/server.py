"""Server of a simulator: uvicorn in a daemon thread, on a separate port."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from dlt_sources.openweather_simulator.http.app import create_app
from dlt_sources.openweather_simulator.service.simulator import Simulator


class _Protocol(HttpToolsProtocol):
    """Uvicorn's HTTP protocol that also passes the connection to the application, for faults that break it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        # uvicorn logs each call, with its key, once the process has set up any log, whatever its configuration says
        self.access_log = False
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)


@contextmanager
def serve(simulator: Simulator, port: int = 0, host: str = "127.0.0.1") -> Iterator[str]:
    """Serve a simulator over HTTP and yield its base URL, such as `http://127.0.0.1:8080`.

    Args:
        simulator: The simulator to serve.
        port: TCP port; 0 picks a free one.
        host: Address to listen on.

    Raises:
        OSError: the port is taken.
    """
    listener = socket.create_server((host, port), backlog=2048, reuse_port=False)
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(simulator),
            http=_Protocol,
            loop="uvloop",
            ws="none",
            lifespan="off",
            access_log=False,
            proxy_headers=False,
            log_config=None,
            log_level="critical",
            # The application sends the service's headers instead.
            server_header=False,
            date_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=1,
        )
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="simulator", daemon=True)
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise RuntimeError("the simulator did not start")
            time.sleep(0.005)
        simulator.origin = f"http://{host}:{listener.getsockname()[1]}"
        yield simulator.origin
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()
