"""Events that alerts are made of: finished runs, failed checks, stale assets.

Imports ``alerts.state``, ``assets`` and ``common``.
"""
