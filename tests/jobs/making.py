"""Jobs in each state, made the way the site makes them."""

from django.db import connection

from jobs import catalog, form_state, lifecycle, submit
from jobs.models import Job
from jobs.verbs import Claim, Result

SAMPLES = {
    "image": "http://localhost:8000/samples/portrait.png",
    "audio": "http://localhost:8000/samples/speech.wav",
}
VALUES = {"image": "http://localhost:9/face.png", "audio": "http://localhost:9/voice.wav"}


def make_job(actor, *, by="key", webhook="", provider="", **values) -> Job:
    """A queued job of this character, submitted by key or in the browser."""
    spec = catalog.get("lipsync-image")
    state = form_state.build(spec, {**VALUES, **values})
    who = actor.key if by == "key" else actor.membership
    return submit.submit(team=actor.team, actor=who, form_state=state, webhook=webhook, provider=provider)


def claim(job: Job) -> Claim:
    """Claim this job, which is the next in line, be it for its fetching or its render."""
    claimed = lifecycle.claim_next() if job.ready else lifecycle.claim_to_fetch()
    assert claimed is not None
    assert claimed.job_id == job.pk
    return claimed


def result(job: Job, **changes) -> Result:
    values = {
        "file": f"results/{job.pk}/1.mp4",
        "url": f"http://localhost:8000/files/{job.pk}/token.mp4",
        "token": "token",
        "sha256": "0" * 64,
        "bytes": 4,
        "seconds": 5.0,
        "width": 480,
        "height": 480,
        "seed": 7,
        "timings": {"warp": 12},
        "warnings": [],
        "prompt_words": [],
    }
    return Result(**{**values, **changes})


def sql(statement, *values):
    """What no code here would do: rows changed behind the ledger's back."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        assert cursor.rowcount == 1
