"""Heartbeat to a service that alerts when none comes: the judgement by the tables (``beat``), and the request.

May import what ``status`` may.
"""
