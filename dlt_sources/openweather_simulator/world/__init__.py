"""The weather itself, by arithmetic alone: atmosphere, air, sun, cities.

Imports nothing outside this folder.
"""
