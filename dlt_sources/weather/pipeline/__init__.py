"""A run from lock to summary: load, replay, plan, recovery of interrupted runs.

Imports ``extract`` and everything below it; only ``cli`` and an orchestrator import it.
"""
