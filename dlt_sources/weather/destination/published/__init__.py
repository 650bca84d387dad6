"""Additions to the tables for those who read them with SQL: comments on tables and columns, and views.

Imports ``contracts`` and ``common`` only, like all of ``destination``. Written after a load, and only where the
database differs from what is described here.
"""
