"""What is made of a finished video: made once, kept beside it, gone with it."""

from datetime import timedelta
from pathlib import Path

import av
import pytest
from django.core.cache import cache
from django.core.files.storage import FileSystemStorage, default_storage
from django.utils import timezone
from PIL import Image

from jobs import deleting, derived, execute, leaving, lifecycle, media
from jobs.derived import POSTER, SHEET, SOUND, NotMade
from jobs.execute import Made
from jobs.models import Job
from tests.engine.files import write_video
from tests.jobs.making import claim, make_job, result

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def film(tmp_path):
    return write_video(tmp_path / "film.mp4", container="mp4", seconds=2.0)


def published(owner, film) -> Job:
    job = make_job(owner)
    execute.publish(claim(job), film, Made(seconds=2.0, width=64, height=64))
    return Job.objects.get(pk=job.pk)


def ended(owner, film) -> Job:
    """Finished before there were posters, or where making one failed."""
    job = make_job(owner)
    held = claim(job)
    kept = media.store_result(job.pk, 1, film)
    lifecycle.succeed(held, result(job, file=kept.name, sha256=kept.sha256))
    return Job.objects.get(pk=job.pk)


def poster(client, job) -> bytes:
    return b"".join(client.get(f"/files/{job.pk}/token.jpg").streaming_content)


def files(job) -> list[str]:
    return sorted(path.name for path in (media.settings.MEDIA_ROOT / f"results/{job.pk}").glob("*"))


def test_a_published_video_has_a_poster_at_once_and_open_pages_hear_of_it(owner, client, film):
    job = published(owner, film)
    assert job.poster_file == f"results/{job.pk}/1-poster.jpg"
    assert job.version > 2
    answer = client.get(f"/files/{job.pk}/{job.output_token}.jpg")
    assert answer["Content-Type"] == "image/jpeg"
    with default_storage.open(job.poster_file) as file:
        assert b"".join(answer.streaming_content) == file.read()
        assert Image.open(file).size == (64, 64)
    assert list(media.work_folder().iterdir()) == []


def test_a_poster_that_cannot_be_made_costs_nothing(owner, client, tmp_path):
    (tmp_path / "film.mp4").write_bytes(b"not a real video")
    job = published(owner, tmp_path / "film.mp4")
    assert (job.state, job.poster_file) == ("completed", "")
    assert client.get(f"/files/{job.pk}/{job.output_token}.jpg").status_code == 404
    assert files(job) == ["1.mp4"]


def test_a_job_without_a_poster_is_given_one_when_it_is_asked_for(owner, client, film):
    job = ended(owner, film)
    assert poster(client, job)[:3] == b"\xff\xd8\xff"
    assert Job.objects.get(pk=job.pk).poster_file == f"results/{job.pk}/1-poster.jpg"
    version = Job.objects.get(pk=job.pk).version
    assert poster(client, job)[:3] == b"\xff\xd8\xff"
    assert Job.objects.get(pk=job.pk).version == version


def test_sound_and_contact_sheet_are_made_once(owner, film):
    job = ended(owner, film)
    for kind in (SOUND, SHEET):
        name = derived.stored(job, kind)
        first = default_storage.get_modified_time(name)
        assert derived.stored(job, kind) == name
        assert default_storage.get_modified_time(name) == first
    assert files(job) == ["1-sheet.jpg", "1-sound.m4a", "1.mp4"]
    with default_storage.open(derived.stored(job, SOUND)) as file, av.open(file) as sound:
        assert [stream.type for stream in sound.streams] == ["audio"]
        assert float(sound.duration / av.time_base) == pytest.approx(2.0, abs=0.1)
    with default_storage.open(derived.stored(job, SHEET)) as file:
        assert Image.open(file).size == (12 + 4 * 76, 12 + 3 * (64 + 26 + 12))


def test_a_silent_video_says_that_it_has_no_sound(owner, tmp_path):
    job = ended(owner, write_video(tmp_path / "mute.mp4", container="mp4", sound=False))
    with pytest.raises(NotMade, match="no sound"):
        derived.stored(job, SOUND)
    assert files(job) == ["1.mp4"]


@pytest.mark.parametrize(
    "content", [b"", b"ffconcat version 1.0\nfile /etc/passwd\n", b"\0\0\0\x18ftypmp42" * 9]
)
def test_a_hostile_video_of_another_server_yields_nothing(owner, tmp_path, content):
    (tmp_path / "film.mp4").write_bytes(content)
    job = ended(owner, tmp_path / "film.mp4")
    for kind in (POSTER, SOUND, SHEET):
        with pytest.raises(NotMade):
            derived.stored(job, kind)
    assert files(job) == ["1.mp4"]
    assert list(media.work_folder().iterdir()) == []


def test_what_failed_is_not_tried_again_at_once(owner, tmp_path, film):
    """The page of a team with many such videos would keep the processors busy."""
    (tmp_path / "broken.mp4").write_bytes(b"not a real video")
    job = ended(owner, tmp_path / "broken.mp4")
    for _ in range(2):
        with pytest.raises(NotMade, match="could not be read"):
            derived.stored(job, POSTER)
        # It would succeed from now on.
        (media.settings.MEDIA_ROOT / job.output_file).write_bytes(film.read_bytes())
    cache.clear()
    assert derived.stored(job, POSTER) == f"results/{job.pk}/1-poster.jpg"


def test_what_is_made_is_moved_into_its_place_so_that_nobody_meets_half_of_it(tmp_path):
    made = tmp_path / "made"
    made.write_bytes(b"a picture")
    whole = made.stat().st_ino
    name = media.store(made, "results/x/1-poster.jpg", move=True)
    stored = media.settings.MEDIA_ROOT / name
    assert (stored.stat().st_ino, stored.read_bytes(), made.exists()) == (whole, b"a picture", False)
    made.write_bytes(b"another")
    assert media.store(made, "results/x/1-poster.jpg", move=True) != name
    assert stored.read_bytes() == b"a picture"


def test_nothing_is_made_of_a_video_whose_time_is_over(owner, film):
    job = with_everything(owner, film)
    Job.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    job.refresh_from_db()
    for kind in (SOUND, SHEET):
        with pytest.raises(NotMade, match="not kept"):
            derived.stored(job, kind)


def with_everything(owner, film) -> Job:
    job = published(owner, film)
    for kind in (SOUND, SHEET):
        derived.stored(job, kind)
    assert len(files(job)) == 4
    return job


def test_expiry_takes_all_of_it(owner, client, film):
    job = with_everything(owner, film)
    Job.objects.filter(pk=job.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert client.get(f"/files/{job.pk}/{job.output_token}.jpg").status_code == 404
    media.expire()
    assert files(job) == []
    with pytest.raises(NotMade, match="not kept"):
        derived.stored(Job.objects.get(pk=job.pk), SHEET)


def test_deleting_the_job_takes_all_of_it(owner, client, film):
    job = with_everything(owner, film)
    assert deleting.delete(job_id=job.pk, team=owner.team, actor=owner.membership)
    assert client.get(f"/files/{job.pk}/{job.output_token}.jpg").status_code == 404
    assert files(job) == []


def test_the_end_of_its_team_takes_all_of_it(owner, film):
    job = with_everything(owner, film)
    type(owner.team).objects.filter(pk=owner.team.pk).update(deleted_at=timezone.now())
    leaving.clear_closed()
    assert files(job) == []


def test_results_of_earlier_attempts_go_with_what_was_made_of_them(owner, film):
    job = with_everything(owner, film)
    media.drop_results(job.pk, up_to=0)
    assert len(files(job)) == 4
    media.drop_results(job.pk, up_to=1)
    assert files(job) == []


class Bucket(FileSystemStorage):
    """Like a storage of objects: a folder is only how names begin, and does not exist."""

    def exists(self, name):
        return Path(self.path(name)).is_file()


def test_a_bucket_is_cleared_as_well(owner, film, settings):
    options = settings.STORAGES["default"]["OPTIONS"]
    bucket = {"BACKEND": f"{__name__}.Bucket", "OPTIONS": options}
    settings.STORAGES = {**settings.STORAGES, "default": bucket}
    job = with_everything(owner, film)
    media.drop_results(job.pk, up_to=1)
    assert files(job) == []
    job = with_everything(owner, film)
    assert deleting.delete(job_id=job.pk, team=owner.team, actor=owner.membership)
    assert files(job) == []


@pytest.mark.parametrize("changes", [{"output_file": ""}, {"deleted_at": timezone.now()}])
def test_what_was_made_of_a_video_that_went_meanwhile_is_removed(owner, film, changes):
    job = ended(owner, film)
    Job.objects.filter(pk=job.pk).update(**changes)  # while `job` still holds what was read before
    with pytest.raises(NotMade, match="not kept"):
        derived.poster_of(job)
    assert files(job) == ["1.mp4"]


def test_tests_share_what_is_made_of_their_sample(owner, film):
    job = ended(owner, film)
    name = media.store(film, "samples/abc.mp4")
    Job.objects.filter(pk=job.pk).update(is_test=True, output_file=name)
    job = Job.objects.get(pk=job.pk)
    assert derived.stored(job, SHEET) == "samples/abc-sheet.jpg"
    assert derived.poster_of(job) == "samples/abc-poster.jpg"
    Job.objects.filter(pk=job.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    media.expire()
    assert default_storage.exists("samples/abc-poster.jpg")
    assert default_storage.exists("samples/abc-sheet.jpg")


@pytest.mark.parametrize("token", ["Token", "", "..%2ftoken"])
def test_an_altered_address_has_no_poster(owner, client, film, token):
    job = ended(owner, film)
    assert client.get(f"/files/{job.pk}/{token}.jpg").status_code == 404
