"""The OpenAPI document is committed; it changes on purpose or not at all."""

import json
import re
from pathlib import Path

import pytest

from jobs import catalog
from tests.jobs.test_models import LEAST

SNAPSHOT = Path(__file__).resolve().parents[2] / "jobs" / "api" / "openapi.json"


@pytest.fixture
def document(client, db):
    return client.get("/api/v1/openapi.json").json()


def test_the_snapshot_is_up_to_date(document):
    assert document == json.loads(SNAPSHOT.read_text()), "make openapi"


def resolve(document, shape):
    if "$ref" in shape:
        *_start, section, name = shape["$ref"].split("/")
        return document["components"][section][name]
    return shape


def operations(document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def test_every_parameter_of_every_model_is_in_it(document):
    for spec in catalog.MODELS.values():
        for path in (f"/api/v1/{spec.slug}", f"/api/v1/{spec.slug}/estimate"):
            body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
            shape = resolve(document, body["properties"]["formState"])
            assert set(shape["properties"]) == {field.name for field in spec.fields}
            assert all(each["description"] for each in shape["properties"].values())


def test_every_operation_says_what_it_answers(document):
    public = set()
    for name, operation in operations(document):
        responses = operation["responses"]
        [success] = [status for status in responses if status.startswith("2")]
        for status, response in responses.items():
            if status == "304":
                assert "content" not in response
                continue
            shape = resolve(document, response["content"]["application/json"]["schema"])
            assert shape["type"] == "object", (name, status)
            assert (status == success) == ("fields" not in shape["properties"]), (name, status)
        assert operation["summary"]
        assert operation["tags"]
        if "security" in operation:
            assert {"401", "403", "429"} <= set(responses)
        else:
            public.add(name)
    assert public == {"get /api/v1/errors", "get /api/v1/key-format", "get /api/v1/models"}


def test_every_status_is_documented_somewhere(document):
    found = {status for _name, operation in operations(document) for status in operation["responses"]}
    assert {"400", "401", "402", "403", "404", "409", "413", "415", "422", "429"} <= found


def test_every_reference_leads_somewhere(document):
    found = re.findall(r'"\$ref": "#/components/schemas/(\w+)"', json.dumps(document))
    assert found
    assert set(found) <= set(document["components"]["schemas"])


def test_the_examples_fit_their_shapes(document):
    for name, shape in document["components"]["schemas"].items():
        for example in shape.get("examples", []):
            assert set(shape["required"]) <= set(example), name


def test_the_webhook_is_described(document):
    hook = document["webhooks"]["jobEnded"]["post"]
    assert [each["name"] for each in hook["parameters"]] == [
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
    ]
    assert hook["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/Job")


def test_it_is_russian_for_a_russian_reader(client, db):
    document = client.get("/api/v1/openapi.json", headers={"Accept-Language": "ru"}).json()
    assert document["paths"].keys() == json.loads(SNAPSHOT.read_text())["paths"].keys()
    title = document["paths"]["/api/v1/lipsync-image"]["post"]["summary"]
    assert re.search("[а-я]", title)


@pytest.mark.parametrize("path", ["/api/v1/jobs", "/api/v1/webhooks/deliveries"])
def test_a_page_is_bounded_where_it_says(client, owner, document, path):
    [shape] = [
        each["schema"] for each in document["paths"][path]["get"]["parameters"] if each["name"] == "limit"
    ]
    for limit, status in [
        (shape["minimum"] - 1, 422),
        (shape["minimum"], 200),
        (shape["maximum"], 200),
        (shape["maximum"] + 1, 422),
    ]:
        assert client.get(path, {"limit": limit}, headers=owner.headers).status_code == status


def test_lengths_of_an_estimate_are_bounded_where_it_says(client, owner, document):
    path = "/api/v1/lipsync-video/estimate"
    body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    seconds = body["properties"]["seconds"]["properties"]
    assert set(seconds) == {"video", "audio"}
    most = seconds["video"]["maximum"]
    for length, status in [(most, 200), (most + 1, 422)]:
        answer = client.post(
            path,
            json.dumps({"formState": LEAST["lipsync-video"], "seconds": {"audio": 5, "video": length}}),
            content_type="application/json",
            headers=owner.headers,
        )
        assert answer.status_code == status, answer.json()
