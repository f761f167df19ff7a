"""The signature checker: each usual mistake is recognised and named, and nothing secret is said."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from accounts import audit
from accounts.teams import new_webhook_secret, webhook_secret
from jobs.models import DeliveryAttempt, RetiredSecret
from jobs.webhooks import message, rotation, signing
from jobs.webhooks.check import check
from tests.jobs.receiving import ended

pytestmark = pytest.mark.django_db


@pytest.fixture
def delivery(owner):
    found = ended(owner, "http://localhost:9/hook")
    DeliveryAttempt.objects.create(delivery=found, number=1)
    return found


def headers(owner, delivery, *, secret="", body="", at=None) -> dict[str, str]:
    return signing.headers(
        secrets=[secret or webhook_secret(owner.team)],
        message_id=delivery.message_id,
        body=body or message.body(delivery),
        now=at,
    )


def lines(found: dict[str, str]) -> str:
    return "\r\n".join(f"{name}: {value}" for name, value in found.items())


def verdict(owner, delivery, *, body=None, secret="", computed="", signed_with="", at=None, **changed):
    found = {
        **headers(owner, delivery, secret=signed_with, at=at),
        **{name.replace("_", "-"): value for name, value in changed.items()},
    }
    found = {name: value for name, value in found.items() if value is not None}
    pasted = message.body(delivery) if body is None else body
    return check(owner.team, headers=lines(found), body=pasted, secret=secret, computed=computed)


def test_untouched_message_is_good(owner, delivery):
    found = verdict(owner, delivery)
    assert (found.good, found.code, found.notes) == (True, "good", ())


@pytest.mark.parametrize("secret_entered", [True, False])
def test_pasting_may_change_line_breaks(owner, delivery, secret_entered):
    secret = webhook_secret(owner.team) if secret_entered else ""
    found = verdict(owner, delivery, body=message.body(delivery) + "\r\n", secret=secret)
    assert found.good
    assert "Line breaks" in found.notes[0]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"webhook_id": None}, "missing_header"),
        ({"webhook_signature": ""}, "missing_header"),
        ({"webhook_timestamp": "soon"}, "bad_timestamp"),
        ({"webhook_timestamp": "1700000000000"}, "milliseconds"),
        ({"webhook_timestamp": "99999999999999999999"}, "bad_timestamp"),
        ({"webhook_timestamp": "999999999999"}, "bad_timestamp"),
        ({"webhook_timestamp": "99999999999"}, "timestamp_differs"),
        ({"webhook_signature": "abc"}, "no_v1"),
        ({"webhook_signature": "v1a,AAAA"}, "no_v1"),
        ({"webhook_signature": "v1,AAAA"}, "cut_signature"),
        ({"webhook_signature": "v1,\u0430\u0430"}, "cut_signature"),
        ({"webhook_id": "msg_00"}, "id_differs"),
        ({"webhook_timestamp": "1700000000"}, "timestamp_differs"),
        ({"signed_with": "other"}, "no_match"),
        ({"body": "{}"}, "body_differs"),
        ({"body": "[" * 100_000}, "body_differs"),
        ({"secret": "no secret"}, "bad_secret"),
        ({"secret": "whsec_!!"}, "bad_secret"),
        ({"secret": "whsec_"}, "bad_secret"),
        ({"secret": "other"}, "wrong_secret"),
    ],
)
def test_what_was_changed_is_named(owner, delivery, changed, code):
    changed = {name: new_webhook_secret() if value == "other" else value for name, value in changed.items()}
    found = verdict(owner, delivery, **changed)
    assert (found.good, found.code) == (False, code)


def test_body_that_was_written_again_is_recognised(owner, delivery):
    found = verdict(owner, delivery, body=json.dumps(message.document(delivery)))
    assert found.code == "body_rewritten"


def test_first_difference_of_the_body_is_shown(owner, delivery):
    found = verdict(owner, delivery, body=message.body(delivery).replace('"completed"', '"complete"'))
    assert found.code == "body_differs"
    assert 'completed"' in found.notes[0]
    assert 'complete"' in found.notes[0]


def test_another_teams_message_is_not_recognised(owner, stranger, delivery):
    pasted = lines(headers(owner, delivery))
    found = check(stranger.team, headers=pasted, body=message.body(delivery))
    assert found.code == "no_match"
    changed = check(stranger.team, headers=pasted, body="{}", secret=webhook_secret(owner.team))
    assert changed.code == "no_match"
    assert not any("Sent:" in note for note in changed.notes)


def test_old_secret_is_good_while_it_signs_and_named_afterwards(owner, delivery):
    old = webhook_secret(owner.team)
    rotation.rotate(owner.team, actor=owner.membership, keep_for=timedelta(hours=1), who=audit.UNRECORDED)
    during = verdict(owner, delivery, signed_with=old)
    assert during.good
    assert "replaced" in during.notes[0]
    rotation.end_overlap(owner.team, actor=owner.membership, who=audit.UNRECORDED)
    assert verdict(owner, delivery, signed_with=old).code == "old_secret"
    RetiredSecret.objects.all().delete()
    assert verdict(owner, delivery, signed_with=old).code == "no_match"


def test_either_of_two_signatures_is_enough(owner, delivery):
    old = webhook_secret(owner.team)
    rotation.rotate(owner.team, actor=owner.membership, keep_for=timedelta(hours=1), who=audit.UNRECORDED)
    both = signing.headers(
        secrets=rotation.signing_secrets(owner.team),
        message_id=delivery.message_id,
        body=message.body(delivery),
    )
    assert len(both["webhook-signature"].split()) == 2
    for secret in (old, webhook_secret(owner.team)):
        assert check(owner.team, headers=lines(both), body=message.body(delivery), secret=secret).good


@pytest.mark.parametrize(
    ("away", "word"), [(timedelta(minutes=-20), "clock"), (timedelta(minutes=20), "ahead")]
)
def test_age_is_a_note_and_not_a_failure(owner, delivery, away, word):
    found = verdict(owner, delivery, at=datetime.now(UTC) + away)
    assert found.good
    assert word in found.notes[0]


@pytest.mark.parametrize(
    "form",
    [
        lambda found: json.dumps(found),
        lambda found: json.dumps({name.title(): [value] for name, value in found.items()}),
        lambda found: "\n".join(f"'{name}': '{value}'," for name, value in found.items()),
        lambda found: "\n".join(f"-H '{name}: {value}'" for name, value in found.items()),
        lambda found: "\n".join(
            f"HTTP_{name.upper().replace('-', '_')}={value}" for name, value in found.items()
        ),
        lambda found: "POST /hook HTTP/1.1\nHost: x\n\n" + lines(found),
    ],
)
def test_headers_are_read_as_tools_print_them(owner, delivery, form):
    found = headers(owner, delivery)
    assert check(owner.team, headers=form(found), body=message.body(delivery)).good


def test_long_headers_are_read_to_their_end(owner):
    """An expression that went back and forth would take these for hours."""
    for filler in (" ", "'", "-", "a", '"', ":", "}"):
        text = f"webhook-id:{filler * 1_000_000}x\n" + filler * 1_000_000
        assert check(owner.team, headers=text, body="x").code == "missing_header"


@pytest.mark.parametrize("text", ["", "null", "[]", "{" * 100_000, "\0", "webhook-id", '{"webhook-id": {}}'])
def test_any_headers_are_answered(owner, text):
    assert check(owner.team, headers=text, body="\ud800").code == "missing_header"


@pytest.mark.parametrize(
    ("key", "content", "form", "words"),
    [
        ("decoded", "{id}.{ts}.{body}", "base64", "is right"),
        ("whole", "{id}.{ts}.{body}", "base64", "as it is written"),
        ("text", "{id}.{ts}.{body}", "base64", "not decoded"),
        ("decoded", "{body}", "base64", "only the body"),
        ("decoded", "{ts}.{body}", "base64", "the id is left out"),
        ("decoded", "{id}.{body}", "base64", "the timestamp is left out"),
        ("decoded", "{id}{ts}{body}", "base64", "without dots"),
        ("decoded", "{id}.{ts}.{body}", "hex", "in hex"),
        ("text", "{body}", "hex", "in hex"),
        ("decoded", "something else", "base64", "none of the usual"),
    ],
)
def test_own_codes_mistake_is_named(owner, delivery, key, content, form, words):
    secret = webhook_secret(owner.team)
    keys = {"decoded": base64.b64decode(secret[6:]), "whole": secret.encode(), "text": secret[6:].encode()}
    pasted = headers(owner, delivery)
    parts = {"id": pasted["webhook-id"], "ts": pasted["webhook-timestamp"], "body": message.body(delivery)}
    digest = hmac.new(keys[key], content.format(**parts).encode(), hashlib.sha256)
    computed = digest.hexdigest() if form == "hex" else base64.b64encode(digest.digest()).decode()
    found = check(owner.team, headers=lines(pasted), body=parts["body"], computed=computed)
    assert words in found.notes[-1]


def test_no_signature_and_no_secret_is_ever_said(owner, delivery):
    """With a signature of a made-up body, anybody who may use the page could forge our messages."""
    right = headers(owner, delivery)["webhook-signature"].removeprefix("v1,")
    forged = "A" * 43 + "="
    for changed in ({"body": '{"forged": 1}'}, {"webhook_id": "msg_1"}, {"computed": forged}):
        found = verdict(owner, delivery, webhook_signature=f"v1,{forged}", **changed)
        said = " ".join([found.sentence, *found.notes])
        assert not found.good
        assert right not in said
        assert webhook_secret(owner.team)[6:] not in said


def test_secret_of_another_key_is_left_out(owner, delivery):
    RetiredSecret.objects.create(team=owner.team, sealed="unreadable", signs_until=timezone.now())
    assert verdict(owner, delivery).good
