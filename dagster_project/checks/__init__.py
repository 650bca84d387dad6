"""Asset checks of the bronze tables, their queries and watermarks.

Imports ``assets`` and everything below it.
"""
