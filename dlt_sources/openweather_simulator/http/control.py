"""Control calls under `/_simulator`, for use from another process. They are never counted."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dlt_sources.openweather_simulator.service.faults import fault_from_json
from dlt_sources.openweather_simulator.service.options import set_options
from dlt_sources.openweather_simulator.service.simulator import Simulator

CONTROL = "/_simulator/"


def control_routes(simulator: Simulator) -> list[Route]:
    """Return the routes that read the statistics and set faults, clock and options of a simulator."""

    async def stats(_request: Request) -> Response:
        return JSONResponse(simulator.stats.as_dict())

    async def add_fault(request: Request) -> Response:
        try:
            simulator.inject(fault_from_json(await request.json()))
        except (TypeError, ValueError, AttributeError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        return Response(status_code=204)

    async def clear_faults(_request: Request) -> Response:
        simulator.clear_faults()
        return Response(status_code=204)

    async def clock(request: Request) -> Response:
        try:
            wanted = await request.json()
            now = wanted.get("now")
            simulator.set_clock(now=None if now is None else float(now), offset=float(wanted.get("offset", 0.0)))
        except (TypeError, ValueError, AttributeError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        return JSONResponse({"now": simulator.now()})

    async def options(request: Request) -> Response:
        try:
            set_options(simulator, await request.json())
        except (TypeError, ValueError, AttributeError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        return Response(status_code=204)

    async def reset(_request: Request) -> Response:
        simulator.reset()
        return Response(status_code=204)

    return [
        Route(f"{CONTROL}stats", stats, methods=["GET"]),
        Route(f"{CONTROL}faults", add_fault, methods=["POST"]),
        Route(f"{CONTROL}faults", clear_faults, methods=["DELETE"]),
        Route(f"{CONTROL}clock", clock, methods=["POST"]),
        Route(f"{CONTROL}options", options, methods=["POST"]),
        Route(f"{CONTROL}reset", reset, methods=["POST"]),
    ]
