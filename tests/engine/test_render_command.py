import contextlib
import json
import os
import subprocess
import sys

import av
import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from tests.engine.samples import portrait, tone
from tests.engine.talking import babble, talking_pictures, write_pictures
from tests.engine.test_pair import two_people


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


def test_two_people_take_a_recording_for_each_side(tmp_path, capsys):
    call_command(
        "render",
        "multi",
        two_people(tmp_path / "two.png"),
        tmp_path / "out.mp4",
        "--left",
        tone(tmp_path / "l.wav", seconds=0.4),
        "--right",
        tone(tmp_path / "r.wav", seconds=0.2),
        "--order",
        "right_left",
    )
    assert "15 frames" in capsys.readouterr().out
    assert (tmp_path / "out.mp4").stat().st_size > 1000


def test_two_people_without_a_voice_are_asked_for_one(tmp_path):
    with pytest.raises(CommandError, match="--left, --right or both"):
        call_command("render", "multi", two_people(tmp_path / "two.png"), tmp_path / "out.mp4")


def test_a_video_takes_a_recording_and_a_prompt(tmp_path, capsys):
    video = write_pictures(tmp_path / "in.mp4", talking_pictures(babble(6)))
    audio = tone(tmp_path / "a.wav", seconds=0.4)
    call_command("render", "video", video, audio, tmp_path / "out.mp4", "--prompt", "smiling, no blinking")
    told = capsys.readouterr().out
    assert "10 frames" in told
    assert "from the prompt: smiling\n" in told
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].frames == 10
        assert container.streams.audio


@pytest.mark.slow
def test_progress_is_a_bar_where_somebody_looks(tmp_path):
    master, slave = os.openpty()
    command = [sys.executable, "manage.py", "render", "image"]
    files = [portrait(), tone(tmp_path / "a.wav", seconds=0.2), tmp_path / "out.mp4"]
    subprocess.run([*command, *map(str, files)], check=True, stderr=slave, stdout=slave, timeout=120)
    os.close(slave)
    told = b""
    with contextlib.suppress(OSError):  # how a terminal ends
        while part := os.read(master, 65536):
            told += part
    os.close(master)
    assert b"#" * 30 in told
    assert b"100%" in told
