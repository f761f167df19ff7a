"""The pages of a team's connections: who may, what is asked, and that nothing secret is ever in them."""

import pytest
from django.urls import reverse

from accounts.models import Role
from jobs import health
from jobs.health import ASKING, SENDING
from jobs.models import Connection
from tests.conftest import character
from tests.jobs.remotely import KEY, Upstream, answer, connect, remote_job

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "whsec_" + "c2VjcmV0" * 4
LIST = "/connections"
NEW = "/connections/new"


@pytest.fixture
def upstream(httpserver):
    return Upstream(httpserver)


def typed(server, **values) -> dict:
    return {
        "name": "farm",
        "base_url": server.url_for("/"),
        "key": KEY,
        "callback_base": "http://localhost:8000",
        "secrets": "",
        "concurrency": "4",
        "polls_a_second": "5",
        "preference": "50",
        **values,
    }


def edit(connection) -> str:
    return reverse("connection_edit", args=[connection.pk])


def page(client, url: str = LIST, **options) -> str:
    return client.get(url, **options).content.decode()


def test_saved_connection_is_the_teams_and_is_listed(owner, upstream, httpserver):
    sent = typed(httpserver, secrets=f"{SECRET}\r\n", only_resolutions=["480p"])
    answered = owner.client.post(NEW, sent, follow=True)
    assert "farm answered and knows the key" in answered.content.decode()
    [kept] = Connection.objects.all()
    assert (kept.team, kept.key, kept.secrets) == (owner.team, KEY, [SECRET])
    assert (kept.concurrency, kept.only_models, kept.only_resolutions) == (4, [], ["480p"])
    assert not kept.idempotent


def test_nothing_secret_is_in_any_page(owner, upstream, httpserver):
    kept = connect(httpserver, team=owner.team, secrets=[SECRET])
    job = remote_job(owner)
    refused = owner.client.post(edit(kept), typed(httpserver, secrets=SECRET, concurrency="none"))
    pages = [page(owner.client, url) for url in (LIST, edit(kept), f"/jobs/{job.pk}", "/jobs")]
    for text in [*pages, refused.content.decode()]:
        assert KEY not in text
        assert KEY.removeprefix("sk_") not in text
        assert SECRET[6:] not in text
    assert "1 secret is kept" in pages[1]


def test_form_that_comes_back_asks_for_the_secrets_again(owner, upstream, httpserver):
    kept = connect(httpserver, team=owner.team)
    text = owner.client.post(edit(kept), typed(httpserver, secrets=SECRET, concurrency="0")).content.decode()
    assert text.count("Enter this again") == 2


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"name": "Gpu Farm"}, "name", "small letters"),
        ({"name": "embedded"}, "name", "own engine"),
        ({"base_url": "https://10.0.0.1"}, "base_url", "not on the public Internet"),
        ({"base_url": ""}, "base_url", "required"),
        ({"callback_base": "http://10.0.0.1"}, "callback_base", "https://"),
        ({"key": ""}, "key", "required"),
        ({"secrets": "hunter2"}, "secrets", "no signing secret"),
        ({"only_resolutions": ["8k"]}, "only_resolutions", "8k"),
        ({"concurrency": "0"}, "concurrency", "1"),
    ],
)
def test_refusal_stands_beside_its_field(owner, upstream, httpserver, change, field, words):
    answered = owner.client.post(NEW, typed(httpserver, **change))
    assert answered.status_code == 422
    text = answered.content.decode()
    [shown] = [part.split("</div>")[0] for part in text.split(f'id="id_{field}_error"')[1:]]
    assert words in shown
    assert not Connection.objects.exists()


def test_refused_key_stands_beside_the_key(owner, upstream, httpserver):
    upstream.on_ask = lambda request: answer({"error": "No."}, 401)
    text = owner.client.post(NEW, typed(httpserver)).content.decode()
    assert "refuses the key" in text.split('id="id_key_error"')[1].split("</div>")[0]


def test_empty_fields_keep_what_is_secret(owner, upstream, httpserver):
    kept = connect(httpserver, team=owner.team, secrets=[SECRET])
    assert owner.client.post(edit(kept), typed(httpserver, key="", name="barn")).status_code == 302
    kept = Connection.objects.get(pk=kept.pk)
    assert (kept.name, kept.key, kept.secrets) == ("barn", KEY, [SECRET])


def test_secrets_are_removed_when_asked(owner, upstream, httpserver):
    kept = connect(httpserver, team=owner.team, secrets=[SECRET])
    both = typed(httpserver, key="", secrets=SECRET, remove_secrets="on")
    assert owner.client.post(edit(kept), both).status_code == 422
    assert owner.client.post(edit(kept), typed(httpserver, key="", remove_secrets="on")).status_code == 302
    assert Connection.objects.get(pk=kept.pk).secrets == []


def test_address_without_a_scheme_is_https(owner, httpserver):
    text = owner.client.post(NEW, typed(httpserver, base_url="10.0.0.1")).content.decode()
    assert 'value="https://10.0.0.1"' not in text  # what was typed stays as it was
    assert 'value="10.0.0.1"' in text
    assert "not on the public Internet" in text


def test_callback_is_proposed_where_the_site_can_be_reached(owner, settings):
    assert f'value="{settings.SITE_URL}"' in page(owner.client, NEW)
    settings.LOCAL = False
    assert f'value="{settings.SITE_URL}"' not in page(owner.client, NEW)
    settings.SITE_URL = "https://video.example.com"
    assert 'value="https://video.example.com"' in page(owner.client, NEW)


def test_failing_server_is_told_with_its_last_words(owner, httpserver):
    kept = connect(httpserver, team=owner.team)
    assert "In use" in page(owner.client)
    health.failed(kept, ASKING, why="farm answered 503: <b>down</b>")
    text = page(owner.client)
    assert "badge--bad" in text
    assert "farm answered 503: &lt;b&gt;down&lt;/b&gt;" in text
    assert "Failing since:" in text
    assert "Next try:" in text


def test_server_that_asks_to_wait_is_not_called_failing(owner, httpserver):
    health.asked_to_wait(connect(httpserver, team=owner.team), SENDING, None)
    text = page(owner.client)
    assert "Asks us to wait" in text
    assert "Failing since" not in text


def test_switching_off_and_on(owner, httpserver):
    kept = connect(httpserver, team=owner.team)
    url = reverse("connection_switch", args=[kept.pk])
    assert "gets no new jobs" in owner.client.post(url, {"on": "0"}, follow=True).content.decode()
    assert not Connection.objects.get(pk=kept.pk).is_active
    assert "Switch on" in page(owner.client)
    owner.client.post(url, {"on": "1"})
    assert Connection.objects.get(pk=kept.pk).is_active


def test_deleting_asks_first_and_keeps_what_jobs_name(owner, httpserver):
    kept = connect(httpserver, team=owner.team)
    url = reverse("connection_remove", args=[kept.pk])
    assert "Delete farm?" in page(owner.client, url)
    remote_job(owner)
    assert "jobs in the history name it" in owner.client.post(url, follow=True).content.decode()
    assert not Connection.objects.get(pk=kept.pk).is_active
    unused = connect(httpserver, team=owner.team, name="barn")
    gone = owner.client.post(reverse("connection_remove", args=[unused.pk]), follow=True)
    assert "barn is deleted" in gone.content.decode()
    assert not Connection.objects.filter(name="barn").exists()


def test_member_reads_and_changes_nothing(owner, teammate, httpserver):
    kept = connect(httpserver, team=owner.team)
    text = page(teammate.client)
    assert "farm" in text
    assert "Edit" not in text
    assert teammate.client.get(edit(kept)).status_code == 403
    for url in (NEW, edit(kept), f"{LIST}/{kept.pk}/switch", f"{LIST}/{kept.pk}/remove"):
        assert teammate.client.post(url, typed(httpserver)).status_code == 403
    assert not httpserver.log


def test_viewer_sees_neither_page_nor_link(owner, httpserver):
    viewer = character("viewer@example.com", team=owner.team, role=Role.VIEWER)
    assert viewer.client.get(LIST).status_code == 403
    assert f'href="{LIST}"' not in page(viewer.client, "/jobs")
    assert f'href="{LIST}"' in page(owner.client, "/jobs")


def test_strangers_and_the_operators_connections_are_not_there(owner, stranger, httpserver):
    for kept in (connect(httpserver, team=owner.team), connect(httpserver, name="site-wide")):
        assert kept.name not in page(stranger.client)
        assert stranger.client.get(edit(kept)).status_code == 404
        for url in (edit(kept), f"{LIST}/{kept.pk}/switch", f"{LIST}/{kept.pk}/remove"):
            assert stranger.client.post(url, typed(httpserver)).status_code == 404
        assert Connection.objects.get(pk=kept.pk).is_active


def test_pages_speak_russian(owner, httpserver):
    kept = connect(httpserver, team=owner.team)
    for url in (LIST, NEW, edit(kept)):
        assert "Подключения" in page(owner.client, url, headers={"accept-language": "ru"})
