"""A run, from the writer lock to the report: load, replay, plan, recovery of interrupted runs, demo.

Imports ``extract`` and everything below it; only ``cli`` and an orchestrator import this folder.
"""
