import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from accounts import ledger
from jobs import samples
from jobs.models import Job, Upload

URL = "/generate/lipsync-image"


@pytest.fixture
def portrait() -> bytes:
    return samples.portrait_path().read_bytes()


@pytest.fixture
def speech() -> bytes:
    return samples.speech_path().read_bytes()


@pytest.fixture
def sample_form(settings) -> dict[str, str]:
    return {
        "image": f"{settings.SITE_URL}/samples/portrait.png",
        "audio": f"{settings.SITE_URL}/samples/speech.wav",
        "resolution": "480p",
    }


def send(client, kind: str, content: bytes, name: str = "file.bin"):
    return client.post(reverse("upload"), {"kind": kind, "file": SimpleUploadedFile(name, content)})


def test_unknown_model_is_not_found(owner):
    assert owner.client.get("/generate/lipsync-dog").status_code == 404


def test_submitting_makes_a_job_that_spends_user_credits(owner, sample_form):
    answer = owner.client.post(URL, sample_form)
    job = Job.objects.get(team=owner.team)
    assert answer["Location"] == reverse("job", args=[job.pk])
    assert (job.person, job.key, job.source) == (owner.user, None, "browser")
    balances = ledger.balances(owner.team)
    assert balances.user.reserved == job.reserved > 0
    assert balances.api.reserved == 0


def test_files_of_a_browser_without_scripts_are_taken(owner, portrait, speech):
    form = {
        "image_file": SimpleUploadedFile("me.png", portrait),
        "audio_file": SimpleUploadedFile("my voice.wav", speech),
        "resolution": "720p",
    }
    assert owner.client.post(URL, form).status_code == 302
    job = Job.objects.get(team=owner.team)
    assert job.download_name.startswith("me-my-voice-")
    assert set(Upload.objects.values_list("name", "kind")) == {("me.png", "image"), ("my voice.wav", "audio")}


def test_missing_fields_are_named_and_the_rest_is_kept(owner, sample_form):
    answer = owner.client.post(URL, {**sample_form, "audio": "", "prompt": "calm", "seed": "7"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Speech is missing" in page
    assert "formState.audio" not in page
    assert sample_form["image"] in page
    assert ">calm</textarea>" in page
    assert 'value="7"' in page
    assert not Job.objects.exists()


def test_bad_number_is_told_by_its_label(owner, sample_form):
    page = owner.client.post(URL, {**sample_form, "seed": "many"}).content.decode()
    assert "“Seed” must be an integer." in page
    assert 'value="many"' in page


def test_too_few_credits_are_told_and_nothing_is_made(owner, sample_form):
    ledger.reserve(team=owner.team, kind="user", amount=995, reference="test", source=ledger.Source())
    answer = owner.client.post(URL, sample_form)
    assert answer.status_code == 422
    assert "5 available in its user credits" in answer.content.decode()
    assert not Job.objects.exists()


def test_the_teams_cap_is_told_and_nothing_is_made(owner, sample_form):
    ledger.set_limits(team=owner.team, kind="user", monthly_cap=5, alert_below=None)
    answer = owner.client.post(URL, sample_form)
    assert answer.status_code == 422
    assert "has spent 0 of the 5 that it may spend of its user credits" in answer.content.decode()
    assert not Job.objects.exists()


def test_sample_button_fills_the_field_without_scripts(owner, sample_form):
    answer = owner.client.post(URL, {"sample": "audio", "image": "https://example.com/me.png"})
    page = answer.content.decode()
    assert answer.status_code == 200
    assert f'value="{sample_form["audio"]}"' in page
    assert 'value="https://example.com/me.png"' in page


def test_price_is_a_lower_bound_until_the_length_is_known(owner):
    page = owner.client.get(f"{URL}/price", {"resolution": "720p", "image": "x"}).content.decode()
    assert 'data-credits="20"' in page
    assert 'data-exact="no"' in page
    assert "from 20 credits" in page


def test_price_of_an_upload_is_exact(owner, speech):
    value = send(owner.client, "audio", speech).json()["value"]
    page = owner.client.get(f"{URL}/price", {"resolution": "480p", "audio": value}).content.decode()
    assert 'data-exact="yes"' in page
    owner.client.post(URL, {"image": "http://localhost:9/me.png", "audio": value})
    assert f'data-credits="{Job.objects.get().reserved}"' in page


def test_price_does_not_tell_a_stranger_of_an_upload(owner, stranger, speech):
    value = send(owner.client, "audio", speech).json()["value"]
    page = stranger.client.get(f"{URL}/price", {"audio": value}).content.decode()
    assert 'data-exact="no"' in page


def test_price_warns_when_credits_are_short(owner, sample_form):
    ledger.reserve(team=owner.team, kind="user", amount=998, reference="test", source=ledger.Source())
    assert "credits short" in owner.client.get(f"{URL}/price", sample_form).content.decode()


def test_price_of_a_sample_of_the_wrong_kind_is_the_least(owner, sample_form):
    page = owner.client.get(f"{URL}/price", {"audio": sample_form["image"]}).content.decode()
    assert 'data-exact="no"' in page


@pytest.mark.parametrize(
    "form", [{"resolution": "9000p"}, {"audio": "nonsense"}, {"audio": "upload:1"}, {"seed": "x"}]
)
def test_price_of_nonsense_is_the_least(owner, form):
    answer = owner.client.get(f"{URL}/price", form)
    assert answer.status_code == 200
    assert 'data-credits="10"' in answer.content.decode()


def test_upload_answers_what_the_file_is(owner, portrait):
    answer = send(owner.client, "image", portrait, "../../me <b>.png")
    assert answer.status_code == 201
    facts = answer.json()
    assert (facts["width"], facts["height"], facts["name"]) == (512, 512, "me <b>.png")
    preview = owner.client.get(facts["url"])
    assert b"".join(preview.streaming_content) == portrait
    assert preview["Content-Type"] == "image/png"
    assert "sandbox" in preview["Content-Security-Policy"]


def test_upload_of_the_wrong_kind_is_refused_with_a_sentence(owner, portrait):
    answer = send(owner.client, "audio", portrait, "song.mp3")
    assert answer.status_code == 422
    assert answer.json()["code"] == "unsupported_format"
    assert not Upload.objects.exists()


def test_upload_without_a_file_is_refused(owner):
    assert owner.client.post(reverse("upload"), {"kind": "image"}).status_code == 400
    assert send(owner.client, "spreadsheet", b"1").status_code == 400


def test_upload_is_its_teams_alone(owner, teammate, stranger, portrait):
    url = send(owner.client, "image", portrait).json()["url"]
    assert b"".join(teammate.client.get(url).streaming_content) == portrait
    assert stranger.client.get(url).status_code == 404


def test_strangers_upload_cannot_be_submitted(owner, stranger, sample_form, portrait):
    value = send(owner.client, "image", portrait).json()["value"]
    answer = stranger.client.post(URL, {**sample_form, "image": value})
    assert answer.status_code == 422
    assert "not there any more" in answer.content.decode()


def test_kept_upload_is_previewed_when_the_form_comes_back(owner, portrait):
    facts = send(owner.client, "image", portrait, "me.png").json()
    page = owner.client.post(URL, {"image": facts["value"]}).content.decode()
    assert f'<img src="{facts["url"]}"' in page
    assert f'value="{facts["value"]}"' in page
