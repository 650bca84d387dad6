"""Rounds: their target and clock, the answers that were sent, the accounts at the end, the findings.

Imports the product, ``tests.helpers`` and ``tests.benchmarks``, no scenario.
"""
