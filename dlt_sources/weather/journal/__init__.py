"""Journal of the answers that cannot be asked for again: written before they count as arrived, read after a kill.

Imports ``locations``, ``api`` and the layers below them; knows nothing of rows, packages or the destination.
"""

from dlt_sources.weather.journal.journal import Journal, journal_files
from dlt_sources.weather.journal.reading import JournalCondition, condition_of, entries_of
from dlt_sources.weather.journal.results import Entry

__all__ = ["Entry", "Journal", "JournalCondition", "condition_of", "entries_of", "journal_files"]
