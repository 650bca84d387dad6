"""Pages of a timeline: the fewest, each step once, whatever answers look like."""

from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlt_sources.weather.extract.requests.pages import (
    Page,
    count_pages,
    following_page,
    missing_pages,
    newest_pages,
    rows_of,
)
from dlt_sources.weather.extract.requests.steps import DAY_SECONDS, Steps, steps_at

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
HOURS = steps_at(0.0, HOUR, 20, is_exact=True)
SIZES = st.sampled_from([1, 3, 10, 20])
STEPS = st.sets(st.integers(0, 120), max_size=60)
# offsets of clocks from UTC that are in use
OFFSETS = [quarter * 900 for quarter in range(-12 * 4, 14 * 4 + 1)]


def spans(steps):
    """The first and last step of each run of steps."""
    found = []
    for step in sorted(steps):
        if found and found[-1][1] == step - 1:
            found[-1] = (found[-1][0], step)
        else:
            found.append((step, step))
    return found


def days_at(longitude):
    return steps_at(longitude, DAY, 10, is_exact=True)


def rows(*steps):
    return [{"dt": step * 3600} for step in steps]


@given(first=st.integers(0, 50), hours=st.integers(0, 100), size=SIZES)
def test_a_range_never_asked_needs_no_more_calls_than_its_steps_by_the_size_of_a_page(first, hours, size):
    last = first + hours - 1
    assert count_pages(first, last, [], size) == -(-hours // size) == len(list(missing_pages(first, last, [], size)))


@given(first=st.integers(0, 60), length=st.integers(0, 60), loaded=STEPS, size=SIZES)
def test_pages_bring_every_missing_step_once_and_there_are_no_fewer_that_would(first, length, loaded, size):
    last = first + length - 1
    missing = set(range(first, last + 1)) - loaded
    pages = list(missing_pages(first, last, spans(loaded), size))
    assert len(pages) == count_pages(first, last, spans(loaded), size)
    assert sorted(step for page in pages for step in page.missing) == sorted(missing)
    assert all(page.first in missing and page.last in missing for page in pages)
    assert all(page.last - page.first < size for page in pages)
    assert all(earlier.last < later.first for earlier, later in pairwise(pages))
    # the first steps of the pages are a page or more apart: no page could bring two of them
    assert all(later.first - earlier.first >= size for earlier, later in pairwise(pages))


@given(newest=st.integers(0, 200), ahead=st.integers(0, 100), size=SIZES)
def test_pages_of_new_steps_are_the_fewest_and_end_with_the_last(newest, ahead, size):
    last = newest + ahead
    page, pages = newest_pages(newest, last, size), []
    while page is not None:
        pages.append(page)
        page = following_page(page, last, size)
    assert len(pages) == -(-ahead // size)
    assert [step for page in pages for step in page.missing] == list(range(newest + 1, last + 1))
    assert all(page.last - page.first == size - 1 for page in pages)
    if pages:
        assert pages[-1].last == last


@given(longitude=st.floats(-180, 180), date=st.integers(3287, 30_000), nearest=st.sampled_from(OFFSETS))
def test_days_of_a_place_follow_each_other_over_a_change_of_its_clock(longitude, date, nearest):
    ahead_of_sun = (nearest - longitude * 240 + DAY_SECONDS / 2) % DAY_SECONDS - DAY_SECONDS / 2
    steps = days_at(longitude)
    noons = [
        round((date + n) * DAY_SECONDS + DAY_SECONDS / 2 - longitude * 240 - ahead_of_sun) - (3600 if n > 3 else 0)
        for n in range(8)
    ]
    if -2 * 3600 <= ahead_of_sun <= 5 * 3600:
        assert steps.numbers(noons) == list(range(date, date + 8))


@pytest.mark.parametrize(
    ("longitude", "offset"),
    [
        (-3.7, 1),
        (-3.7, 2),
        (139.7, 9),
        (75.9, 8),  # Kashgar, 3 hours ahead of the sun
        (174.8, 13),
        (-176.2, 12.75),  # Chatham: its date is a day ahead of the sun's
        (-157.4, 14),
        (31.1, 1),  # Vardø, an hour behind the sun
        (106.8, 5),  # Vostok
        (179.99, 12),
        (-180.0, -12),
        (180.0, 12),
    ],
)
def test_the_start_of_a_day_lies_between_its_noon_and_its_midnight_by_the_clock(longitude, offset):
    steps = days_at(longitude)
    for date in (3287, 19_723):
        noon = date * DAY_SECONDS + 12 * 3600 - offset * 3600
        number = steps.number(noon)
        assert noon <= steps.start_of(number) < noon + 12 * 3600
        day = datetime.fromtimestamp(noon, timezone.utc)
        assert steps.newest_complete(day + timedelta(hours=17)) == number
        assert steps.newest_complete(day + timedelta(hours=11, minutes=50)) == number - 1


def test_the_first_day_of_the_timeline_is_the_first_whose_noon_it_has():
    begins = datetime(1979, 1, 1, tzinfo=timezone.utc)
    first = 3287
    assert [days_at(longitude).earliest(begins) - first for longitude in (-180, 0, 139.7, 151.2, 174.8)] == [
        0, 0, 0, 0, 1
    ]  # fmt: skip
    assert HOURS.earliest(begins) == begins.timestamp() // 3600


def test_rows_that_are_as_asked_are_all_kept():
    records = rows(*range(100, 120))
    found = rows_of(Page(100, 119), HOURS, records)
    assert found.kept is records
    assert (found.still_missing, found.again, found.begins) == ([], None, 0)


def test_rows_outside_the_page_are_left_out_and_what_is_missing_is_asked_from_its_first_step():
    found = rows_of(Page(100, 119), HOURS, rows(*range(97, 117)))
    assert found.kept == rows(*range(100, 117))
    assert found.again == Page(117, 119, shift=3)
    assert found.begins == -3
    assert rows_of(found.again, HOURS, rows(*range(117, 137))).again is None


def test_an_answer_that_begins_later_is_asked_by_an_earlier_start_once():
    found = rows_of(Page(100, 119), HOURS, rows(*range(102, 122)))
    assert found.kept == rows(*range(102, 120))
    assert found.again == Page(100, 101, shift=-2)
    assert rows_of(found.again, HOURS, rows(*range(100, 120))).kept == rows(100, 101)


def test_steps_that_the_series_lacks_are_given_up_when_an_answer_passes_over_them():
    found = rows_of(Page(100, 119), HOURS, rows(*range(102, 122)))
    assert rows_of(found.again, HOURS, rows(98, 99, *range(102, 120))).is_fruitless
    later = rows_of(found.again, HOURS, rows(*range(102, 122)))
    assert rows_of(later.again, HOURS, rows(*range(102, 122))).is_fruitless


def test_steps_that_are_loaded_are_left_out_unless_they_may_be_renewed():
    page = Page(100, 103, loaded=(101, 102), renewed=(102 * 3600,))
    found = rows_of(page, HOURS, rows(100, 101, 102, 103))
    assert found.kept == rows(100, 102, 103)
    assert not found.still_missing


def test_an_answer_without_loaded_steps_lacks_nothing():
    assert not rows_of(Page(100, 103, loaded=(101, 102)), HOURS, rows(100, 103)).still_missing


def test_a_loaded_day_is_renewed_only_by_a_row_of_the_same_moment():
    steps = days_at(-3.7)
    noon = 19_800 * DAY_SECONDS + 11 * 3600
    page = Page(19_800, 19_801, loaded=(19_800,), renewed=(noon,))
    records = [{"dt": noon - 3600}, {"dt": noon - 3600 + DAY_SECONDS}]
    assert rows_of(page, steps, records).kept == records[1:], "an answer by another clock would double the day"


def test_records_that_are_no_row_stay_for_the_contract_to_reject():
    records = [None, {"dt": "x"}, {"dt": True}, {}, *rows(100)]
    found = rows_of(Page(100, 100), HOURS, records)
    assert found.kept == records
    assert not found.still_missing


def test_rows_off_the_hour_fill_no_hour():
    found = rows_of(Page(100, 101), HOURS, [{"dt": 100 * 3600 + 1}, {"dt": 101 * 3600 + 1}])
    assert found.kept == []
    assert found.is_fruitless


@given(
    first=st.integers(-30, 160),
    answers=st.lists(st.sets(st.integers(90, 130), max_size=25), min_size=60, max_size=60),
)
def test_asking_again_ends_and_brings_each_step_once_whatever_answers_are(first, answers):
    page, kept, calls = Page(100, 119), [], 0
    for answer in answers:
        found = rows_of(page, HOURS, rows(*sorted(answer, key=lambda step: step != first)))
        kept += [record["dt"] // 3600 for record in found.kept]
        calls += 1
        if found.again is None:
            break
        assert len(found.again.missing) <= len(page.missing)
        page = found.again
    assert calls <= 42
    assert len(kept) == len(set(kept))
    assert set(kept) | set(found.still_missing) == set(range(100, 120))
    assert set(kept).isdisjoint(found.still_missing)


def test_steps_of_minutes_are_taken_wherever_a_row_stands_in_them():
    minutes = steps_at(10.0, timedelta(minutes=1), 60, is_exact=False)
    assert isinstance(minutes, Steps)
    assert minutes.numbers([60, 61, 119, 120]) == [1, 1, 1, 2]
