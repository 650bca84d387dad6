"""Journal of answers that cannot be asked for again or cost money: kept before they count as arrived, for a kill.

Imports ``locations``, ``api`` and the layers below them; knows nothing of rows, packages or the destination.
"""

from dlt_sources.weather.journal.journal import Journal, journal_files
from dlt_sources.weather.journal.reading import JournalCondition, condition_of, entries_of
from dlt_sources.weather.journal.results import Entry

__all__ = ["Entry", "Journal", "JournalCondition", "condition_of", "entries_of", "journal_files"]
