"""POST /api/v1/lipsync-image."""

import json
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import audit, keys, ledger
from jobs import catalog, form_state
from jobs import submit as service
from jobs.models import Job, JobEvent, Outbox, Upload, WebhookSettings
from jobs.problems import Invalid

pytestmark = pytest.mark.django_db

URL = "/api/v1/lipsync-image"
STATE = {"image": "http://localhost:9/face.png", "audio": "http://localhost:9/voice.wav"}


def submit(client, headers, form_state=None, **top):
    body = {"formState": STATE if form_state is None else form_state, **top}
    return client.post(URL, json.dumps(body), content_type="application/json", headers=headers)


def test_answers_with_id_and_processing(client, owner):
    response = submit(client, owner.headers)
    document = response.json()
    assert response.status_code == 200
    assert document == {"id": document["id"], "requestId": document["id"], "status": "processing"}
    assert str(uuid.UUID(document["id"])) == document["id"]


def test_writes_job_reservation_event_and_outbox_row_together(client, owner):
    job = Job.objects.get(pk=submit(client, owner.headers).json()["id"])
    balances = ledger.balances(owner.team)
    assert (job.state, job.purse, job.reserved, job.key) == ("queued", "api", 10, owner.key)
    assert (balances.api.available, balances.api.reserved) == (990, 10)
    assert balances.user.available == 1000
    assert [event.verb for event in JobEvent.objects.filter(job=job)] == ["submit"]
    assert Outbox.objects.filter(job=job).count() == 1


@pytest.mark.parametrize("path", [URL, URL + "/"])
def test_a_trailing_slash_answers_the_same(client, owner, path):
    body = json.dumps({"formState": STATE})
    response = client.post(path, body, content_type="application/json", headers=owner.headers)
    assert response.status_code == 200


@pytest.mark.parametrize("absent", [None, ""])
def test_null_and_empty_count_as_absent(client, owner, absent):
    state = {**STATE, "seed": absent, "prompt": absent, "mask_image": absent, "resolution": absent}
    response = submit(client, owner.headers, state, webhook=absent)
    assert response.status_code == 200
    values = Job.objects.get(pk=response.json()["id"]).values
    assert values == {**STATE, "resolution": "480p"}


@pytest.mark.parametrize(
    ("change", "field", "code", "part"),
    [
        ({"audio": None}, "formState.audio", "required", "required"),
        ({"audio": 5}, "formState.audio", "wrong_type", "string"),
        ({"seed": "5"}, "formState.seed", "wrong_type", "integer"),
        ({"seed": True}, "formState.seed", "wrong_type", "integer"),
        ({"seed": 1.0}, "formState.seed", "wrong_type", "integer"),
        ({"seed": -2}, "formState.seed", "out_of_range", "from -1 to 2147483647"),
        ({"seed": 2**31}, "formState.seed", "out_of_range", "from -1 to 2147483647"),
        ({"resolution": "1080p"}, "formState.resolution", "not_a_choice", "480p, 720p"),
        ({"resolutoin": "720p"}, "formState.resolutoin", "unknown_field", "formState.resolution"),
        ({"credits": 0}, "formState.credits", "unknown_field", "not a parameter"),
        ({"prompt": "x" * 1001}, "formState.prompt", "too_long", "1000"),
        ({"prompt": "a\0b"}, "formState.prompt", "invalid", "NUL"),
        ({"image": "file:///etc/passwd"}, "formState.image", "url_not_allowed", "formState.image"),
        ({"image": "http://10.0.0.1/a.png"}, "formState.image", "url_not_allowed", "formState.image"),
        (
            {"image": "http://localhost:8000/samples/speech.wav"},
            "formState.image",
            "unsupported_format",
            "picture",
        ),
        ({"image": f"upload:{uuid.uuid4()}"}, "formState.image", "upload_not_found", "formState.image"),
        ({"image": "upload:x"}, "formState.image", "url_not_allowed", "formState.image"),
    ],
)
def test_refuses_what_does_not_fit_with_a_sentence(client, owner, change, field, code, part):
    response = submit(client, owner.headers, {**STATE, **change})
    document = response.json()
    assert response.status_code == 422
    assert [(item["field"], item["code"]) for item in document["fields"]] == [(field, code)]
    assert part in document["fields"][0]["message"]
    assert document["error"] == document["fields"][0]["message"]
    assert not Job.objects.exists()
    assert ledger.balances(owner.team).api.available == 1000


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("team", "it takes: formState, webhook, provider, reference, metadata."),
        ("credits", "it takes: formState, webhook, provider, reference, metadata."),
        ("price", "it takes: formState, webhook, provider, reference, metadata."),
        ("status", "it takes: formState, webhook, provider, reference, metadata."),
        ("is_staff", "it takes: formState, webhook, provider, reference, metadata."),
        ("webhok", "did you mean webhook?"),
        ("formstate", "did you mean formState?"),
        ("meta", "did you mean metadata?"),
    ],
)
def test_refuses_unknown_top_level_keys(client, owner, name, hint):
    response = submit(client, owner.headers, **{name: 1})
    assert response.status_code == 422
    [problem] = response.json()["fields"]
    assert (problem["field"], problem["code"]) == (name, "unknown_field")
    assert problem["message"].startswith(f"{name} is not a field of this request;")
    assert problem["message"].endswith(hint)


def test_reference_and_metadata_are_kept_as_they_came(client, owner):
    metadata = {"customer": 17, "tags": ["a", {"b": None}], "naïve": True, "π": 3.14}
    answer = submit(client, owner.headers, reference="order №42", metadata=metadata)
    job = Job.objects.get(pk=answer.json()["id"])
    assert (job.reference, job.metadata) == ("order №42", metadata)
    document = client.get(f"/api/v1/jobs/{job.pk}", headers=owner.headers).json()
    assert (document["reference"], document["metadata"]) == ("order №42", metadata)


def test_reference_and_metadata_may_be_absent(client, owner):
    answer = submit(client, owner.headers, reference=None, metadata=None)
    job = Job.objects.get(pk=answer.json()["id"])
    assert (job.reference, job.metadata) == ("", {})


def nested(depth):
    return {"a": nested(depth - 1)} if depth else 1


@pytest.mark.parametrize(
    ("top", "code"),
    [
        ({"reference": 5}, "wrong_type"),
        ({"reference": "x" * 201}, "too_long"),
        ({"reference": "a\nb"}, "invalid"),
        ({"reference": "a\0b"}, "invalid"),
        ({"metadata": []}, "wrong_type"),
        ({"metadata": "x"}, "wrong_type"),
        ({"metadata": {str(number): 1 for number in range(17)}}, "too_long"),
        ({"metadata": {"a": "x" * 4000}}, "too_long"),
        ({"metadata": {"a": ["\0"]}}, "invalid"),
        ({"metadata": {"a\0": 1}}, "invalid"),
        ({"metadata": nested(6)}, "invalid"),
    ],
)
def test_refuses_a_reference_or_metadata_that_do_not_fit(client, owner, top, code):
    response = submit(client, owner.headers, **top)
    assert response.status_code == 422
    assert [(each["field"], each["code"]) for each in response.json()["fields"]] == [(next(iter(top)), code)]
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    "top",
    [
        {"reference": "x" * 200},
        {"metadata": {str(number): 1 for number in range(16)}},
        {"metadata": {"a": "x" * 3992}},
        {"metadata": nested(5)},
    ],
)
def test_takes_a_reference_and_metadata_up_to_their_bounds(client, owner, top):
    assert submit(client, owner.headers, **top).status_code == 200


def upload(character, kind, seconds=None):
    made = Upload.objects.create(
        team=character.team, kind=kind, name=kind, file=kind, format="", bytes=1, seconds=seconds
    )
    return f"upload:{made.pk}"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("named", [False, True], ids=["no key", "key"])
@pytest.mark.parametrize("uploads", [False, True], ids=["addresses", "uploads"])
def test_a_submit_takes_eight_queries(client, owner, named, uploads):
    state = {"image": upload(owner, "image"), "audio": upload(owner, "audio", 5.0)} if uploads else STATE
    submit(client, owner.headers)  # notes the key's use
    headers = {**owner.headers, **({"Idempotency-Key": "order-1"} if named else {})}
    with CaptureQueriesContext(connection) as queries:
        assert submit(client, headers, state).status_code == 200
    # Savepoints count, being sent like any other; the one transaction's own begin and end do not.
    asked = [each["sql"] for each in queries if not each["sql"].startswith(("BEGIN", "COMMIT"))]
    assert len(asked) == 6 + named + uploads, asked


def test_the_teams_default_webhook_is_taken_where_none_is_named(client, owner):
    WebhookSettings.objects.create(team=owner.team, url="https://example.com/default")
    default = Job.objects.get(pk=submit(client, owner.headers).json()["id"])
    named = submit(client, owner.headers, webhook="https://example.com/named").json()["id"]
    assert default.webhook == "https://example.com/default"
    assert Job.objects.get(pk=named).webhook == "https://example.com/named"


@pytest.mark.parametrize("state", ["null", "[]", '"x"', "5"])
def test_form_state_must_be_an_object(client, owner, state):
    body = f'{{"formState": {state}}}'
    response = client.post(URL, body, content_type="application/json", headers=owner.headers)
    assert (response.status_code, response.json()["fields"][0]["code"]) == (422, "wrong_type")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[1]",
        b"\xff",
        b'{"formState": {"seed": NaN}}',
        b'{"formState": {"seed": 1e999}}',
        b'{"formState": {}, "formState": {}}',
        b'{"formState": {"prompt": "\\ud800"}}',
        b"[" * 100_000,
        b'{"formState":' * 50_000,
        b'{"formState":' * 40 + b"1" + b"}" * 40,
    ],
    ids=[
        "cut",
        "array",
        "not utf-8",
        "NaN",
        "infinite",
        "twice",
        "surrogate",
        "deep array",
        "deep object",
        "too deep",
    ],
)
def test_malformed_json_is_400(client, owner, body):
    response = client.post(URL, body, content_type="application/json", headers=owner.headers)
    assert (response.status_code, response.json()["code"]) == (400, "malformed_json")


def test_a_body_that_is_too_large_is_413(client, owner):
    body = b'{"formState": {"prompt": "' + b"x" * 2_000_000 + b'"}}'
    response = client.post(URL, body, content_type="application/json", headers=owner.headers)
    assert (response.status_code, response.json()["code"]) == (413, "too_large")


def test_another_content_type_is_415(client, owner):
    response = client.post(URL, {"formState": "x"}, headers=owner.headers)
    assert (response.status_code, response.json()["code"]) == (415, "not_json")


def test_too_few_credits_is_402_and_costs_nothing(client, owner):
    ledger.reserve(
        team=owner.team, kind="api", amount=991, reference="test:1", source=ledger.Source(person=owner.user)
    )
    response = submit(client, owner.headers)
    assert (response.status_code, response.json()["code"]) == (402, "not_enough_credits")
    assert not Job.objects.exists()
    assert ledger.balances(owner.team).api.available == 9


def test_beyond_the_teams_monthly_cap_is_402_and_costs_nothing(client, owner):
    ledger.set_limits(team=owner.team, kind="api", monthly_cap=15, alert_below=None)
    assert submit(client, owner.headers).status_code == 200
    response = submit(client, owner.headers)
    assert (response.status_code, response.json()["code"]) == (402, "spending_cap_reached")
    assert "has spent 10 of the 15" in response.json()["error"]
    assert Job.objects.count() == 1
    assert ledger.balances(owner.team).api.available == 990


@pytest.mark.parametrize(
    "webhook", ["ftp://example.com/x", "http://10.0.0.1/", "https://user@example.com/", "example.com", 5]
)
def test_a_webhook_that_cannot_be_called_is_refused(client, owner, webhook):
    response = submit(client, owner.headers, webhook=webhook)
    assert response.status_code == 422
    assert response.json()["fields"][0]["field"] == "webhook"


def test_wrong_methods_answer_as_json(client, owner):
    response = client.get(URL, headers=owner.headers)
    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
    assert "POST" in response["Allow"]


def test_unknown_paths_answer_as_json(client):
    response = client.get("/api/v1/nothing")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


def prepared(character, actor=None, **request):
    state = form_state.build(catalog.get("lipsync-image"), {**STATE, **request.pop("values", {})})
    return service.prepare(team=character.team, actor=actor or character.key, form_state=state, **request)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"webhook": "http://10.0.0.1/"}, "webhook"),
        ({"provider": "nobody"}, "provider"),
        ({"values": {"image": f"upload:{uuid.uuid4()}"}}, "formState.image"),
        ({"seconds": {"audio": 86_400.0}}, "formState.audio"),
    ],
)
def test_preparing_refuses_what_a_submit_would(owner, request_, field):
    with pytest.raises(Invalid) as refused:
        prepared(owner, **request_)
    assert [problem.field for problem in refused.value.fields] == [field]


def test_preparing_writes_nothing_and_prices_a_test_as_free(owner):
    key, _secret = keys.issue(
        team=owner.team, created_by=owner.user, is_test=True, actor=None, who=audit.UNRECORDED
    )
    assert prepared(owner, seconds={"audio": 7.0}).price.credits == 14
    free = prepared(owner, key, seconds={"audio": 7.0})
    assert (free.price.credits, free.price.seconds, free.job.reserved) == (0, 7, 0)
    with pytest.raises(Invalid, match=r"formState\.prompt"):
        prepared(owner, key, values={"prompt": "test:fial"})
    assert not Job.objects.exists()
    assert ledger.balances(owner.team).api.available == 1000
