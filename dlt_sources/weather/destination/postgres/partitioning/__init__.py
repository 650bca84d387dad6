"""Creation of partitioned tables and of months ahead, and the conversion of plain tables.

May import what ``destination`` may; ``postgres.partitions`` reads and drops partitions.
"""
