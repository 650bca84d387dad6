"""JSON records to Arrow tables that keep a contract.

Imports ``contracts`` and ``common`` only; makes no call and opens no connection.
"""
