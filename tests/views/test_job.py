import html
import json
import re
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.urls import reverse
from django.utils import timezone

from accounts import ledger
from jobs import deleting, lifecycle, media, wire, words
from jobs.models import Job, JobEvent, State, Upload, WebhookDelivery
from tests.conftest import character
from tests.engine.files import write_video
from tests.jobs.making import SAMPLES, claim, make_job, result


def test_job_card_changes_with_the_version_and_stops(owner):
    job = make_job(owner)
    page = owner.client.get(reverse("job", args=[job.pk])).content.decode()
    assert "every 2s" in page
    url = re.search(r'hx-get="([^"]*/card[^"]*)"', page)[1]
    assert owner.client.get(url).status_code == 204
    lifecycle.succeed(claim(job), result(job))
    card = owner.client.get(url).content.decode()
    assert "<video" in card
    assert "every 2s" not in card


def test_an_open_page_of_a_job_that_was_deleted_is_loaded_again_and_asks_no_more(owner, stranger):
    job = make_job(owner)
    card = reverse("job_card", args=[job.pk])
    assert deleting.delete(job_id=job.pk, team=owner.team, actor=owner.membership)
    for person in (owner, stranger):
        assert person.client.get(card, headers={"hx-request": "true"})["HX-Refresh"] == "true"
        assert person.client.get(card).status_code == 404


def test_video_is_shown_under_the_pages_own_address(owner):
    """A page opened as 127.0.0.1 must not reach for localhost: its content policy would refuse."""
    job = make_job(owner)
    lifecycle.succeed(claim(job), result(job))
    card = owner.client.get(reverse("job", args=[job.pk])).content.decode()
    assert f'src="/files/{job.pk}/token.mp4"' in card


def test_failure_says_what_it_cost(owner):
    job = make_job(owner)
    lifecycle.fail(job.pk, code="no_face", sentence="image: No face was found.")
    page = owner.client.get(reverse("job", args=[job.pk])).content.decode()
    assert "Picture: No face was found." in page
    assert "It cost nothing" in page
    assert "no_face" in page


def test_failure_is_told_in_the_readers_language(owner):
    job = make_job(owner)
    lifecycle.fail(job.pk, code="no_face", sentence="image: No face was found.")
    page = owner.client.get(reverse("job", args=[job.pk]), headers={"accept-language": "ru"}).content.decode()
    assert "Лицо не найдено" in page
    assert "No face was found" not in page.split('id="raw"')[0]  # the document is the API's, in English


def test_webhooks_attempts_are_shown(owner):
    job = make_job(owner, webhook="http://localhost:9/hook")
    lifecycle.cancel(job.pk)
    delivery = job.deliveries.get()
    delivery.log.create(number=1, duration_ms=1500, status=503)
    delivery.log.create(number=2, duration_ms=10, error="The <b>connection</b> was refused.")
    page = owner.client.get(reverse("job", args=[job.pk])).content.decode()
    assert "http://localhost:9/hook" in page
    assert "Answered 503" in page
    assert "1.5 s" in page
    assert "The &lt;b&gt;connection&lt;/b&gt; was refused." in page


def test_cancel_asks_then_gives_the_credits_back(owner):
    job = make_job(owner, by="person")
    url = reverse("cancel", args=[job.pk])
    page = owner.client.get(url)
    assert "Cancel this job?" in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    assert Job.objects.get(pk=job.pk).state == State.QUEUED
    answer = owner.client.post(url, follow=True)
    assert "The job is canceled" in answer.content.decode()
    assert ledger.balances(owner.team).user.reserved == 0


def test_canceling_an_ended_job_changes_nothing(owner):
    job = make_job(owner)
    lifecycle.succeed(claim(job), result(job))
    answer = owner.client.post(reverse("cancel", args=[job.pk]), follow=True)
    assert "had already ended" in answer.content.decode()
    assert Job.objects.get(pk=job.pk).state == State.COMPLETED


def test_title_of_a_stranger_is_escaped(owner):
    job = make_job(owner, image="http://localhost:9/%3Cscript%3E%7B%7B7*7%7D%7D.png")
    page = owner.client.get(reverse("job", args=[job.pk])).content.decode()
    assert "<script>{{7*7}}" not in page
    assert "&lt;script&gt;{{7*7}}" in page


def page_of(person, job) -> str:
    return person.client.get(reverse("job", args=[job.pk])).content.decode()


def finished(owner, film=None, **values) -> Job:
    job = make_job(owner, **values)
    held = claim(job)
    if film is None:
        lifecycle.succeed(held, result(job))
    else:
        kept = media.store_result(job.pk, 1, film)
        lifecycle.succeed(held, result(job, file=kept.name, sha256=kept.sha256))
    return Job.objects.get(pk=job.pk)


def test_the_raw_document_is_the_apis_answer_to_the_byte(owner):
    job = finished(owner, prompt='<b>"calm" & slow</b>')
    asked = owner.client.get(reverse("job_document", args=[job.pk]))
    assert asked["Content-Type"] == "application/json"
    assert asked["Content-Disposition"] == f'attachment; filename="face-voice-{str(job.pk)[:8]}.json"'
    assert json.loads(asked.content) == wire.job_document(job)
    answer = owner.client.get(f"/api/v1/jobs/{job.pk}", headers=owner.headers)
    assert json.loads(asked.content) == answer.json()
    shown = re.search(r'<code id="document">(.*?)</code>', page_of(owner, job), re.DOTALL)[1]
    assert html.unescape(shown) == asked.content.decode()


def test_sound_and_sheet_are_downloads_under_sensible_names(owner, tmp_path):
    job = finished(owner, write_video(tmp_path / "film.mp4", container="mp4"))
    for name, ending, kind, start in (
        ("job_sound", ".m4a", "audio/mp4", b"\0\0\0"),
        ("job_sheet", "-sheet.jpg", "image/jpeg", b"\xff\xd8\xff"),
    ):
        answer = owner.client.get(reverse(name, args=[job.pk]))
        content = b"".join(answer.streaming_content)
        assert (answer.status_code, answer["Content-Type"]) == (200, kind)
        wanted = f'attachment; filename="face-voice-{str(job.pk)[:8]}{ending}"'
        assert answer["Content-Disposition"] == wanted
        assert content.startswith(start)
        assert answer["Content-Length"] == str(len(content))


@pytest.mark.parametrize("name", ["job_sound", "job_sheet"])
def test_a_job_without_a_video_says_that_there_is_nothing_to_take(owner, name):
    for job, sentence in (
        (finished(owner), "The video is not kept any more."),
        (make_job(owner), "There is no finished video yet."),
    ):
        answer = owner.client.get(reverse(name, args=[job.pk]), follow=True)
        assert answer.redirect_chain[0][0] == reverse("job", args=[job.pk])
        assert f"{sentence}</div>" in answer.content.decode()


def test_a_viewer_may_download_and_not_act(owner):
    job = finished(owner)
    viewer = character("viewer@example.com", team=owner.team, role="viewer")
    page = page_of(viewer, job)
    assert reverse("job_sheet", args=[job.pk]) in page
    assert "?from=" not in page


def test_run_again_leads_to_the_form_with_this_jobs_values(owner):
    job = finished(owner)
    assert f'href="/generate/lipsync-image?from={job.pk}"' in page_of(owner, job)


def test_inputs_are_shown_as_what_they_are(owner):
    file = default_storage.save("uploads/face.png", ContentFile(b"a picture"))
    upload = Upload.objects.create(
        team=owner.team, kind="image", name="me.png", file=file, format="png", bytes=9, width=64, height=48
    )
    job = make_job(owner, by="person", image=f"upload:{upload.pk}", audio=SAMPLES["audio"])
    page = page_of(owner, job)
    assert f'<img src="/uploads/{upload.pk}"' in page
    assert "64 × 48" in page
    assert 'src="/samples/speech.wav"' in page
    upload.delete()
    page = page_of(owner, job)
    assert "The uploaded file is not kept any more." in page
    assert "/uploads/" not in page


def test_a_foreign_address_is_shown_as_text_and_fetched_by_no_page(owner):
    page = page_of(owner, make_job(owner))
    assert "http://localhost:9/face.png" in page
    assert 'src="http://localhost:9' not in page
    assert 'href="http://localhost:9' not in page


def test_the_timeline_says_how_long_each_step_took(owner):
    job = finished(owner)
    start = job.created_at
    for number, event in enumerate(job.events.all()):
        JobEvent.objects.filter(pk=event.pk).update(at=start + timedelta(seconds=2.5 * number))
    page = page_of(owner, job)
    assert page.count("after 2.5 s") == job.events.count() - 1


def test_the_card_says_when_the_job_may_be_done_and_hears_of_time_alone(owner):
    job = make_job(owner)
    values = {"state": "running", "ready": True, "billed_seconds": 5, "attempt": 1}
    Job.objects.filter(pk=job.pk).update(**values, started_at=timezone.now())
    for took in (30, 31, 32, 33, 34, 35):
        past, ended = finished(owner), timezone.now()
        began = ended - timedelta(seconds=took)
        Job.objects.filter(pk=past.pk).update(billed_seconds=5, started_at=began, finished_at=ended)
    page = page_of(owner, job)
    assert "about 35 s left" in page
    card = re.search(r'hx-get="([^"]*/card[^"]*)"', page)[1]
    assert owner.client.get(card).status_code == 204
    Job.objects.filter(pk=job.pk).update(started_at=timezone.now() - timedelta(seconds=60))
    assert "slower than usual" in owner.client.get(card).content.decode()


@pytest.mark.parametrize("code", sorted({*words.FAILURES, "something_new"}))
def test_every_failure_has_a_next_step(owner, code):
    job = make_job(owner)
    lifecycle.fail(job.pk, code=code, sentence="It failed.")
    page = page_of(owner, job)
    assert html.escape(str(words.next_step(code).sentence)) in page
    assert "What to do" in page


def test_a_failed_webhook_is_sent_again_from_the_jobs_page(owner):
    job = make_job(owner, webhook="http://localhost:9/hook")
    lifecycle.cancel(job.pk)
    delivery = job.deliveries.get()
    WebhookDelivery.objects.update(state="exhausted", attempts=3)
    assert "Send again" in page_of(owner, job)
    answer = owner.client.post(reverse("delivery_replay", args=[delivery.pk]), {"back": "job"})
    assert answer["Location"] == reverse("job", args=[job.pk])
    assert WebhookDelivery.objects.get().state == "due"


def test_the_page_costs_the_same_queries_however_much_has_happened(owner, django_assert_max_num_queries):
    job = make_job(owner, webhook="http://localhost:9/hook")
    lifecycle.cancel(job.pk)
    for number in range(20):
        job.deliveries.get().log.create(number=number + 1, duration_ms=1, status=500)
        job.events.create(verb="requeue", old="running", new="queued", attempt=number)
    with django_assert_max_num_queries(16):
        page_of(owner, job)
