"""Where a video is made: chosen on the form, said on the pages, explained when it fails."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import reverse

from jobs import lifecycle, words
from jobs.models import Job
from tests.jobs.making import SAMPLES, claim, make_job, result
from tests.jobs.remotely import connect

pytestmark = pytest.mark.django_db
URL = "/generate/lipsync-image"
SELECT = re.compile(r'<select id="id_provider".*?</select>', re.DOTALL)


@pytest.fixture
def sample_form() -> dict[str, str]:
    return {
        "image": f"{settings.SITE_URL}/samples/portrait.png",
        "audio": f"{settings.SITE_URL}/samples/speech.wav",
        "resolution": "480p",
    }


def options(client) -> list[tuple[str, str]]:
    select = SELECT.search(client.get(URL).content.decode())
    return re.findall(r'<option value="([^"]*)">([^<]*)<', select.group()) if select else []


def job_page(client, job, **options) -> str:
    return client.get(reverse("job", args=[job.pk]), **options).content.decode()


def waiting_job(owner, server, **changes) -> Job:
    connection = connect(server, team=owner.team, **changes)
    job = make_job(owner, **SAMPLES, provider=connection.name)
    lifecycle.hand_off(lifecycle.claim_for(connection), external_id="there-1", ask_at=job.created_at)
    return Job.objects.get(pk=job.pk)


def test_one_choice_is_no_question(owner):
    assert options(owner.client) == []


def test_choices_are_shown_in_order_of_preference(owner, stranger, httpserver):
    connect(httpserver, team=owner.team, name="slow", preference=200)
    connect(httpserver, name="rack", only_resolutions=["480p"])
    connect(httpserver, name="off", is_active=False)
    connect(httpserver, team=stranger.team, name="theirs")
    assert options(owner.client) == [("rack", "rack (480p)"), ("embedded", "This site"), ("slow", "slow")]


def test_chosen_provider_gets_the_job(owner, httpserver, sample_form):
    farm = connect(httpserver, team=owner.team)
    owner.client.post(URL, {**sample_form, "provider": "embedded"})
    assert Job.objects.get().connection is None
    owner.client.post(URL, {**sample_form, "provider": "farm"})
    assert Job.objects.latest("created_at").connection == farm


def test_form_without_a_choice_uses_the_most_preferred(owner, httpserver, sample_form):
    farm = connect(httpserver, team=owner.team)
    owner.client.post(URL, sample_form)
    assert Job.objects.get().connection == farm


def test_provider_that_does_not_take_it_is_told_beside_the_choice(owner, httpserver, sample_form):
    connect(httpserver, team=owner.team, only_resolutions=["720p"])
    answered = owner.client.post(URL, {**sample_form, "provider": "farm"})
    assert answered.status_code == 422
    page = answered.content.decode()
    assert "nobody here by that name" in page.split('id="id_provider_error"')[1]
    assert '<option value="farm" selected>' in page
    assert not Job.objects.exists()


def test_strangers_provider_cannot_be_named(stranger, owner, httpserver, sample_form):
    connect(httpserver, team=owner.team)
    assert stranger.client.post(URL, {**sample_form, "provider": "farm"}).status_code == 422
    assert not Job.objects.exists()


def test_waiting_job_says_where_it_is_made_and_how_far(owner, httpserver):
    job = waiting_job(owner, httpserver)
    for page in (job_page(owner.client, job), owner.client.get(reverse("history")).content.decode()):
        assert "Being made on another server: farm" in page
        assert "%</span>" not in page
    lifecycle.note_remote_progress(job.pk, 40)
    assert "Being made on another server: farm · 40%" in job_page(owner.client, job)
    russian = job_page(owner.client, job, headers={"accept-language": "ru"})
    assert "Создаётся на другом сервере: farm" in russian


def test_job_page_and_history_say_where_it_was_made(owner, httpserver):
    here = make_job(owner)
    lifecycle.succeed(claim(here), result(here))
    assert "<dt>Made by</dt><dd>This site" in job_page(owner.client, here)
    job = waiting_job(owner, httpserver)
    assert "<dt>Made by</dt><dd>farm" in job_page(owner.client, job)
    assert owner.client.get(reverse("history")).content.decode().count("made by farm") == 1


@pytest.mark.parametrize("code", ["provider_refused", "provider_failed", "provider_bad_result"])
@pytest.mark.parametrize("language", ["en", "ru"])
def test_failure_elsewhere_is_explained_and_quoted(owner, httpserver, code, language):
    job = waiting_job(owner, httpserver, name="audio")  # a name that a field has too
    lifecycle.fail(job.pk, code=code, sentence="audio: Too <dark> for us.")
    page = job_page(owner.client, job, headers={"accept-language": language})
    assert "audio: Too &lt;dark&gt; for us." in page
    start = {"en": "The server that", "ru": "Сервер"}[language]
    assert f"<strong>{start}" in page


def test_reason_of_a_lost_result_is_kept_in_russian(owner, httpserver):
    job = waiting_job(owner, httpserver)
    lifecycle.fail(job.pk, code="provider_result_lost", sentence="It answered with status 404.")
    page = job_page(owner.client, job, headers={"accept-language": "ru"})
    assert re.search(r"[а-яё:] It answered with status 404\.", page)
    assert "<strong>It answered with status 404." in job_page(owner.client, job)


@pytest.mark.parametrize(
    "code", ["provider_key_refused", "provider_unclear", "provider_lost_job", "deadline"]
)
def test_our_own_sentence_is_translated(owner, httpserver, code):
    job = waiting_job(owner, httpserver)
    lifecycle.fail(job.pk, code=code, sentence="The exact English sentence.")
    assert "<strong>The exact English sentence.</strong>" in job_page(owner.client, job)
    russian = job_page(owner.client, job, headers={"accept-language": "ru"})
    assert "exact English" not in russian.split('id="raw"')[0]  # the document is the API's, in English
    assert re.search(r"<strong>[А-ЯЁ]", russian)


def test_every_failure_code_of_providers_has_words():
    sources = [Path(settings.BASE_DIR) / "jobs" / name for name in ("remote.py", "providers/remote.py")]
    codes = set(re.findall(r'"(provider_\w+)"', "".join(path.read_text() for path in sources)))
    assert len(codes) >= 7
    assert codes <= words.FAILURES.keys()


def test_why_a_job_waits_is_told_to_the_owner_of_the_connection(owner, httpserver):
    own, rack = connect(httpserver, team=owner.team), connect(httpserver, name="rack")
    for connection in (own, rack):
        job = make_job(owner, **SAMPLES, provider=connection.name)
        held = lifecycle.claim_for(connection)
        lifecycle.postpone(held, until=job.deadline, reason="It answered 402: too few credits.")
        assert ("too few credits" in job_page(owner.client, job)) == (connection == own)


def test_history_asks_for_all_connections_at_once(owner, httpserver, django_assert_max_num_queries):
    for number in range(6):
        waiting_job(owner, httpserver, name=f"farm-{number}")
    with django_assert_max_num_queries(10):
        page = owner.client.get(reverse("history")).content.decode()
    assert page.count("made by farm-") == 6
