"""One job from its claim to its end: with the real engine, and with providers that misbehave."""

import errno
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from accounts import ledger
from accounts.models import ApiKey
from jobs import execute, lifecycle, media, reconciliation, samples
from jobs.engine.contract import RenderReport
from jobs.engine.errors import Canceled, EngineDied
from jobs.models import Job, JobEvent
from jobs.providers.base import Done, Failed
from jobs.providers.embedded import EmbeddedProvider
from tests.jobs.making import SAMPLES, claim, make_job, result

pytestmark = pytest.mark.django_db(transaction=True)


class Provider:
    """A provider that does what the test says, between the fetched inputs and the outcome."""

    def __init__(self, act=None):
        self.act = act
        self.contexts = []

    def run(self, context):
        self.contexts.append(context)
        outcome = self.act(context) if self.act else None
        if outcome:
            return outcome
        file = context.folder / "out.mp4"
        file.write_bytes(b"not a real video")
        return Done(file, RenderReport(1, 25.0, context.seconds, 480, 480, context.seed, 1))


@pytest.fixture(scope="module")
def engine():
    provider = EmbeddedProvider()
    yield provider
    provider.close()


def run(provider, job):
    """Fetch its inputs if they lie elsewhere, then render it if it came so far."""
    if not job.ready:
        assert execute.fetch_next()
        assert not execute.fetch_next()
    if Job.objects.get(pk=job.pk).ready:
        assert execute.run_next(provider)
    return Job.objects.get(pk=job.pk)


def available(character):
    return ledger.balances(character.team).api.available


def left_over():
    return list(media.work_folder().iterdir())


def raising(error):
    def act(context):
        raise error

    return act


def test_makes_a_talking_portrait(owner, client, engine):
    job = run(engine, make_job(owner, **SAMPLES))
    assert (job.state, job.error) == ("completed", "")
    assert (job.width, job.height) == (480, 480)
    assert job.charged == job.billed_seconds * 2 == 1000 - available(owner)
    answer = client.get(job.output_url.removeprefix("http://localhost:8000"))
    content = b"".join(answer.streaming_content)
    assert content[4:8] == b"ftyp"
    assert len(content) == job.output_bytes
    assert set(job.timings)
    assert left_over() == []
    assert reconciliation.findings() == []


def test_a_picture_without_a_face_fails_with_a_sentence_and_costs_nothing(owner, engine, httpserver):
    noise = np.random.default_rng(1).integers(0, 255, (256, 256, 3), dtype=np.uint8)
    png = io.BytesIO()
    Image.fromarray(noise).save(png, "PNG")
    httpserver.expect_request("/noise.png").respond_with_data(png.getvalue())
    job = run(engine, make_job(owner, **{**SAMPLES, "image": httpserver.url_for("/noise.png")}))
    assert (job.state, job.error_code) == ("failed", "no_face")
    assert "face" in job.error
    assert available(owner) == 1000


def test_an_input_that_is_not_there_fails_and_names_its_field(owner, httpserver):
    httpserver.expect_request("/voice.wav").respond_with_data("", status=404)
    provider = Provider()
    job = run(provider, make_job(owner, **{**SAMPLES, "audio": httpserver.url_for("/voice.wav")}))
    assert (job.state, job.error_code) == ("failed", "fetch_failed")
    assert job.error.startswith("audio: ")
    assert provider.contexts == []
    assert available(owner) == 1000
    assert left_over() == []


def test_an_input_of_another_format_fails(owner, httpserver):
    httpserver.expect_request("/voice.wav").respond_with_data("ffconcat version 1.0\nfile /etc/passwd\n")
    job = run(Provider(), make_job(owner, **{**SAMPLES, "audio": httpserver.url_for("/voice.wav")}))
    assert (job.state, job.error_code) == ("failed", "unsupported_format")


def test_too_few_credits_for_the_exact_price_fails_before_the_render(owner, httpserver):
    httpserver.expect_request("/voice.wav").respond_with_data(samples.speech_path().read_bytes())
    ledger.reserve(team=owner.team, kind="api", amount=989, reference="test", source=ledger.Source())
    provider = Provider()
    job = run(provider, make_job(owner, **{**SAMPLES, "audio": httpserver.url_for("/voice.wav")}))
    assert (job.state, job.error_code) == ("failed", "not_enough_credits")
    assert provider.contexts == []
    assert available(owner) == 11


def test_a_cap_that_the_exact_price_passes_fails_before_the_render(owner, httpserver):
    httpserver.expect_request("/voice.wav").respond_with_data(samples.speech_path().read_bytes())
    ledger.set_limits(team=owner.team, kind="api", monthly_cap=11, alert_below=None)
    provider = Provider()
    job = run(provider, make_job(owner, **{**SAMPLES, "audio": httpserver.url_for("/voice.wav")}))
    assert (job.state, job.error_code) == ("failed", "spending_cap_reached")
    assert "has spent 10 of the 11" in job.error
    assert provider.contexts == []
    purse = ledger.balances(owner.team).api
    assert (purse.available, purse.reserved, purse.month_spent) == (1000, 0, 0)


def test_a_limit_of_the_key_that_the_exact_price_passes_fails_before_the_render(owner, httpserver):
    httpserver.expect_request("/voice.wav").respond_with_data(samples.speech_path().read_bytes())
    ApiKey.objects.filter(pk=owner.key.pk).update(daily_credits=11)
    owner.key.refresh_from_db()
    provider = Provider()
    job = run(provider, make_job(owner, **{**SAMPLES, "audio": httpserver.url_for("/voice.wav")}))
    assert (job.state, job.error_code) == ("failed", "key_limit_reached")
    assert provider.contexts == []
    assert available(owner) == 1000
    key = ApiKey.objects.get(pk=owner.key.pk)
    assert (key.spent_on_day, key.spent_in_all) == (0, 0)


def test_a_known_length_is_reserved_exactly_at_submit(owner):
    job = make_job(owner, **SAMPLES, resolution="720p")
    assert (job.billed_seconds, job.reserved) == (6, 24)


def test_a_providers_no_is_final(owner):
    job = run(Provider(lambda context: Failed("no_face", "No face.")), make_job(owner, **SAMPLES))
    assert (job.state, job.error_code, job.attempt) == ("failed", "no_face", 1)


def test_a_crash_is_tried_once_more_and_then_fails(owner):
    job = make_job(owner, **SAMPLES)
    provider = Provider(raising(EngineDied("killed")))
    assert run(provider, job).state == "queued"
    ended = run(provider, job)
    assert (ended.state, ended.error_code, len(provider.contexts)) == ("failed", "render_lost", 2)
    assert available(owner) == 1000


@pytest.mark.parametrize(
    ("error", "code"),
    [(OSError(errno.ENOSPC, "No space left"), "storage_full"), (RuntimeError("a bug"), "internal_error")],
)
def test_a_fault_of_ours_ends_the_job_and_gives_back(owner, error, code):
    job = run(Provider(raising(error)), make_job(owner, **SAMPLES))
    assert (job.state, job.error_code) == ("failed", code)
    assert "a bug" not in job.error
    assert available(owner) == 1000
    assert left_over() == []


def test_a_job_canceled_in_mid_render_stops_and_stays_canceled(owner):
    job = make_job(owner, **SAMPLES)

    def act(context):
        lifecycle.cancel(job.pk)
        context.on_progress("warp", 0.5)
        assert context.is_canceled()
        raise Canceled

    # The first progress of an attempt was written while fetching; this one must not be held back by a second.
    ended = run(Provider(lambda context: (execute.time.sleep(execute.PROGRESS_EVERY), act(context))[1]), job)
    assert ended.state == "canceled"
    assert available(owner) == 1000


def test_a_worker_that_was_fenced_out_leaves_no_file(owner):
    job = make_job(owner, **SAMPLES)

    def overtaken(context):
        Job.objects.filter(pk=job.pk).update(attempt=7)

    ended = run(Provider(overtaken), job)
    assert (ended.state, ended.output_file) == ("running", "")
    assert list(Path(media.settings.MEDIA_ROOT).rglob("*.mp4")) == []


def test_a_stopped_worker_hands_its_job_back(owner):
    job = make_job(owner, **SAMPLES)

    def act(context):
        execute.stopping.set()
        assert context.is_canceled()
        raise Canceled

    try:
        ended = run(Provider(act), job)
        assert not execute.run_next(Provider())
    finally:
        execute.stopping.clear()
    assert (ended.state, ended.lost_attempts) == ("queued", 0)
    assert JobEvent.objects.filter(job=job, verb="release").count() == 1
    assert run(Provider(), job).state == "completed"


def test_inputs_that_were_fetched_are_kept_for_the_render_and_dropped_after_it(owner, httpserver):
    httpserver.expect_oneshot_request("/voice.wav").respond_with_data(samples.speech_path().read_bytes())
    job = make_job(owner, **{**SAMPLES, "audio": httpserver.url_for("/voice.wav")})
    seen = []
    ended = run(Provider(lambda context: seen.append(context.inputs["audio"].read_bytes())), job)
    assert seen == [samples.speech_path().read_bytes()]
    assert ended.state == "completed"
    assert [event.verb for event in JobEvent.objects.filter(job=job)] == [
        *("submit", "claim", "price", "ready", "claim", "price", "succeed")
    ]
    assert not list(Path(media.settings.MEDIA_ROOT).rglob(f"inputs/{job.pk}/*"))


def test_a_team_with_slow_servers_holds_up_no_other(owner, stranger):
    jobs = [make_job(owner) for _ in range(3)]
    assert lifecycle.claim_to_fetch().job_id == jobs[0].pk
    assert lifecycle.claim_to_fetch() is None
    theirs = make_job(stranger)
    assert claim(theirs)


def test_audio_of_another_length_on_the_second_attempt_is_priced_anew(owner):
    """What an address serves may change: up, then down, and the credits add up each time."""
    job = make_job(owner)
    for seconds in (10, 20, 5):
        held = claim(job)
        assert lifecycle.price(held, seconds=seconds, amount=seconds * 2)
        assert ledger.balances(owner.team).api.reserved == seconds * 2
        lifecycle.release(held, reason="stopped")
    assert lifecycle.succeed(claim(job), result(job))
    assert available(owner) == 990
    assert reconciliation.findings() == []


def test_f13_a_late_worker_ends_nothing_and_deletes_nothing(owner):
    """It was paused after its claim; meanwhile the job went back in line, and then completed."""
    job = make_job(owner, **SAMPLES)
    late = claim(job)
    lifecycle.lose(late, reason="paused")
    assert not lifecycle.fail_claimed(late, code="fetch_failed", sentence="Too late.")
    ended = run(Provider(), job)
    execute.run(late, Provider(raising(execute.JobFailure("no_face", "Too late."))))
    assert Job.objects.get(pk=job.pk).state == "completed"
    assert media.default_storage.exists(ended.output_file)


def test_a_file_that_a_dead_worker_stored_and_did_not_publish_is_replaced(owner):
    """F10, between upload and commit."""
    job = make_job(owner, **SAMPLES)
    dead = claim(job)
    file = media.work_folder() / "dead.mp4"
    file.write_bytes(b"an earlier attempt's")
    media.store_result(job.pk, dead.attempt, file)
    file.unlink()
    lifecycle.lose(dead, reason="killed")
    ended = run(Provider(), job)
    results = Path(media.settings.MEDIA_ROOT) / "results" / str(job.pk)
    assert [path.name for path in results.iterdir()] == ["2.mp4"]
    assert ended.output_file.endswith("/2.mp4")


def test_nobody_in_line_is_no_work(db):
    assert not execute.run_next(Provider())
