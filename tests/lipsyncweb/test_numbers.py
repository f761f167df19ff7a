"""Reading the numbers that addresses carry."""

import pytest

from lipsyncweb.http.numbers import row_number


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("17", 17), ("9" * 18, 10**18 - 1)])
def test_number_is_read(text, number):
    assert row_number(text) == number


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", "1.0", " 1", "1_000", "²", "٣", "one", "9" * 19, "9" * 5000]
)
def test_what_is_none_is_none(text):
    assert row_number(text) is None
