"""HTTPS in front of the simulator, which speaks HTTP only: loads send their key in clear to nobody but themselves."""

import asyncio
import ssl
from contextlib import suppress


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass bytes on until the one side ends, then end the other."""
    with suppress(OSError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    writer.close()


async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Join a client with the simulator in this pod."""
    to_simulator = await asyncio.open_connection("127.0.0.1", 8080)
    await asyncio.gather(copy(reader, to_simulator[1]), copy(to_simulator[0], writer))


async def main() -> None:
    """Serve until the pod ends."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain("/tls/tls.crt", "/tls/tls.key")
    server = await asyncio.start_server(connect, "0.0.0.0", 8443, ssl=context)  # noqa: S104 - a pod's only address
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
