"""What a job is called, by the names of its files."""

import pytest

from jobs import inputs
from jobs.form_state import FormState
from jobs.inputs import OwnFile


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("me.png", "me"),
        ("archive.tar.gz", "archive.tar"),
        ("“Hello there. How are you”", "Hello there. How are you"),
        ("“Привет! Сегодня 23 ноября, а завтра…”", "Привет! Сегодня 23 ноября, а…"),
        ("a-long-name-of-one-word-without-a-single-space.png", "a-long-name-of-one-word-withou"),
        (".png", ""),
    ],
)
def test_a_job_is_called_by_its_files_without_endings_and_cut_between_words(name, called):
    state = FormState("lipsync-image", {"image": "upload:1", "audio": "https://example.com/take%201.mp3"})
    label = inputs.label(state, {"image": OwnFile(name, None)})
    assert label == "-".join(filter(None, [called, "take 1"]))
