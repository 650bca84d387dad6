"""The dlt source: requests to rows, with the run's state and its counts.

Imports ``locations``, ``convert``, ``api``, ``destination`` and everything below them; loads nothing.
"""
