"""What a destination can do, by what dlt says of it: merging, formats, reading; the packages that it needs.

Imports ``contracts`` and ``common`` only.
"""
