"""The site's own media: there, as described, and the same every time."""

import threading
import wave

import av
import numpy as np
import pytest

from jobs import catalog, samples


@pytest.fixture
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return tmp_path


def test_portrait_is_a_square_picture_of_512_pixels():
    with av.open(str(samples.portrait_path())) as container:
        frame = next(container.decode(video=0))
    assert (frame.width, frame.height) == (512, 512)


def test_speech_is_mono_and_takes_between_four_and_seven_seconds(data_dir):
    with wave.open(str(samples.speech_path())) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 22050)
        assert 4 < file.getnframes() / file.getframerate() < 7


def test_speech_is_loud_and_holds_a_pause(data_dir):
    with wave.open(str(samples.speech_path())) as file:
        sound = np.frombuffer(file.readframes(file.getnframes()), dtype=np.int16)
    loudness = np.abs(sound[: len(sound) // 2205 * 2205].astype(float)).reshape(-1, 2205).mean(axis=1)
    voiced = np.flatnonzero(loudness > 500)
    inside = loudness[voiced[0] : voiced[-1]]
    assert len(voiced) > 30  # tenths of a second
    assert (inside < 50).sum() >= 2


def test_speech_is_the_same_in_another_folder(settings, tmp_path):
    spoken = []
    for name in (
        "one",
        "a folder with spaces and " + "x" * 150,
    ):  # eSpeak NG cuts paths of its own at 160 bytes
        settings.DATA_DIR = tmp_path / name
        spoken.append(samples.speech_path().read_bytes())
    assert spoken[0] == spoken[1]


def test_speech_is_made_once(data_dir):
    first = samples.speech_path().stat()
    second = samples.speech_path().stat()
    assert (first.st_ino, first.st_mtime_ns) == (second.st_ino, second.st_mtime_ns)


def test_speech_asked_for_four_times_at_once_is_whole_each_time(data_dir):
    barrier = threading.Barrier(4)
    lengths = []

    def ask():
        barrier.wait()
        with wave.open(str(samples.speech_path())) as file:
            lengths.append(len(file.readframes(file.getnframes())))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lengths) == 4
    assert len(set(lengths)) == 1
    assert [path.name for path in (data_dir / "samples").iterdir()] == ["speech.wav"]


def test_pair_is_the_portrait_beside_its_mirror_image(data_dir):
    with av.open(str(samples.find("pair.png"))) as container:
        pair = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert pair.shape == (512, 1024, 3)
    assert (pair[:, :512] == pair[:, :511:-1]).all()


def test_answer_is_another_voice(data_dir):
    lengths = set()
    for name in ("speech.wav", "answer.wav"):
        with wave.open(str(samples.find(name))) as file:
            lengths.add(file.getnframes())
    assert len(lengths) == 2


@pytest.mark.slow
def test_clip_is_a_video_with_sound(data_dir):
    with av.open(str(samples.find("clip.mp4"))) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (480, 480)
        assert 4 < container.duration / av.time_base < 7
        assert container.streams.audio


@pytest.mark.parametrize("name", sorted(samples.CONTENT_TYPES))
def test_every_sample_belongs_to_a_field(name):
    offered = {field.sample for spec in catalog.MODELS.values() for field in spec.fields}
    assert name in offered


def test_unknown_sample_is_not_found(client):
    assert client.get("/samples/passwd").status_code == 404
