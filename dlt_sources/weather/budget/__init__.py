"""The budget of calls: a ledger that all writers of a dataset share, by product and purpose, minute, day and month.

May import ``api``, ``destination`` and everything below.
"""
