"""/docs and /docs/api: what they say is what the API declares, with the reader's own key and address."""

import html

import pytest
from django.utils import timezone

from accounts import audit, keys
from accounts.keys.limits import Limits
from accounts.models import Role
from jobs import idempotency
from jobs.api import body, codes, describe
from jobs.api.site import api
from jobs.engine.limits import DEFAULT as LIMITS
from tests.conftest import character

pytestmark = pytest.mark.django_db


def page(client, path="/docs"):
    answer = client.get(path)
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def test_a_reader_finds_the_newest_key_that_works_and_never_its_secret(owner):
    newest, secret = keys.issue(
        team=owner.team, created_by=owner.user, name="laptop", actor=None, who=audit.UNRECORDED
    )
    revoked, _secret = keys.issue(
        team=owner.team, created_by=owner.user, name="gone", actor=None, who=audit.UNRECORDED
    )
    keys.revoke(key=revoked, actor=None, who=audit.UNRECORDED)
    expired, _secret = keys.issue(
        team=owner.team,
        created_by=owner.user,
        limits=Limits(timezone.now()),
        actor=None,
        who=audit.UNRECORDED,
    )
    text = page(owner.client)
    assert f"export KEY={newest.label}" in text
    assert "“laptop”" in text
    assert revoked.public_id not in text
    assert expired.public_id not in text
    assert secret.split("_")[-1] not in text


def test_a_visitor_and_a_viewer_find_a_placeholder(client, owner):
    viewer = character("viewer@example.com", team=owner.team, role=Role.VIEWER)
    for reader in (client, viewer.client):
        text = page(reader)
        assert "export KEY=sk_XXXX_YYYY" in text
        assert owner.key.public_id not in text


def test_examples_call_this_site(client, settings):
    settings.SITE_URL = "https://video.example.org"
    text = page(client)
    assert 'const base = "https://video.example.org/api/v1"' in text
    assert 'base = "https://video.example.org/api/v1"' in text
    assert "curl https://video.example.org/api/v1/lipsync-image" in text


def test_every_request_code_and_status_is_there(client):
    text = page(client)
    for path, methods in api.get_openapi_schema()["paths"].items():
        for method in methods:
            assert f"<code>{method.upper()} {path}</code>" in text
    for each in codes.everything():
        assert f"<code>{each.code}</code>" in text
        assert str(each.sentence) in text
    for status in describe.REFUSALS:
        assert f"<td>{status}</td>" in text


def test_limits_are_printed_from_where_they_are_checked(client, settings):
    settings.MEDIA_MAX_VIDEO_BYTES = 77_000_000
    text = page(client)
    assert f"PNG, JPEG or WebP, up to {LIMITS.pixels // 1_000_000} megapixels and 30 MB." in text
    assert f"up to {LIMITS.side} pixels on a side and 77 MB." in text
    assert f"of JSON, nested {body.DEEPEST} deep." in text
    assert f"up to {idempotency.LONGEST} printable characters. Sent again within 24 hours" in text


def test_the_page_to_try_it_takes_everything_from_here(client):
    answer = client.get("/docs/api")
    text = answer.content.decode()
    assert 'data-url="/api/v1/openapi.json"' in text
    assert "ninja/swagger-ui-bundle.js" in text
    assert "unsafe" not in answer["Content-Security-Policy"]
