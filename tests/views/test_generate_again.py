"""Running a job again: the form with what it was made of."""

import pytest
from django.urls import reverse

from jobs import catalog, form_state, rerun, submit
from jobs.models import Connection, Job, Upload
from tests.jobs.making import make_job
from tests.jobs.remotely import connect

URL = "/generate/lipsync-image"


@pytest.fixture
def portrait(owner):
    return Upload.objects.create(
        team=owner.team, kind="image", name="me.png", file="uploads/me.png", format="png", bytes=9
    )


def again(person, job, url=URL):
    return person.client.get(url, {"from": job if isinstance(job, str) else job.pk}).content.decode()


def test_form_holds_what_the_job_was_made_of(owner, teammate, portrait):
    value = f"upload:{portrait.pk}"
    job = make_job(owner, by="person", image=value, prompt="calm <b>", seed=7, resolution="720p")
    for person in (owner, teammate):
        page = again(person, job)
        assert f'value="{value}"' in page
        assert f'src="{reverse("upload_file", args=[portrait.pk])}"' in page
        assert 'value="http://localhost:9/voice.wav"' in page
        assert "calm &lt;b&gt;</textarea>" in page
        assert 'value="7"' in page
        assert '<input type="radio" name="resolution" value="720p" checked>' in page
        assert f'<a href="{reverse("job", args=[job.pk])}">' in page
    assert Job.objects.count() == 1


def test_the_same_request_comes_of_the_refilled_form(owner):
    spec = catalog.get("lipsync-image-multi")
    values = {"image": "http://localhost:9/two.png", "right_audio": "http://localhost:9/v.wav", "seed": -1}
    state = form_state.build(spec, {**values, "order": "right_left", "prompt": "lively"})
    submit.submit(team=owner.team, actor=owner.membership, form_state=state)
    page = owner.client.get("/generate/lipsync-image-multi", {"from": Job.objects.get().pk})
    owner.client.post("/generate/lipsync-image-multi", page.context["form"].strings)
    assert len(set(Job.objects.values_list("fingerprint", flat=True))) == 1
    assert Job.objects.count() == 2


@pytest.fixture
def farm(owner, httpserver):
    """Another server, which makes what nobody in particular is asked for."""
    return connect(httpserver, team=owner.team, name="farm", preference=0)


@pytest.mark.parametrize("asked", ["embedded", ""])
def test_form_and_bulk_ask_whom_the_job_asked(owner, farm, asked):
    job = make_job(owner, by="person", provider=asked)
    made_by = job.connection
    page = owner.client.get(URL, {"from": job.pk})
    assert page.context["form"].provider == asked
    [copy] = rerun.run(
        team=owner.team,
        actor=owner.membership,
        copies=rerun.look(team=owner.team, actor=owner.membership, jobs=[job]),
        name="once",
    )
    assert copy.job.pk != job.pk
    assert (copy.job.connection, copy.job.asked_provider) == (made_by, asked)
    assert made_by == (None if asked else farm)


def test_bulk_asks_nobody_else_when_that_one_is_gone(owner, farm):
    job = make_job(owner, by="person", provider="farm")
    Connection.objects.update(is_active=False)
    [copy] = rerun.look(team=owner.team, actor=owner.membership, jobs=[job])
    assert copy.price is None
    assert "nobody here by that name" in copy.problem


def test_upload_that_is_gone_is_said_beside_its_field(owner, portrait):
    job = make_job(owner, by="person", image=f"upload:{portrait.pk}")
    Upload.objects.all().delete()
    page = again(owner, job)
    assert "The file of that job is not here any more" in page
    assert "upload:" not in page
    assert "Nothing was sent and nothing was charged" not in page
    assert 'value="http://localhost:9/voice.wav"' in page


def test_strangers_job_fills_nothing(owner, stranger):
    page = again(stranger, make_job(owner, prompt="a secret style"))
    assert "That job is not here any more" in page
    assert "secret" not in page
    assert "voice.wav" not in page


@pytest.mark.parametrize("named", ["", "nonsense", "0a9d3f6e-6c1f-4a39-9f0f-2a4f5b7f1c11", "' OR 1=1", "\0"])
def test_job_that_never_was_leaves_the_form_empty(owner, named):
    assert "That job is not here any more" in again(owner, named)


def test_deleted_job_fills_nothing(owner):
    job = make_job(owner, by="person")
    Job.objects.filter(pk=job.pk).update(deleted_at=job.created_at)
    assert "That job is not here any more" in again(owner, job)


def test_job_of_another_model_fills_what_both_have(owner):
    page = again(owner, make_job(owner, prompt="calm"), url="/generate/lipsync-video")
    assert 'value="http://localhost:9/voice.wav"' in page
    assert ">calm</textarea>" in page
    assert "face.png" not in page.split("<form id=", 1)[1]
