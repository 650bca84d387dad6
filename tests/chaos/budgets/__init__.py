"""Budgets of calls and money over days: all processes on a clock that goes faster than the machine's.

Imports the product, ``tests.helpers`` and ``tests.chaos.rounds``.
"""
