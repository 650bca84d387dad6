"""The simulator over HTTP: application, control calls, server.

Imports ``service``.
"""
