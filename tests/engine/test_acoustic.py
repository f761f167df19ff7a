import numpy as np
import pytest

from jobs.engine.acoustic import AcousticModel, definition, transitions, wheel_model
from jobs.engine.audio import PHONES


@pytest.fixture(scope="module")
def model() -> AcousticModel:
    return AcousticModel(wheel_model() / "en-us")


def test_reads_what_the_wheel_says_its_model_is(model):
    known = model.definition
    assert set(PHONES) <= set(known.names)
    assert len(known.names) == 42
    assert known.triphones.shape == (137053, 4)
    assert known.states.max() == 5125
    assert known.alone.shape == (42, 3)
    assert known.triphones[:, :3].max() < 42


def test_every_senone_belongs_to_one_phone(model):
    together = np.concatenate(model.senones)
    assert together.size == 5126
    assert np.array_equal(np.sort(together), np.arange(5126))


def test_states_last_as_long_as_in_speech(model):
    """A state that is left once in n frames lasts n frames of 10 ms; each phone has three."""
    assert model.transitions.shape == (42, 3, 2)
    assert model.transitions.min() > 0
    lasting = (model.transitions.sum(axis=2) / model.transitions[:, :, 1]).sum(axis=1)
    length = dict(zip(model.definition.names, lasting, strict=True))
    assert 4 < length["D"] < length["AA"] < length["SIL"] < 100


def test_speech_of_the_model_is_louder_than_its_average_and_spread(model):
    """The model was trained on cepstra about the mean of whole recordings, pauses among them."""
    assert model.speech.mean[0] > 1
    assert np.abs(model.speech.mean).max() < 5
    assert model.speech.deviation.min() > 5
    assert model.speech.deviation.max() < 25


def test_scores_are_finite_and_fall_far_from_all_speech(model):
    features = np.random.default_rng(0).normal(0, 5, (3, 7, 13)).astype(np.float32)
    found = model.scores(features)
    assert [part.shape for part in found] == [(7, own.size) for own in model.senones]
    assert all(np.isfinite(part).all() for part in found)
    far = model.scores(features + 1000)
    assert max(part.max() for part in far) < min(part.min() for part in found)


def test_scores_do_not_depend_on_the_frames_beside(model):
    features = np.random.default_rng(1).normal(0, 5, (3, 9, 13)).astype(np.float32)
    whole, part = model.scores(features), model.scores(features[:, 4:])
    for a, b in zip(whole, part, strict=True):
        assert a[4:] == pytest.approx(b, rel=1e-4)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "mdef").write_bytes(b"0.3\n42 n_base\n" + bytes(40))
    with pytest.raises(ValueError, match="no model definition"):
        definition(tmp_path / "mdef")
    (tmp_path / "matrices").write_bytes(b"s3\nversion 1.0\nendhdr\n" + bytes(40))
    with pytest.raises(ValueError, match="not a little-endian model file"):
        transitions(tmp_path / "matrices")
