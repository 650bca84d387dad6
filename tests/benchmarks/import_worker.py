"""Import what the arguments name, and end: what a process costs before it does anything."""

from __future__ import annotations

import importlib
import sys

for name in sys.argv[1:]:
    importlib.import_module(name)
