"""The OpenAPI document is committed; it changes on purpose or not at all."""

import json
from pathlib import Path

import pytest

from jobs import catalog

SNAPSHOT = Path(__file__).resolve().parents[2] / "jobs" / "api" / "openapi.json"


@pytest.fixture
def document(client, db):
    return client.get("/api/v1/openapi.json").json()


def test_the_snapshot_is_up_to_date(document):
    assert document == json.loads(SNAPSHOT.read_text()), "make openapi"


def test_every_parameter_of_every_model_is_in_it(document):
    for spec in catalog.MODELS.values():
        body = document["paths"][f"/api/v1/{spec.slug}"]["post"]["requestBody"]
        properties = body["content"]["application/json"]["schema"]["properties"]["formState"]["properties"]
        assert set(properties) == {field.name for field in spec.fields}


def test_no_schema_of_a_parameter_is_left_without_a_type(document):
    for path in document["paths"].values():
        for operation in path.values():
            assert operation["responses"]["200"]["content"]["application/json"]["schema"]["type"] == "object"
            assert operation["security"]
