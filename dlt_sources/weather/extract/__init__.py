"""The dlt source: requests to rows, with the run's state and its counts.

Imports ``journal``, ``locations``, ``convert``, ``api``, ``destination`` and the layers below them; loads nothing.
"""
