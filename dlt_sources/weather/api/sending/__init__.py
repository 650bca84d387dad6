"""Sending of requests until each has a result: retries, waits, and the cause of a refused key.

Imports other modules of ``api``, but for the client, and the layers below.
"""
