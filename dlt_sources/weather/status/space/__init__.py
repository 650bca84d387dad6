"""Space on disk: what it is (``model``), and how it is read (``reading``).

May import what ``status`` may.
"""
