"""Sources of alerts as plain values: finished runs with their problems, and when each asset was last loaded.

Imports ``alerts.state``, ``checks``, ``assets`` and ``common``.
"""
