"""Requests that Django refuses to take apart."""

import pytest

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/api/v1/models", "/api/v1/jobs", "/"])
def test_hundreds_of_query_parameters_are_malformed(client, owner, path):
    query = "&".join(f"a{index}=1" for index in range(201))
    answer = client.get(f"{path}?{query}", headers=owner.headers)

    if path.startswith("/api/"):
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    else:
        assert answer.status_code < 500
