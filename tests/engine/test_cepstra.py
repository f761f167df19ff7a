import numpy as np
import pocketsphinx
import pytest

from jobs.engine.acoustic import wheel_model
from jobs.engine.audio import read_speech
from jobs.engine.cepstra import CEPSTRA, cepstra, features, mel_powers
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


def test_features_are_centred_and_know_how_fast_they_change(samples):
    found = features(samples)
    values = cepstra(samples)
    assert found.shape == (3, len(values), CEPSTRA)
    assert found[0, values[:, 0] >= 0].mean(axis=0) == pytest.approx(np.zeros(CEPSTRA), abs=0.01)
    assert found[1, 10] == pytest.approx(found[0, 12] - found[0, 8], abs=1e-4)
    assert found[2, 10] == pytest.approx(found[1, 11] - found[1, 9], abs=1e-4)


@pytest.mark.parametrize("size", [1, 159, 410, 411, 570, 571, 16000])
def test_any_length_and_digital_silence_give_finite_features(size):
    found = features(np.zeros(size, np.int16))
    assert found.shape[1] == max(1, -(-(size - 410) // 160) + 1)
    assert np.isfinite(found).all()
