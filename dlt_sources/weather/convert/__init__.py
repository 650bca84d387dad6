"""Conversion of JSON records to Arrow tables that keep a contract, and to dlt items.

May import ``contracts`` and ``common``. Makes no call and opens no connection.
"""
