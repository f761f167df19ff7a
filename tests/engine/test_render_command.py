import json

import av
import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from tests.engine.samples import portrait, tone


def test_writes_the_video_and_says_what_it_made(tmp_path, capsys):
    audio = tone(tmp_path / "a.wav", seconds=0.4)
    call_command(
        "render",
        "image",
        portrait(),
        audio,
        tmp_path / "out.mp4",
        "--seed",
        "4",
        "--prompt",
        "calm",
        "--json",
    )
    report = json.loads(capsys.readouterr().out)
    assert (report["seed"], report["frames"], report["prompt_words"]) == (4, 10, ["calm"])
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].frames == 10
    assert not list(tmp_path.glob(".render.*"))


def test_says_what_is_wrong_and_keeps_what_was_there(tmp_path):
    Image.new("RGB", (300, 300), "white").save(tmp_path / "blank.png")
    (tmp_path / "out.mp4").write_bytes(b"precious")
    with pytest.raises(CommandError, match=r"No face was found .*\(no_face\)"):
        call_command(
            "render", "image", tmp_path / "blank.png", tone(tmp_path / "a.wav"), tmp_path / "out.mp4"
        )
    assert (tmp_path / "out.mp4").read_bytes() == b"precious"


def test_missing_file_is_named(tmp_path):
    with pytest.raises(CommandError, match=r"nowhere\.png does not exist"):
        call_command(
            "render", "image", tmp_path / "nowhere.png", tone(tmp_path / "a.wav"), tmp_path / "o.mp4"
        )
