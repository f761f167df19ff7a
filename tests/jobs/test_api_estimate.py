"""POST /api/v1/<model>/estimate: the price before anything is spent."""

import json
from dataclasses import replace

import pytest

from accounts import audit, keys, ledger
from jobs.models import Job
from tests.jobs.test_models import HERE, LEAST, upload

pytestmark = pytest.mark.django_db


def estimate(client, character, model, state, **top):
    return client.post(
        f"/api/v1/{model}/estimate",
        json.dumps({"formState": state, **top}),
        content_type="application/json",
        headers=character.headers,
    )


def submit(client, character, state, **top):
    return client.post(
        "/api/v1/lipsync-image",
        json.dumps({"formState": state, **top}),
        content_type="application/json",
        headers=character.headers,
    )


@pytest.mark.parametrize("model", LEAST)
def test_unknown_lengths_give_the_least_price(client, owner, model):
    answer = estimate(client, owner, model, {**LEAST[model], "resolution": "720p"})
    assert answer.json() == {
        "model": model,
        "credits": 20,
        "billedSeconds": 5,
        "exact": False,
        "outputSeconds": None,
        "trimmedSeconds": None,
        "extendedSeconds": None,
        "available": 1000,
        "enough": True,
    }


@pytest.mark.parametrize(
    ("video", "trimmed", "extended"), [(32.5, 12.5, 0.0), (8, 0.0, 12.0), (None, 0.0, 0.0)]
)
def test_lengths_that_the_caller_knows_make_it_exact(client, owner, video, trimmed, extended):
    seconds = {"audio": 20.0, "video": video}
    found = estimate(client, owner, "lipsync-video", LEAST["lipsync-video"], seconds=seconds).json()
    assert (found["credits"], found["billedSeconds"], found["exact"]) == (40, 20, True)
    assert (found["outputSeconds"], found["trimmedSeconds"], found["extendedSeconds"]) == (
        20.0,
        trimmed,
        extended,
    )


def test_lengths_of_uploads_are_known_better_than_the_caller_says(client, owner):
    state = {"video": upload(owner, "video", 8.0), "audio": upload(owner, "audio", 20.0)}
    found = estimate(client, owner, "lipsync-video", state, seconds={"audio": 6}).json()
    assert (found["credits"], found["extendedSeconds"], found["exact"]) == (40, 12.0, True)


def test_it_is_what_the_submit_then_reserves(client, owner):
    state = {"image": f"{HERE}/face.png", "audio": upload(owner, "audio", 7.2), "resolution": "720p"}
    body = {"formState": state, "reference": "a", "metadata": {"b": 1}, "webhook": "https://example.com/"}
    found = estimate(client, owner, "lipsync-image", state=body.pop("formState"), **body).json()
    assert not Job.objects.exists()
    assert ledger.balances(owner.team).api.reserved == 0
    submit(client, owner, state, **body)
    assert Job.objects.get().reserved == found["credits"] == 32


def test_too_few_credits_are_said_and_no_error(client, owner):
    found = estimate(client, owner, "lipsync-image", LEAST["lipsync-image"], seconds={"audio": 599}).json()
    assert (found["credits"], found["available"], found["enough"]) == (1198, 1000, False)


@pytest.mark.parametrize(
    ("seconds", "field", "code", "part"),
    [
        ([], "seconds", "wrong_type", "object"),
        ({"audio": "5"}, "seconds.audio", "wrong_type", "number"),
        ({"audio": True}, "seconds.audio", "wrong_type", "number"),
        ({"audio": 0}, "seconds.audio", "out_of_range", "more than 0"),
        ({"audio": -1.5}, "seconds.audio", "out_of_range", "more than 0"),
        ({"audio": 86_401}, "seconds.audio", "out_of_range", "86400"),
        ({"audoi": 5}, "seconds.audoi", "unknown_field", "did you mean audio?"),
        ({"image": 5}, "seconds.image", "unknown_field", "audio"),
        ({"audio": 600.001}, "formState.audio", "too_long", "600"),
    ],
)
def test_refuses_lengths_that_do_not_fit(client, owner, seconds, field, code, part):
    answer = estimate(client, owner, "lipsync-image", LEAST["lipsync-image"], seconds=seconds)
    assert answer.status_code == 422
    [problem] = answer.json()["fields"]
    assert (problem["field"], problem["code"]) == (field, code)
    assert part in problem["message"]


def test_it_is_refused_where_the_submit_would_be(client, owner, stranger):
    theirs = {"image": f"{HERE}/face.png", "audio": upload(stranger, "audio", 7.2)}
    answer = estimate(client, owner, "lipsync-image", theirs)
    assert (answer.status_code, answer.json()["fields"][0]["code"]) == (422, "upload_not_found")
    assert estimate(client, owner, "lipsync-image", {"image": "x"}).status_code == 422
    assert estimate(client, owner, "lipsync-image", {}, wait=True).json()["fields"][0]["field"] == "wait"


@pytest.mark.parametrize(
    ("top", "field"),
    [
        ({"webhook": 5}, "webhook"),
        ({"webhook": "http://10.0.0.1/hook"}, "webhook"),
        ({"webhook": "ftp://example.com/"}, "webhook"),
        ({"provider": ["embedded"]}, "provider"),
        ({"provider": "nobody"}, "provider"),
        ({"reference": 7}, "reference"),
        ({"reference": "x" * 201}, "reference"),
        ({"reference": "a\nb"}, "reference"),
        ({"metadata": []}, "metadata"),
        ({"metadata": {"a": [[[[[1]]]]]}}, "metadata"),
        ({"metadata": {str(number): number for number in range(17)}}, "metadata"),
        ({"webhok": "https://example.com/"}, "webhok"),
    ],
)
def test_the_top_level_is_refused_alike(client, owner, top, field):
    state = LEAST["lipsync-image"]
    answer = estimate(client, owner, "lipsync-image", state, **top)
    submitted = submit(client, owner, state, **top)
    assert (answer.status_code, answer.json()) == (422, submitted.json())
    assert [problem["field"] for problem in answer.json()["fields"]] == [field]
    assert not Job.objects.exists()


def test_with_a_test_key_it_is_free_and_its_words_are_checked(client, owner):
    _key, secret = keys.issue(
        team=owner.team, created_by=owner.user, is_test=True, actor=None, who=audit.UNRECORDED
    )
    tester = replace(owner, secret=secret)
    state = {**LEAST["lipsync-image"], "prompt": "test:slow"}
    found = estimate(client, tester, "lipsync-image", state, seconds={"audio": 7}).json()
    assert (found["credits"], found["billedSeconds"], found["available"], found["enough"]) == (
        0,
        7,
        None,
        True,
    )
    wrong = {**state, "prompt": "test:slwo"}
    answer = estimate(client, tester, "lipsync-image", wrong)
    assert (answer.status_code, answer.json()) == (422, submit(client, tester, wrong).json())
    assert answer.json()["fields"][0]["field"] == "formState.prompt"
    assert estimate(client, owner, "lipsync-image", wrong).status_code == 200
