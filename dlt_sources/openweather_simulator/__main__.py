"""`python -m dlt_sources.openweather_simulator`: the simulator as a separate process."""

from __future__ import annotations

import signal
import threading

import click

from dlt_sources.openweather_simulator.http.server import serve
from dlt_sources.openweather_simulator.service.endpoints import PLANS, Plan
from dlt_sources.openweather_simulator.service.simulator import Simulator


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, help="TCP port; 0 picks a free one.")
@click.option("--calls-per-minute", type=click.IntRange(min=1), help="Answer 429 above this many; no limit if absent.")
@click.option("--latency-ms", type=click.FloatRange(min=0), default=0, show_default=True, help="Delay of every answer.")
@click.option("--plan", type=click.Choice(PLANS), default="free", show_default=True, help="Plan of every key.")
@click.option(
    "--cache-mb",
    type=click.IntRange(min=1),
    default=32,
    show_default=True,
    help="Memory for answers that are asked again; 512 holds 43,800 pages of One Call 4.0.",
)
@click.option("--one-call", is_flag=True, help="Subscribe every key to One Call.")
@click.option(
    "--one-call-version",
    type=click.Choice(["3", "4"]),
    default="3",
    show_default=True,
    help="Version that the subscription is for; the other one answers 401.",
)
@click.option("--key", "keys", multiple=True, help="A valid API key; repeatable. Without it any 32 hex digits are.")
def main(
    *,
    host: str,
    port: int,
    calls_per_minute: int | None,
    latency_ms: float,
    plan: Plan,
    cache_mb: int,
    one_call: bool,
    one_call_version: str,
    keys: tuple[str, ...],
) -> None:
    """Answer as the OpenWeather API does, with computed weather and without network access.

    Prints one line when it is ready and runs until Ctrl-C or SIGTERM. Faults, the clock, options and the
    statistics are under /_simulator of the same address.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    simulator = Simulator(
        keys=frozenset(keys) or None,
        one_call_keys="all" if one_call else frozenset(),
        one_call_version=4 if one_call_version == "4" else 3,
        plan=plan,
        calls_per_minute=calls_per_minute,
        latency=latency_ms / 1000,
        cache_bytes=cache_mb * 1_000_000,
    )
    try:
        with serve(simulator, port=port, host=host) as url:
            click.echo(f"OpenWeather simulator on {url}")
            stop.wait()
    except OSError as error:
        raise click.ClickException(f"cannot listen on {host}:{port}: {error.strerror}") from error


if __name__ == "__main__":
    main()
