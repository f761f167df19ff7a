"""`manage.py connect_provider`: the operator's scripts."""

import io

import pytest
from django.core.management import CommandError, call_command

from jobs.models import Connection
from tests.jobs.remotely import KEY, Upstream, connect

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "whsec_" + "c2VjcmV0" * 4
OTHER_SECRET = "whsec_" + "b3RoZXIh" * 4


@pytest.fixture
def url(httpserver) -> str:
    Upstream(httpserver)
    return httpserver.url_for("").rstrip("/")


def run(*words) -> str:
    out = io.StringIO()
    call_command("connect_provider", *words, stdout=out, stderr=out)
    return out.getvalue()


def test_connection_is_made_with_all_it_is_given(url, monkeypatch):
    monkeypatch.setenv("THE_KEY", KEY)
    monkeypatch.setenv("THE_SECRETS", f"{SECRET},{OTHER_SECRET}")
    words = (
        f"rack --url {url} --key-env THE_KEY --secret-env THE_SECRETS --callback-base http://localhost:8000"
    )
    limits = "--concurrency 2 --preference 7 --models lipsync-image --resolutions 480p 720p --no-idempotency"
    said = run(*words.split(), *limits.split())
    kept = Connection.objects.get()
    assert (kept.team, kept.name, kept.base_url, kept.callback_base) == (
        None,
        "rack",
        url,
        "http://localhost:8000",
    )
    assert (kept.key, kept.secrets) == (KEY, [SECRET, OTHER_SECRET])
    assert (kept.concurrency, kept.preference, kept.idempotent) == (2, 7, False)
    assert (kept.only_models, kept.only_resolutions) == (["lipsync-image"], ["480p", "720p"])
    assert "Made the connection rack" in said
    assert KEY not in said


def test_key_is_read_from_standard_input(url, monkeypatch, settings):
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{KEY}\n"))
    run("rack", "--url", url)
    kept = Connection.objects.get()
    assert kept.key == KEY
    assert kept.callback_base == settings.SITE_URL


def test_what_is_not_given_stays(url, httpserver, monkeypatch):
    connect(httpserver, name="rack", secrets=[SECRET], concurrency=3)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert "Changed" in run("rack", "--preference", "1", "--callback-base", "")
    kept = Connection.objects.get()
    assert (kept.key, kept.secrets, kept.concurrency) == (KEY, [SECRET], 3)
    assert (kept.preference, kept.callback_base) == (1, "")


def test_teams_connection_of_that_name_is_another_one(url, httpserver, owner, monkeypatch):
    connect(httpserver, name="rack", team=owner.team, concurrency=3)
    monkeypatch.setenv("THE_KEY", KEY)
    run("rack", "--url", url, "--key-env", "THE_KEY", "--concurrency", "8")
    assert set(Connection.objects.values_list("team", "concurrency")) == {(owner.team.pk, 3), (None, 8)}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("rack --key-env THE_KEY", "needs --url"),
        ("rack --url {url} --key-env NOT_SET", "NOT_SET is not set"),
        ("Rack! --url {url} --key-env THE_KEY", "small letters"),
        ("embedded --url {url} --key-env THE_KEY", "name_taken"),
        ("rack --url ftp://example.com --key-env THE_KEY", "url_not_allowed"),
        ("rack --url {url} --key-env THE_KEY --concurrency 0", "concurrency"),
        ("rack --url {url} --key-env THE_KEY --secret-env THE_KEY", "bad_secret"),
        ("rack --url {url} --key-env THE_KEY --resolutions 8k", "8k"),
    ],
)
def test_nonsense_is_told_and_nothing_is_made(url, monkeypatch, words, told):
    monkeypatch.setenv("THE_KEY", KEY)
    with pytest.raises(CommandError) as caught:
        run(*words.format(url=url).split())
    assert told in str(caught.value)
    assert KEY not in str(caught.value)
    assert not Connection.objects.exists()
