import numpy as np
import pocketsphinx
import pytest

from jobs.engine.acoustic import wheel_model
from jobs.engine.audio import read_speech
from jobs.engine.cepstra import CEPSTRA, FEW, Moments, cepstra, features, mel_powers, moments
from tests.engine.espeak import speak


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    spoken = speak("The old boat came back.", tmp_path_factory.mktemp("speech") / "a.wav")
    return read_speech(spoken.path, max_seconds=60, is_canceled=lambda: False).samples


def test_cepstra_are_those_that_pocketsphinx_computes(samples, tmp_path):
    model = wheel_model()
    decoder = pocketsphinx.Decoder(
        hmm=str(model / "en-us"),
        allphone=str(model / "en-us-phone.lm.bin"),
        mfclogdir=str(tmp_path),
        loglevel="FATAL",
    )
    decoder.start_utt()
    decoder.process_raw(samples.tobytes(), full_utt=True)
    decoder.end_utt()
    (log,) = tmp_path.glob("*.mfc")
    theirs = np.frombuffer(log.read_bytes(), ">f4", offset=4).reshape(-1, CEPSTRA)
    ours = cepstra(samples)
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() < 0.001


def test_a_tone_is_in_the_band_around_it():
    time = np.arange(16000) / 16000
    bands = mel_powers((8000 * np.sin(2 * np.pi * 1000 * time)).astype(np.int16))[20:-20]
    assert set(bands.argmax(axis=1)) <= {7, 8}  # their triangles cross near 1 kHz
    assert bands[:, 7].min() > 1e3 * bands[:, 20].max()


MODEL = Moments(np.linspace(3.0, -3.0, CEPSTRA), np.linspace(8.0, 20.0, CEPSTRA))


def test_features_know_how_fast_they_change(samples):
    found = features(samples, MODEL)
    assert found.shape == (3, len(cepstra(samples)), CEPSTRA)
    assert found[1, 10] == pytest.approx(found[0, 12] - found[0, 8], abs=1e-4)
    assert found[2, 10] == pytest.approx(found[1, 11] - found[1, 9], abs=1e-4)


def test_another_microphone_and_long_pauses_change_little(samples):
    """A filter adds to cepstra, and pauses of digital silence say nothing about it."""
    usual = features(samples, MODEL)[0]
    pause = np.zeros(32000, np.int16)
    dull = np.convolve(samples.astype(float), [0.1, 0.25, 0.3, 0.25, 0.1])[: samples.size].astype(np.int16)
    other = features(np.concatenate([pause, dull, pause]), MODEL)[0, 200 : 200 + len(usual)]
    spoken = cepstra(samples)[:, 0] > 40
    plain = cepstra(dull)[: len(usual)] - cepstra(samples)
    assert np.abs(plain[spoken]).mean() > 4
    assert np.abs((other - usual)[spoken]).mean() < 0.5 * np.abs(plain[spoken]).mean()


def test_moments_are_those_of_what_is_spoken_and_the_models_where_that_is_little():
    rng = np.random.default_rng(0)
    values = rng.normal(50, 5, (1000, CEPSTRA))
    values[500:] = -46.0
    found = moments(values, np.ones(1002, bool), MODEL)
    assert found.mean == pytest.approx(np.full(CEPSTRA, 50), abs=1)
    share = 500 / (500 + FEW)
    assert found.deviation**2 == pytest.approx(share * 25 + (1 - share) * MODEL.deviation**2, rel=0.15)
    short = moments(values[:3], np.ones(3, bool), MODEL)
    assert short.deviation == pytest.approx(MODEL.deviation, rel=0.05)
    nothing = moments(values, np.zeros(1000, bool), MODEL)
    assert np.array_equal(nothing.deviation, MODEL.deviation)


@pytest.mark.parametrize("size", [1, 159, 410, 411, 570, 571, 16000])
def test_any_length_and_digital_silence_give_finite_features(size):
    found = features(np.zeros(size, np.int16), MODEL)
    assert found.shape[1] == max(1, -(-(size - 410) // 160) + 1)
    assert np.isfinite(found).all()
