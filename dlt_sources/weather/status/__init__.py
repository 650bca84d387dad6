"""State of the bronze tables, read from the tables alone: what there is, what is late, and why.

May import ``extract``, ``locations``, ``api`` and everything below.
"""
