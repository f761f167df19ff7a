"""Numbers in metadata: those that every client and database keeps, and no others."""

import json

import pytest

from jobs.models import Job
from tests.jobs.test_api_submit import submit

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("number", [1e308, -1e308, 2**53, -(2**53), 10**300, 1e-308], ids="{:.2g}".format)
@pytest.mark.parametrize(
    "inside", [lambda number: number, lambda number: [{"b": number}]], ids=["top", "deep"]
)
def test_numbers_that_are_not_kept_exactly_are_refused(client, owner, number, inside):
    answer = submit(client, owner.headers, metadata={"a": inside(number)})

    assert answer.status_code == 422
    [field] = answer.json()["fields"]
    assert (field["field"], field["code"]) == ("metadata", "out_of_range")
    assert "send others as text" in field["message"]
    assert not Job.objects.exists()


def test_numbers_up_to_the_bounds_come_back(client, owner):
    numbers = [0, 0.0, -1, 2**53 - 1, -(2**53 - 1), 3.14, 1e-15, 1e15, True, False]
    answer = submit(client, owner.headers, metadata={"a": numbers})

    kept = Job.objects.get(pk=answer.json()["id"]).metadata["a"]
    assert json.dumps(kept) == json.dumps(numbers)
