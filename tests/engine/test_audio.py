import itertools
import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from jobs.engine import Canceled, InputError
from jobs.engine.audio import Phone, PocketsphinxPhones, Speech, activity, hear, loudness, read_speech
from tests.engine.espeak import speak
from tests.engine.samples import tone


def read(path: Path, *, max_seconds: float = 60.0) -> Speech:
    return read_speech(path, max_seconds=max_seconds, is_canceled=lambda: False)


def test_loudness_of_a_full_scale_square_wave_is_0_db_and_of_a_tenth_minus_20():
    square = np.where(np.arange(16000) // 40 % 2, 32767, -32767).astype(np.int16)
    assert loudness(square)[10:-10] == pytest.approx(0.0, abs=0.01)
    assert loudness(square // 10)[10:-10] == pytest.approx(-20.0, abs=0.01)
    assert loudness(np.zeros(1600, np.int16)).max() == pytest.approx(-120.0)


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


def test_recogniser_gives_phones_in_order_within_the_recording(tmp_path):
    spoken = speak("My mother may come home on Monday morning.", tmp_path / "a.wav")
    speech = read(spoken.path)
    pieces = list(hear(speech, PocketsphinxPhones.shared(), is_canceled=lambda: False))
    phones = [phone for _, found in pieces for phone in found]
    assert pieces[-1][0] == 1.0
    assert len(phones) > 15
    assert all(a.end == pytest.approx(b.start, abs=0.011) for a, b in itertools.pairwise(phones))
    assert phones[-1].end <= speech.seconds + 0.02


def test_recogniser_hears_the_same_whatever_it_heard_before(tmp_path):
    buzz = read(tone(tmp_path / "a.wav", seconds=1.2)).samples
    speech = read(speak("Something quite different.", tmp_path / "b.wav").path).samples
    source = PocketsphinxPhones()
    first = source.phones(speech)
    source.phones(buzz)
    assert source.phones(speech) == first


def test_long_recordings_are_heard_in_pieces_cut_in_pauses():
    class Names:
        """Says how long each piece was."""

        def __init__(self) -> None:
            self.sizes: list[int] = []

        def phones(self, samples):
            self.sizes.append(samples.size)
            return [Phone("AA", 0.0, samples.size / 16000)]

    level = np.full(7000, -20.0, np.float32)
    level[1500:1530] = -60.0
    level[3300:3330] = -60.0
    speech = Speech(np.zeros(7000 * 160, np.int16), 70.0, level, activity(level))
    source = Names()
    phones = [p for _, found in hear(speech, source, is_canceled=lambda: False) for p in found]
    assert sum(source.sizes) == speech.samples.size
    assert max(source.sizes) <= 30 * 16000
    assert phones[1].start == pytest.approx(15.15, abs=0.16)
    assert [p.end for p in phones[:-1]] == [p.start for p in phones[1:]]


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
