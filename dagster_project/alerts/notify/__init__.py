"""Delivery of messages to channels, and the asset check that shows whether channels work.

Imports ``alerts.state``, ``alerts.settings``, ``assets`` and ``common``.
"""
