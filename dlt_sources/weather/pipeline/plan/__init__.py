"""The calls and the money of loads, by schedule and by backfill, without a call.

Imports ``extract`` and the layers below it.
"""

from dlt_sources.weather.pipeline.plan.calls import Plan, Step, plan, plan_of_new

__all__ = ["Plan", "Step", "plan", "plan_of_new"]
