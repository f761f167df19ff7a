"""GET /api/v1/errors and /api/v1/models: for anybody, and complete."""

import ast
import re
from pathlib import Path

import pytest

from jobs import catalog, submit, words
from jobs.api import codes
from tests.jobs.test_models import LEAST, build

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parents[2]
# Which argument of these calls is a stable code, and which part of the catalogue lists it.
CALLS = {
    "ApiError": (1, "answer"),
    "answer": (1, "answer"),
    "FieldProblem": (1, "field"),
    "wrong": (1, "field"),
    "JobFailure": (0, "job"),
    "InputError": (0, "job"),
    "Failed": (0, "job"),
    "fail": ("code", "job"),
    "fail_claimed": ("code", "job"),
}
# Answers to other servers, and refusals that only a page shows.
ELSEWHERE = {"jobs/webhooks/inbound.py", "jobs/forms.py", "jobs/connection_form.py", "jobs/connections.py"}


def literals(node):
    return {
        part.value
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    }


def said():
    """(part, code, place) for every literal code in the source."""
    for path in sorted([*(ROOT / "jobs").rglob("*.py"), *(ROOT / "lipsyncweb/http").glob("*.py")]):
        place = str(path.relative_to(ROOT))
        if place in ELSEWHERE or "/bench" in place or "/views/" in place:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            which, part = CALLS.get(name, (None, ""))
            if isinstance(which, int) and len(node.args) > which:
                argument = node.args[which]
            else:
                argument = next((each.value for each in node.keywords if each.arg == which), None)
            # A variable's code is a literal somewhere else.
            if isinstance(argument, ast.Constant | ast.IfExp):
                parts = [argument.body, argument.orelse] if isinstance(argument, ast.IfExp) else [argument]
                for each in parts:
                    for code in literals(each):
                        yield part, code, f"{place}:{node.lineno}"


def listed(part):
    return {each.code for each in codes.everything() if each.where == part}


@pytest.mark.parametrize("part", ["answer", "field", "job"])
def test_every_code_in_the_source_is_listed(part):
    found = [(code, place) for each, code, place in said() if each == part]
    assert len(found) > 5
    assert [item for item in found if item[0] not in listed(part)] == []


def test_every_code_of_an_exception_is_listed():
    declared = set()
    for path in [
        *(ROOT / "jobs").rglob("*.py"),
        *(ROOT / "lipsyncweb/http").glob("*.py"),
        ROOT / "accounts/ledger/errors.py",
    ]:
        if "/views/" not in str(path):
            declared |= set(re.findall(r'^    code = "(\w+)"', path.read_text(), re.MULTILINE))
    assert {"not_enough_credits", "url_not_allowed", "idempotency_in_flight"} <= declared
    assert declared <= listed("answer") | listed("field") | listed("job")


def test_the_documents_are_for_anybody(client):
    for path in ("errors", "models"):
        answer = client.get(f"/api/v1/{path}")
        assert answer.status_code == 200
        assert client.get(f"/api/v1/{path}?x=1").status_code == 422


def test_errors_have_a_code_a_status_and_a_sentence(client):
    found = client.get("/api/v1/errors").json()
    assert all(each["error"] and re.fullmatch(r"[a-z0-9_]+", each["code"]) for each in found["errors"])
    assert {each["status"] for each in found["errors"] if each["where"] == "answer"} >= {
        400, 401, 402, 403, 404, 405, 409, 413, 415, 422, 429, 503,
    }  # fmt: skip
    assert {each["status"] for each in found["errors"] if each["where"] == "job"} == {None}
    assert {each["code"] for each in found["warnings"]} == set(words.WARNINGS)
    pairs = [(each["where"], each["code"]) for each in found["errors"]]
    assert len(pairs) == len(set(pairs))


def test_errors_are_russian_for_a_russian_reader(client):
    answer = client.get("/api/v1/errors", headers={"Accept-Language": "ru"})
    sentences = {each["code"]: each["error"] for each in answer.json()["errors"] if each["where"] == "job"}
    assert re.search("[а-я]", sentences["no_face"])
    assert "Accept-Language" in answer["Vary"]


@pytest.mark.parametrize("spec", catalog.MODELS.values(), ids=lambda spec: spec.slug)
def test_the_models_are_told_as_they_are_checked_and_priced(client, spec):
    [told] = [each for each in client.get("/api/v1/models").json()["models"] if each["model"] == spec.slug]
    assert [each["name"] for each in told["parameters"]] == [field.name for field in spec.fields]
    for resolution, rate in told["creditsASecond"].items():
        state = build(spec.slug, resolution=resolution)
        assert submit.quote(state, {}).credits == told["minimumSeconds"] * rate
    required = {each["name"] for each in told["parameters"] if each["required"]}
    assert required <= set(LEAST[spec.slug])
