import time

import numpy as np
import pytest

from jobs.engine.audio import PHONES, hear, read_speech
from jobs.engine.phones import PhoneProbabilities
from tests.engine.espeak import Spoken, speak
from tests.engine.samples import tone

SHUT = [PHONES.index(name) for name in ("B", "P", "M")]
OPEN = [PHONES.index(name) for name in ("AA", "AE", "AH", "AO", "AW", "AY", "EH", "EY", "OW")]


@pytest.fixture(scope="module")
def sentence(tmp_path_factory: pytest.TempPathFactory) -> Spoken:
    text = "My mother may come home on Monday morning, and many happy people saw a black cat."
    return speak(text, tmp_path_factory.mktemp("speech") / "a.wav")


def samples_of(path) -> np.ndarray:
    return read_speech(path, max_seconds=60, is_canceled=lambda: False).samples


@pytest.fixture(scope="module")
def rows(sentence: Spoken) -> np.ndarray:
    return PhoneProbabilities.shared().phones(samples_of(sentence.path))


def test_every_reading_has_probabilities(sentence, rows):
    assert rows.shape == (-(-samples_of(sentence.path).size // 160), 40)
    assert rows.sum(axis=1) == pytest.approx(np.ones(len(rows)), abs=1e-4)
    assert rows.min() >= 0


def test_hears_what_is_said_far_above_chance(sentence, rows):
    """Even a synthetic voice, of which much is not heard: the phone said is by far the likeliest on average."""
    likely: dict[bool, list[float]] = {True: [], False: []}
    for phone in sentence.phones:
        if phone.name not in PHONES or phone.name == "SIL":
            continue
        first, last = int(phone.start * 100), max(int(phone.end * 100), int(phone.start * 100) + 1)
        heard = rows[first:last].mean(axis=0)
        likely[True].append(float(heard[PHONES.index(phone.name)]))
        likely[False].append(float(rows.mean(axis=0)[PHONES.index(phone.name)]))
    assert np.mean(likely[True]) > 4 * np.mean(likely[False])


def test_lips_are_likelier_shut_in_p_b_and_m_than_in_vowels(sentence, rows):
    def mean(columns, names):
        inside = np.concatenate(
            [rows[int(p.start * 100) : int(p.end * 100), columns] for p in sentence.phones if p.name in names]
        )
        return float(inside.sum(axis=1).mean())

    assert mean(SHUT, {"P", "B", "M"}) > 4 * mean(SHUT, {PHONES[k] for k in OPEN})


def test_times_are_those_of_the_sound(sentence):
    """Half a second of a quiet room before and after: speech is heard from where it begins to where it ends."""
    spoken = samples_of(sentence.path)
    spoken = spoken[: int(max(p.end for p in sentence.phones if p.name != "SIL") * 16000)]
    room = np.random.default_rng(0).normal(0, 3, spoken.size + 16000)
    room[8000:-8000] += spoken
    heard = PhoneProbabilities.shared().phones(room.astype(np.int16))
    speech = np.flatnonzero(heard[:, PHONES.index("SIL")] < 0.5)
    assert speech[0] == pytest.approx(50, abs=4)
    assert speech[-1] == pytest.approx(49 + spoken.size // 160, abs=6)


def test_silence_is_silence():
    for samples in (np.zeros(8000, np.int16), np.random.default_rng(0).normal(0, 4, 8000).astype(np.int16)):
        heard = PhoneProbabilities.shared().phones(samples)
        assert np.isfinite(heard).all()
    assert heard[:, PHONES.index("SIL")].mean() > 0.8


@pytest.mark.parametrize("size", [1, 160, 161, 409, 1000])
def test_short_recordings_have_a_row_a_reading(size):
    heard = PhoneProbabilities.shared().phones(np.full(size, 1000, np.int16))
    assert heard.shape == (-(-size // 160), 40)
    assert heard.sum(axis=1) == pytest.approx(np.ones(len(heard)), abs=1e-4)


def test_hears_the_same_whatever_it_heard_before(sentence, rows, tmp_path):
    PhoneProbabilities.shared().phones(samples_of(tone(tmp_path / "a.wav", seconds=1.2)))
    assert np.array_equal(PhoneProbabilities.shared().phones(samples_of(sentence.path)), rows)


def test_a_clipped_shout_does_not_break_it():
    samples = np.where(np.arange(16000) // 37 % 2, 32767, -32768).astype(np.int16)
    assert np.isfinite(PhoneProbabilities.shared().phones(samples)).all()


def test_a_recording_is_heard_whole(sentence):
    speech = read_speech(sentence.path, max_seconds=60, is_canceled=lambda: False)
    pieces = list(hear(speech, PhoneProbabilities.shared(), is_canceled=lambda: False))
    assert sum(len(rows) for _, rows in pieces) == speech.level.size


@pytest.mark.slow
def test_ten_seconds_are_heard_in_less_than_one(sentence):
    samples = np.resize(samples_of(sentence.path), 160000)
    source = PhoneProbabilities.shared()
    start = time.process_time()
    source.phones(samples)
    assert time.process_time() - start < 1.0
