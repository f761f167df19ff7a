import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from jobs.engine import Canceled, InputError
from jobs.engine.audio import PHONES, Phone, Speech, activity, certain, hear, loudness, read_speech
from tests.engine.samples import tone


def read(path: Path, *, max_seconds: float = 60.0) -> Speech:
    return read_speech(path, max_seconds=max_seconds, is_canceled=lambda: False)


def test_loudness_of_a_full_scale_square_wave_is_0_db_and_of_a_tenth_minus_20():
    square = np.where(np.arange(16000) // 40 % 2, 32767, -32767).astype(np.int16)
    assert loudness(square)[10:-10] == pytest.approx(0.0, abs=0.01)
    assert loudness(square // 10)[10:-10] == pytest.approx(-20.0, abs=0.01)
    assert loudness(np.zeros(1600, np.int16)).max() == pytest.approx(-120.0)


def test_loudness_takes_no_notice_of_a_constant_offset():
    rng = np.random.default_rng(0)
    sound = rng.normal(0, 1000, 16000)
    sound[8000:] *= 0.01
    shifted = loudness((sound + 6000).astype(np.int16))
    assert shifted[10:-10] == pytest.approx(loudness(sound.astype(np.int16))[10:-10], abs=1.0)


def test_activity_finds_speech_over_noise_and_fills_short_gaps():
    level = np.full(300, -55.0, np.float32)
    level[50:120] = -20.0
    level[80:88] = -50.0  # the closure of a stop
    level[200:260] = -25.0
    level[150:152] = -18.0  # a click
    active = activity(level)
    assert active[52:118].all()
    assert active[202:258].all()
    assert not active[125:195].any()
    assert not active[:45].any()


@pytest.mark.parametrize("room", [-70.0, -50.0, -120.0])
def test_one_sentence_in_a_long_silence_is_found(room):
    level = np.random.default_rng(0).normal(room, 1.0, 30000).astype(np.float32)
    level[12000:12200] = -22.0
    active = activity(level)
    assert active[12002:12198].all()
    assert not active[:11995].any()
    assert not active[12205:].any()


def test_activity_of_near_silence_is_nothing():
    assert not activity(np.full(200, -75.0, np.float32)).any()


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (44100, 2), (96000, 2)])
def test_reads_any_rate_and_channels_at_16_khz_mono(tmp_path, rate, channels):
    time = np.arange(rate) / rate
    sound = (0.4 * 32767 * np.sin(2 * np.pi * 440 * time)).astype("<i2")
    with wave.open(str(tmp_path / "a.wav"), "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(np.repeat(sound, channels).tobytes())
    speech = read(tmp_path / "a.wav")
    assert speech.seconds == pytest.approx(1.0, abs=0.005)
    spectrum = np.abs(np.fft.rfft(speech.samples[:16000].astype(float)))
    assert int(spectrum.argmax()) == pytest.approx(440, abs=1)


def test_too_long_a_recording_is_refused(tmp_path):
    with pytest.raises(InputError) as refused:
        read(tone(tmp_path / "a.wav", seconds=3.0), max_seconds=2.0)
    assert refused.value.code == "too_long"


def test_cancel_while_reading(tmp_path):
    with pytest.raises(Canceled):
        read_speech(tone(tmp_path / "a.wav"), max_seconds=60, is_canceled=lambda: True)


def test_phones_become_probabilities_by_their_share_of_each_reading():
    rows = certain([Phone("AA", 0.0, 0.015), Phone("B", 0.015, 0.03), Phone("click", 0.05, 0.06)], 8)
    found = {name: rows[:, PHONES.index(name)] for name in ("AA", "B", "AH", "SIL")}
    assert found["AA"] == pytest.approx([1, 0.5, 0, 0, 0, 0, 0, 0], abs=1e-5)
    assert found["B"] == pytest.approx([0, 0.5, 1, 0, 0, 0, 0, 0], abs=1e-5)
    assert found["AH"] == pytest.approx([0, 0, 0, 0, 0, 1, 0, 0], abs=1e-5)  # a name that nobody knows
    assert found["SIL"] == pytest.approx([0, 0, 0, 1, 1, 0, 1, 1], abs=1e-5)


def test_phones_past_the_end_or_of_no_length_are_left_out():
    rows = certain([Phone("AA", 0.05, 0.05), Phone("B", 0.09, 0.2), Phone("M", 0.3, 0.4)], 10)
    assert rows.shape == (10, 40)
    assert rows.sum(axis=1) == pytest.approx(np.ones(10))
    assert rows[5, PHONES.index("SIL")] == 1.0
    assert rows[9, PHONES.index("B")] == pytest.approx(1.0)


def talk(level: np.ndarray) -> Speech:
    return Speech(np.zeros(level.size * 160, np.int16), level.size / 100, level, activity(level))


@pytest.mark.parametrize("sure", [True, False])
def test_hears_a_row_a_reading_from_sources_of_either_kind(sure):
    class Vowel:
        def phones(self, samples):
            rows = certain([Phone("AA", 0.0, samples.size / 16000)], samples.size // 160)
            return [Phone("AA", 0.0, samples.size / 16000)] if sure else rows

    level = np.full(2500, -20.0, np.float32)
    level[900:940] = -60.0
    pieces = list(hear(talk(level), Vowel(), is_canceled=lambda: False))
    rows = np.concatenate([found for _, found in pieces])
    assert len(pieces) > 1
    assert rows.shape == (2500, 40)
    assert (rows[:, PHONES.index("AA")] == 1.0).all()


def test_pieces_without_speech_are_silence_and_nobody_listens():
    class Deaf:
        def phones(self, samples):
            raise AssertionError("nothing was said")

    level = np.full(300, -90.0, np.float32)
    ((fraction, rows),) = hear(talk(level), Deaf(), is_canceled=lambda: False)
    assert fraction == 1.0
    assert (rows[:, PHONES.index("SIL")] == 1.0).all()


def test_cancel_between_the_pieces():
    class Vowel:
        def phones(self, samples):
            heard.append(samples.size)
            return []

    heard: list[int] = []
    level = np.full(6000, -20.0, np.float32)
    with pytest.raises(Canceled):
        list(hear(talk(level), Vowel(), is_canceled=lambda: len(heard) > 1))
    assert len(heard) == 2


def test_long_recordings_are_heard_in_pieces_cut_in_pauses():
    class Sizes:
        def phones(self, samples):
            sizes.append(samples.size)
            return []

    sizes: list[int] = []
    level = np.full(7000, -20.0, np.float32)
    level[800:830] = -60.0
    level[1650:1680] = -60.0
    pieces = list(hear(talk(level), Sizes(), is_canceled=lambda: False))
    assert sum(sizes) == 7000 * 160
    assert max(sizes) <= 15 * 16000
    assert sizes[0] / 160 == pytest.approx(815, abs=16)
    assert sum(sizes[:2]) / 160 == pytest.approx(1665, abs=16)
    assert [fraction for fraction, _ in pieces] == sorted(fraction for fraction, _ in pieces)
    assert pieces[-1][0] == 1.0


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_no_sound_are_refused(tmp_path, poison):
    samples = np.zeros(16000, np.float32)
    samples[8000] = poison
    path = tmp_path / "poison.wav"
    body = samples.tobytes()
    head = struct.pack(
        "<4sI4s4sIHHIIHH", b"RIFF", 36 + len(body), b"WAVE", b"fmt ", 16, 3, 1, 16000, 64000, 4, 32
    )
    path.write_bytes(head + struct.pack("<4sI", b"data", len(body)) + body)
    with pytest.raises(InputError) as caught:
        read(path)
    assert caught.value.code == "audio_unreadable"
