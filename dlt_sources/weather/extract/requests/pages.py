"""Pages of a timeline: which are asked for, which of their rows count, and what is asked again. Pure functions.

Every page is a billed call. So a page begins at the first step that is missing and covers as many as an answer has
rows: no choice of pages needs fewer calls.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from dlt_sources.weather.extract.requests.steps import Steps

Span = tuple[int, int]
# answers in a row that bring nothing, each asked by another start
MOST_TRIES = 1


@dataclass(frozen=True, slots=True)
class Page:
    """Steps that one answer is to bring.

    Attributes:
        first: number of the first step.
        last: number of the last step.
        loaded: steps in between that are loaded already, ascending: nothing is missing if an answer lacks them, and
            their rows are left out unless they are renewed.
        renewed: ``dt`` of loaded rows that the answer's may replace, Unix seconds.
        optional: steps whose rows count if the answer has them.
        shift: steps by which another ``start`` is asked for, since answers begin elsewhere than at it.
        tries: number of answers that brought nothing since the last that did.
    """

    first: int
    last: int
    loaded: tuple[int, ...] = ()
    renewed: tuple[int, ...] = ()
    optional: tuple[int, ...] = ()
    shift: int = 0
    tries: int = 0

    @property
    def missing(self) -> list[int]:
        """The steps that the answer must bring."""
        others = {*self.loaded, *self.optional}
        return [step for step in range(self.first, self.last + 1) if step not in others]


class PageRows(NamedTuple):
    """The rows of an answer, as its page needs them.

    Attributes:
        kept: records of the page; those that are no object or have no readable ``dt`` too, for the contract to reject.
        still_missing: steps of the page that no record has.
        again: the page that asks for them; None if none is missing, or if asking again brings nothing.
        begins: steps from the page's first to the first record's; None if no record belongs to a step.
        rows: number of records in the answer.
        are_as_asked: whether they are those of the page, one a step, in order.
    """

    kept: list[Any]
    still_missing: list[int]
    again: Page | None
    begins: int | None
    rows: int
    are_as_asked: bool = False

    @property
    def is_fruitless(self) -> bool:
        """Whether steps are missing and are not asked for again."""
        return bool(self.still_missing) and self.again is None


def page_starts(first: int, last: int, loaded: Sequence[Span], size: int) -> Iterator[int]:
    """Yield the first step of each page that is needed for the missing steps of a range.

    Args:
        first: first step of the range.
        last: last step of the range.
        loaded: first and last step of each run of loaded steps, ascending.
        size: steps of a page.
    """
    position = first
    for span_first, span_last in (*loaded, (last + 1, last + 1)):
        while position < span_first and position <= last:
            yield position
            position += size
        position = max(position, span_last + 1)


def count_pages(first: int, last: int, loaded: Sequence[Span], size: int) -> int:
    """Return the number of pages that ``page_starts`` yields, by arithmetic."""
    position, number = first, 0
    for span_first, span_last in (*loaded, (last + 1, last + 1)):
        missing = min(span_first, last + 1) - position
        if missing > 0:
            pages = -(-missing // size)
            number += pages
            position += pages * size
        position = max(position, span_last + 1)
    return number


def missing_pages(first: int, last: int, loaded: Sequence[Span], size: int) -> Iterator[Page]:
    """Yield the fewest pages that cover the missing steps of a range, see ``page_starts``; no step is in two."""
    for start in page_starts(first, last, loaded, size):
        end = min(start + size - 1, last)
        inside = list(_loaded_within(start, end, loaded))
        while inside and inside[-1] == end:
            inside.pop()
            end -= 1
        yield Page(start, end, tuple(inside))


def _loaded_within(first: int, last: int, loaded: Sequence[Span]) -> Iterator[int]:
    """Yield the loaded steps of a range."""
    for position in range(bisect_left(loaded, first, key=lambda span: span[1]), len(loaded)):
        span_first, span_last = loaded[position]
        if span_first > last:
            return
        yield from range(max(span_first, first), min(span_last, last) + 1)


def rows_of(page: Page, steps: Steps, records: list[Any]) -> PageRows:
    """Sort the records of an answer.

    UNCONFIRMED: which rows an answer has. Rows outside the page, which another page brings, are neither kept nor
    counted; steps of the page that no row has are asked for again. So each step comes once, wherever answers begin and
    however many rows they have.

    Args:
        page: the page that was asked for.
        steps: the steps of the timeline at the location.
        records: the rows of the answer.
    """
    if not page.loaded and not page.optional and _are_as_asked(page, steps, records):
        return PageRows(records, [], None, 0, len(records), are_as_asked=True)
    moments = [record.get("dt") if isinstance(record, dict) else None for record in records]
    numbers = _numbers(steps, moments)
    begins = min((number for number in numbers if number is not None), default=None)
    offset = None if begins is None else begins - page.first
    missing = dict.fromkeys(page.missing)
    counted, renewed = {*missing, *page.optional}, set(page.renewed)
    kept: list[Any] = []
    found: dict[int, object] = {}
    for record, moment, number in zip(records, moments, numbers, strict=True):
        if number is None:
            is_kept = not _is_moment(moment)
        else:
            # a step of which an answer has two rows with different dt counts once; the same dt twice is rejected later
            is_kept = (number in counted or moment in renewed) and found.setdefault(number, moment) == moment
        if is_kept:
            kept.append(record)
    still_missing = [step for step in missing if step not in found]
    again = _asked_again(page, still_missing, offset, steps.page, is_progress=len(still_missing) < len(missing))
    return PageRows(kept, still_missing, again, offset, len(records))


def _are_as_asked(page: Page, steps: Steps, records: list[Any]) -> bool:
    """Return whether the records are those of the page, one a step, in order: as nearly all are, in years of pages."""
    try:
        moments = [record["dt"] for record in records]
    except (KeyError, TypeError):
        return False
    if steps.is_exact:
        return moments == list(range(page.first * steps.seconds, (page.last + 1) * steps.seconds, steps.seconds))
    return _numbers(steps, moments) == list(range(page.first, page.last + 1))


def _numbers(steps: Steps, moments: list[Any]) -> list[int | None]:
    if all(type(moment) is int for moment in moments):
        return steps.numbers(moments)
    return [steps.number(moment) if _is_moment(moment) else None for moment in moments]


def _is_moment(moment: object) -> bool:
    # an epoch that is far off would be no number of a step either
    return isinstance(moment, int | float) and not isinstance(moment, bool) and abs(moment) < 1e12


def _asked_again(
    page: Page, still_missing: list[int], begins: int | None, size: int, *, is_progress: bool
) -> Page | None:
    """Return the page that asks for the steps that an answer did not bring; None if it would not bring them either.

    An answer that begins after the page may have been asked by the wrong start. One that begins at or before it, and
    brings nothing, shows that the series lacks the steps.
    """
    if not still_missing or begins is None:
        return None
    if not is_progress and (begins <= 0 or page.tries >= MOST_TRIES):
        return None
    first, last = still_missing[0], still_missing[-1]
    lacking = set(still_missing)
    loaded = tuple(step for step in range(first, last) if step not in lacking)
    # a single row from long before the page says nothing of where answers begin
    shift = page.shift - begins if begins > -size else page.shift
    return Page(first, last, loaded, shift=shift, tries=0 if is_progress else page.tries + 1)


def following_page(page: Page, last: int, size: int) -> Page | None:
    """Return the page after another, up to the last step of a range; None after the last.

    Args:
        page: the page before.
        last: last step of the range.
        size: steps of a page.
    """
    first = page.last + 1
    return Page(first, min(first + size - 1, last)) if first <= last else None


def newest_pages(newest: int, last: int, size: int) -> Page | None:
    """Return the first of the pages that lead from the newest loaded step to the last step, with which they end.

    It begins at loaded steps if the number of missing ones is no multiple of a page, so that they are renewed for
    nothing.

    Args:
        newest: the newest loaded step.
        last: last step of the range.
        size: steps of a page.
    """
    if newest >= last:
        return None
    pages = -(-(last - newest) // size)
    first = last - pages * size + 1
    return Page(first, first + size - 1, tuple(range(first, newest + 1)))
