"""HEAD, OPTIONS, wrong methods and slashes, on every path of the API; ETag on a job."""

import uuid

import pytest

from jobs import lifecycle
from jobs.api.site import api
from jobs.models import WebhookDelivery
from tests.jobs.making import make_job

pytestmark = pytest.mark.django_db


def paths():
    """Every path of the OpenAPI document with what it takes."""
    for path, methods in api.get_openapi_schema()["paths"].items():
        yield (
            path.replace("{request_id}", "0c7c9a4e-6f0e-4a54-9d25-6f2f6a1f3b52"),
            {method.upper() for method in methods},
        )


PATHS = dict(paths())


def ids(owner):
    """An id of the owner's for each name that a path may hold."""
    job = make_job(owner, webhook="http://localhost:9/hook")
    lifecycle.cancel(job.pk)
    return {"request_id": job.pk, "delivery_id": WebhookDelivery.objects.get(job=job).pk}


WITH_ID = [
    (path, method.upper())
    for path, methods in api.get_openapi_schema()["paths"].items()
    for method in methods
    if "{" in path
]


@pytest.mark.parametrize(("path", "method"), WITH_ID)
def test_another_teams_id_is_404_as_if_it_were_not_there(client, owner, stranger, path, method):
    theirs = path.format(**ids(owner))
    absent = path.format(request_id=uuid.uuid4(), delivery_id=uuid.uuid4())
    first, second = (client.generic(method, each, headers=stranger.headers) for each in (theirs, absent))
    assert first.status_code == second.status_code == 404
    assert first.content == second.content
    assert client.generic(method, theirs, headers=owner.headers).status_code != 404


def allowed(path):
    return PATHS[path] | {"OPTIONS"} | ({"HEAD"} if "GET" in PATHS[path] else set())


@pytest.mark.parametrize("slash", ["", "/"])
def test_options_names_the_methods_and_opens_no_door(client, slash):
    for path in PATHS:
        answer = client.options(path + slash, headers={"Origin": "https://evil.example.com"})
        assert (answer.status_code, answer.content) == (204, b"")
        assert "Content-Type" not in answer
        assert set(answer["Allow"].split(", ")) == allowed(path)
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"])
def test_a_wrong_method_is_405_with_what_is_right(client, owner, method):
    wrong = [path for path, methods in PATHS.items() if method not in methods]
    assert wrong
    for path in wrong:
        answer = client.generic(method, path, headers=owner.headers)
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
        assert int(answer["Content-Length"]) == len(answer.content)
        assert "Accept-Language" in answer["Vary"]
        assert set(answer["Allow"].split(", ")) == allowed(path)


@pytest.mark.parametrize("slash", ["", "/"])
def test_head_is_get_without_its_body(client, owner, slash):
    client.get("/api/v1/key", headers=owner.headers)  # notes the key's use
    for path in (path for path, methods in PATHS.items() if "GET" in methods):
        get = client.get(path + slash, headers=owner.headers)
        head = client.head(path + slash, headers=owner.headers)
        assert head.status_code == get.status_code
        assert head.content == b""
        assert int(head["Content-Length"]) == len(get.content)
        assert head["Content-Type"] == get["Content-Type"] == "application/json"


@pytest.mark.parametrize("path", ["/api/v1/openapi.json", "/api/v1/nothing", "/api"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "DELETE"])
def test_nothing_else_answers_html_or_redirects(client, path, method):
    answer = client.generic(method, path)
    assert answer.status_code in (200, 204, 404, 405)
    if answer.content:
        assert answer["Content-Type"].startswith("application/json")


def test_the_openapi_document_takes_get_alone(client):
    assert client.post("/api/v1/openapi.json").status_code == 405


@pytest.mark.parametrize("known", ["{}", "W/{}", '"other", {}', "*"])
def test_a_read_that_is_repeated_is_304_without_a_body(client, owner, known):
    url = f"/api/v1/jobs/{make_job(owner).pk}"
    first = client.get(url, headers=owner.headers)
    again = client.get(url, headers={**owner.headers, "If-None-Match": known.format(first["ETag"])})
    assert (again.status_code, again.content) == (304, b"")
    assert again["ETag"] == first["ETag"]
    assert "Content-Type" not in again


@pytest.mark.parametrize("known", ['"other"', "nonsense", '"', "W/"])
def test_another_etag_gets_the_document(client, owner, known):
    url = f"/api/v1/jobs/{make_job(owner).pk}"
    assert client.get(url, headers={**owner.headers, "If-None-Match": known}).status_code == 200


def test_the_etag_changes_with_the_job(client, owner):
    job = make_job(owner)
    url = f"/api/v1/jobs/{job.pk}"
    before = client.get(url, headers=owner.headers)["ETag"]
    lifecycle.cancel(job.pk)
    after = client.get(url, headers={**owner.headers, "If-None-Match": before})
    assert after.status_code == 200
    assert after["ETag"] != before


def test_a_strangers_etag_tells_nothing(client, owner, stranger):
    url = f"/api/v1/jobs/{make_job(owner).pk}"
    etag = client.get(url, headers=owner.headers)["ETag"]
    assert client.get(url, headers={**stranger.headers, "If-None-Match": etag}).status_code == 404
