import json

import cv2
import pytest

from jobs.engine import bench
from tests.engine.espeak import speak
from tests.engine.samples import portrait, tone


@pytest.mark.slow
def test_sync_prints_a_row_a_clip_and_a_pooled_one_with_its_controls(tmp_path, capsys):
    arguments = ["sync", str(portrait())]
    for k, text in enumerate(
        ("My mother may bake a big apple pie.", "He sees three green trees by the sea.")
    ):
        spoken = speak(text, tmp_path / f"{k}.wav")
        labels = tmp_path / f"{k}.json"
        labels.write_text(json.dumps([[p.start, p.end, p.name] for p in spoken.phones]))
        arguments += [str(spoken.path), str(labels)]
    bench.main(arguments)
    first, second, pooled = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (first["name"], second["name"], pooled["clips"]) == ("0", "1", 2)
    assert pooled["frozen_r"] == 0.0
    assert pooled["flapping_r"] < pooled["r"]
    assert pooled["closures"] == first["closures"] + second["closures"]


def test_speed_names_its_floor(tmp_path, capsys):
    bench.main(["speed", str(portrait()), str(tone(tmp_path / "a.wav", seconds=1.0))])
    row = json.loads(capsys.readouterr().out)
    assert row["name"] == "image-480p-1s"
    assert row["floor_x_realtime"] > 0
    assert row["cpu_ms_per_frame"] > 0


def test_sheet_shows_the_face(tmp_path):
    from tests.engine.samples import make

    make(portrait(), tone(tmp_path / "a.wav", seconds=0.4), tmp_path / "made.mp4")
    bench.main(["sheet", str(tmp_path / "made.mp4"), str(tmp_path / "sheet.png")])
    assert cv2.imread(str(tmp_path / "sheet.png")).shape == (600, 1200, 3)
