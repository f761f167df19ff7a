"""Whatever the audit log holds has words that a person reads."""

import ast
import dataclasses
from pathlib import Path

import pytest

from accounts import audit
from accounts.keys.limits import Limits


@pytest.mark.parametrize("details", [{"secret": "x"}, {"limits": {"secret": "x"}}])
def test_detail_without_a_name_is_refused(owner, details):
    with pytest.raises(KeyError):
        audit.record("key.limits", team=owner.team, who=audit.OPERATOR, **details)


def test_every_limit_of_a_key_has_a_name():
    assert {each.name for each in dataclasses.fields(Limits)} <= set(audit.DETAILS)


def test_every_detail_that_is_recorded_has_a_name():
    """By the sources, so that one on a rare path is found too. What is passed on as **details is found by its tests."""
    found = set()
    for path in sorted([*Path("accounts").rglob("*.py"), *Path("jobs").rglob("*.py")]):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "audit.record":
                found |= {keyword.arg for keyword in node.keywords if keyword.arg}
    assert {"role", "purse", "old_signs_for_seconds"} <= found
    assert found - {"team", "who", "target", "subject"} <= set(audit.DETAILS)
