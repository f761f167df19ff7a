"""Stacked bars as numbers."""

from datetime import date, timedelta

import pytest

from accounts import charts

FIRST = date(2026, 3, 1)


def stacked(values, *, days=3, **options):
    labels = {what: f"<{what}>" for _day, what, _value in values}
    numbered = ((FIRST + timedelta(days=day), what, value) for day, what, value in values)
    last = FIRST + timedelta(days=days - 1)
    return charts.stacked(numbered, first=FIRST, last=last, labels=labels, others="others", **options)


def test_each_day_has_a_bar_of_its_sum():
    chart = stacked([(0, "a", 10), (0, "b", 30), (2, "a", 5)])
    assert [bar.total for bar in chart.bars] == [40, 0, 5]
    assert (chart.total, chart.highest.day, chart.top, chart.half) == (45, FIRST, 40, 20)
    assert [bar.x for bar in chart.bars] == [12, 112, 212]
    assert chart.width == 300


def test_pieces_stand_on_each_other_from_the_bottom_and_end_at_the_sum():
    (bar,) = stacked([(0, "a", 1), (0, "b", 1), (0, "c", 1)], days=1).bars
    lower, middle, upper = bar.pieces
    assert lower.y + lower.height == charts.HEIGHT
    assert middle.y + middle.height == lower.y
    assert upper.y + upper.height == middle.y
    assert upper.y == charts.HEIGHT - round(charts.HEIGHT * 3 / 4)


def test_little_beside_much_is_still_drawn():
    (bar,) = stacked([(0, "much", 10**9), (0, "little", 1)], days=1).bars
    assert [piece.height >= 1 for piece in bar.pieces] == [True, True]


def test_largest_series_come_first_and_the_rest_is_one():
    values = [(0, f"k{number}", number) for number in range(1, 10)] + [(1, "k1", 1)]
    chart = stacked(values, most=2)
    assert [(each.label, each.total, each.colour) for each in chart.series] == [
        ("<k9>", 9, "chart__s1"),
        ("<k8>", 8, "chart__s2"),
        ("others", 1 + 2 + 3 + 4 + 5 + 6 + 7 + 1, "chart__rest"),
    ]
    assert chart.total == 46


def test_two_of_one_name_are_two_series():
    values = [(FIRST, 1, 5), (FIRST, 2, 3)]
    chart = charts.stacked(values, first=FIRST, last=FIRST, labels={1: "x", 2: "x"}, others="others")
    assert [each.total for each in chart.series] == [5, 3]


def test_table_tells_the_same_and_leaves_empty_days_out():
    chart = stacked([(0, "a", 10), (2, "b", 5)])
    assert chart.table == [(FIRST, [10, 0], 10), (FIRST + timedelta(days=2), [0, 5], 5)]


def test_nothing_is_a_chart_without_bars():
    chart = stacked([], days=90)
    assert (chart.total, len(chart.bars), chart.series, chart.table) == (0, 90, [], [])


@pytest.mark.parametrize(
    ("value", "top"),
    [(0, 2), (1, 2), (3, 4), (5, 6), (7, 10), (11, 20), (100, 100), (61, 100), (10**9 + 1, 2 * 10**9)],
)
def test_scale_ends_at_a_round_even_number_that_is_not_below(value, top):
    assert charts.round_up(value) == top
