"""The render process: its protocol, its limits, and that it never outlives its parent."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jobs.engine import confine
from jobs.engine.contract import RenderRequest
from jobs.engine.errors import Canceled, EngineDied, InputError
from jobs.engine.probe import probe
from jobs.engine.process import EngineProcess
from jobs.samples import portrait_path
from tests.engine.files import write_sound


class Watcher:
    """The callbacks of a render: keeps what it is told, and can cancel or kill once the render is under way."""

    def __init__(self, on_first=lambda stage: None, cancels=False):
        self.stages: list[str] = []
        self.on_first = on_first
        self.cancels = cancels

    def on_progress(self, stage: str, fraction: float) -> None:
        self.stages.append(stage)
        if len(self.stages) == 1:
            self.on_first(stage)

    def is_canceled(self) -> bool:
        return self.cancels and bool(self.stages)


def request(tmp_path: Path, **fields) -> RenderRequest:
    return RenderRequest(model="lipsync-image", inputs={}, output=tmp_path / "out.mp4", **fields)


def render(
    engine: EngineProcess, tmp_path: Path, watcher: Watcher | None = None, *, cpu_seconds=30.0, **fields
):
    watcher = watcher or Watcher()
    return engine.render(
        request(tmp_path, **fields),
        on_progress=watcher.on_progress,
        is_canceled=watcher.is_canceled,
        cpu_seconds=cpu_seconds,
    )


def engine(name: str, **options) -> EngineProcess:
    return EngineProcess(render=f"tests.engine.renders:{name}", **options)


def is_gone(pid: int) -> bool:
    """Whether a process and all its threads ended; its parent need not have taken note of it."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state == "Z" and len(os.listdir(f"/proc/{pid}/task")) <= 1
    except (FileNotFoundError, ProcessLookupError):
        return True


def wait_until(condition, seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def test_a_report_comes_back_with_progress(tmp_path):
    watcher = Watcher()
    with engine("quick") as process:
        report = render(process, tmp_path, watcher, seed=7, prompt="größer")

    assert (report.seed, report.width, watcher.stages) == (7, 480, ["warp"])
    assert (tmp_path / "out.mp4").read_text() == "größer"


def test_the_process_is_kept_for_some_jobs_and_then_replaced(tmp_path):
    with engine("quick", jobs_per_process=2) as process:
        pids = [render(process, tmp_path).warnings[0] for _ in range(5)]

    assert pids[0] == pids[1] != pids[2] == pids[3] != pids[4]


def test_secrets_of_the_site_stay_out_of_the_process(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "x")
    with engine("quick") as process:
        names = render(process, tmp_path).prompt_words

    assert "PATH" in names
    assert "SECRET_KEY" not in names


def test_refused_input_is_raised_with_code_and_sentence(tmp_path):
    with engine("refusing") as process, pytest.raises(InputError) as caught:
        render(process, tmp_path)

    assert caught.value.code == "no_face"
    assert caught.value.sentence.startswith("No face")


def test_a_failure_carries_its_traceback_and_costs_the_process(tmp_path):
    with engine("failing") as process:
        with pytest.raises(EngineDied) as caught:
            render(process, tmp_path)
        assert "the tripod fell" in caught.value.detail
        with pytest.raises(EngineDied):
            render(process, tmp_path)


def test_what_libraries_print_is_no_event(tmp_path):
    with engine("printing") as process:
        assert render(process, tmp_path).frames == 1


def test_odd_progress_passes(tmp_path):
    watcher = Watcher()
    with engine("babbling") as process:
        render(process, tmp_path, watcher)

    assert watcher.stages == ["warp", "ü" * 100_000]


def test_a_cancel_is_heard_in_mid_render(tmp_path):
    watcher = Watcher(cancels=True)
    with engine("patient", cancel_seconds=60) as process, pytest.raises(Canceled):
        render(process, tmp_path, watcher)

    assert is_gone(int(watcher.stages[0]))


def test_a_render_that_hears_no_cancel_is_killed(tmp_path):
    watcher = Watcher(cancels=True)
    with engine("deaf") as process, pytest.raises(Canceled):
        render(process, tmp_path, watcher)

    assert is_gone(int(watcher.stages[0]))


def test_a_killed_process_is_reported_and_replaced(tmp_path):
    watcher = Watcher(on_first=lambda stage: os.kill(int(stage), signal.SIGKILL))
    with engine("patient") as process:
        with pytest.raises(EngineDied) as caught:
            render(process, tmp_path, watcher)
        assert "SIGKILL" in caught.value.detail
        with pytest.raises(Canceled):
            render(process, tmp_path, Watcher(cancels=True))


def test_a_process_that_died_between_jobs_is_replaced(tmp_path):
    with engine("quick") as process:
        pid = int(render(process, tmp_path).warnings[0])
        os.kill(pid, signal.SIGKILL)
        assert wait_until(lambda: is_gone(pid))
        assert int(render(process, tmp_path).warnings[0]) != pid


def test_the_last_words_are_kept_within_bounds(tmp_path):
    with engine("aborting") as process, pytest.raises(EngineDied) as caught:
        render(process, tmp_path)

    assert "SIGSEGV" in caught.value.detail
    assert caught.value.detail.endswith("the last words")
    assert len(caught.value.detail) < 5000


def test_silence_counts_as_death(tmp_path):
    watcher = Watcher()
    with engine("deaf", silence_seconds=1) as process, pytest.raises(EngineDied) as caught:
        render(process, tmp_path, watcher)

    assert "silent" in caught.value.detail
    assert is_gone(int(watcher.stages[0]))


def test_processor_time_is_limited_for_each_job(tmp_path):
    with engine("spinning") as process, pytest.raises(EngineDied) as caught:
        render(process, tmp_path, cpu_seconds=0.5)

    assert "SIGXCPU" in caught.value.detail


@pytest.mark.parametrize(
    ("name", "inputs", "code"),
    [
        ("stuck_reading", {"audio"}, "audio_unreadable"),
        ("stuck_reading", {"audio", "video"}, "video_unreadable"),
        ("spinning_over_frames", {"audio", "video"}, "video_unreadable"),
    ],
)
def test_a_file_that_holds_up_its_reading_is_not_tried_again(tmp_path, name, inputs, code):
    job = RenderRequest(
        model="lipsync-video", inputs=dict.fromkeys(inputs, tmp_path), output=tmp_path / "out.mp4"
    )
    seen = Watcher()
    with engine(name, silence_seconds=1) as process, pytest.raises(InputError) as caught:
        process.render(job, on_progress=seen.on_progress, is_canceled=seen.is_canceled, cpu_seconds=0.5)

    assert caught.value.code == code
    assert "could not be read within the limits" in caught.value.sentence


def test_time_that_is_spent_on_drawing_is_not_blamed_on_a_recording(tmp_path):
    job = RenderRequest(model="lipsync-image", inputs={"audio": tmp_path}, output=tmp_path / "out.mp4")
    seen = Watcher()
    with engine("spinning_over_frames") as process, pytest.raises(EngineDied) as caught:
        process.render(job, on_progress=seen.on_progress, is_canceled=seen.is_canceled, cpu_seconds=0.5)

    assert "SIGXCPU" in caught.value.detail


def test_address_space_is_limited(tmp_path):
    with engine("hungry") as process, pytest.raises(EngineDied) as caught:
        render(process, tmp_path)

    assert "MemoryError" in caught.value.detail


def test_the_size_of_a_file_is_limited(tmp_path):
    with engine("wordy", file_size=1024**2) as process, pytest.raises(EngineDied) as caught:
        render(process, tmp_path)

    assert "File too large" in caught.value.detail
    assert (tmp_path / "out.mp4").stat().st_size <= 1024**2


def test_what_a_callback_raises_ends_the_render(tmp_path):
    def lose_the_lease(stage):
        raise LookupError("fenced out")

    watcher = Watcher(on_first=lose_the_lease)
    with engine("patient") as process, pytest.raises(LookupError):
        render(process, tmp_path, watcher)

    assert is_gone(int(watcher.stages[0]))


def test_an_engine_that_cannot_be_loaded_is_dead(tmp_path):
    with engine("missing") as process, pytest.raises(EngineDied) as caught:
        render(process, tmp_path)

    assert "AttributeError" in caught.value.detail


def test_a_real_render_comes_out_of_the_process(tmp_path):
    """The engine itself, within the limits that it will have at work."""
    sound = write_sound(tmp_path / "sound", codec="pcm_s16le", container="wav")
    watcher = Watcher()
    job = RenderRequest(
        model="lipsync-image",
        inputs={"image": portrait_path(), "audio": sound},
        output=tmp_path / "out.mp4",
    )
    with EngineProcess() as process:
        report = process.render(
            job, on_progress=watcher.on_progress, is_canceled=watcher.is_canceled, cpu_seconds=60
        )
        found = probe(job.output, kind="video")
        (tmp_path / "sound").write_bytes(b"")
        with pytest.raises(InputError):
            render_again(process, job)

    assert watcher.stages
    assert (report.faces, found.width, found.height) == (1, 480, 480)
    assert found.seconds == pytest.approx(1.0, abs=0.1)
    assert found.channels in (1, 2)


def render_again(process: EngineProcess, job: RenderRequest):
    return process.render(job, on_progress=lambda *_: None, is_canceled=lambda: False, cpu_seconds=60)


def start_child(name: str, *, parent: int | None = None) -> subprocess.Popen:
    options = {"render": f"tests.engine.renders:{name}", "memory": 2**32, "file_size": 2**20, "nice": 0}
    return subprocess.Popen(
        [sys.executable, "-m", "jobs.engine.child", str(parent or os.getpid()), json.dumps(options)],
        cwd=confine.ROOT,
        env=confine.bare_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


@pytest.mark.parametrize(
    "line", [b"nonsense\n", b"[]\n", b"{}\n", b'{"do": "dance"}\n', b'{"do": "render"}\n', b"\xff\n"]
)
def test_an_unknown_command_is_answered_and_survived(tmp_path, line):
    order = {"do": "render", "job": 1, "request": request(tmp_path).to_json(), "cpu_seconds": 30}
    with start_child("quick") as child:
        child.stdin.write(line + json.dumps(order).encode() + b"\n")
        child.stdin.flush()
        events = [json.loads(child.stdout.readline())["event"] for _ in range(3)]
        child.stdin.close()

    assert events == ["crash", "progress", "done"]
    assert child.returncode == 0


def test_a_cancel_of_an_earlier_job_does_not_touch_the_next(tmp_path):
    order = {"do": "render", "job": 2, "request": request(tmp_path).to_json(), "cpu_seconds": 30}
    with start_child("patient") as child:
        for command in ({"do": "cancel", "job": 1}, order):
            child.stdin.write(json.dumps(command).encode() + b"\n")
        child.stdin.flush()
        assert json.loads(child.stdout.readline())["event"] == "progress"
        assert json.loads(child.stdout.readline())["event"] == "progress"
        child.stdin.close()


def test_the_end_of_its_input_ends_the_process_in_mid_render(tmp_path):
    order = {"do": "render", "job": 1, "request": request(tmp_path).to_json(), "cpu_seconds": 30}
    with start_child("deaf") as child:
        child.stdin.write(json.dumps(order).encode() + b"\n")
        child.stdin.flush()
        assert json.loads(child.stdout.readline())["event"] == "progress"
        child.stdin.close()
        assert child.wait(timeout=30) == 0


def test_a_process_started_by_another_parent_ends_at_once():
    with start_child("quick", parent=os.getppid()) as child:
        assert child.wait(timeout=30) == 1


@pytest.mark.parametrize(
    "held", [False, True], ids=["pipes closed by the kernel", "input held open by another"]
)
def test_the_process_dies_with_a_killed_parent(tmp_path, held):
    """Held open, the pipe gives no end of input: then only the kernel's signal can end the process."""
    script = f"""
import subprocess, sys
from pathlib import Path
from jobs.engine.contract import RenderRequest
from jobs.engine.process import EngineProcess
engine = EngineProcess(render="tests.engine.renders:deaf")
def tell(stage, fraction):
    if {held}:
        pipe = engine._child._input.fileno()
        holder = subprocess.Popen(["sleep", "60"], pass_fds=[pipe], stdout=subprocess.DEVNULL)
        print(holder.pid)
    print(stage, flush=True)
request = RenderRequest(model="", inputs={{}}, output=Path("/dev/null"))
engine.render(request, on_progress=tell, is_canceled=lambda: False, cpu_seconds=30)
"""
    with subprocess.Popen([sys.executable, "-c", script], cwd=confine.ROOT, stdout=subprocess.PIPE) as parent:
        pids = [int(parent.stdout.readline()) for _ in range(2 if held else 1)]
        assert not is_gone(pids[-1])
        parent.kill()
    try:
        assert wait_until(lambda: is_gone(pids[-1]))
        assert all(not is_gone(pid) for pid in pids[:-1])
    finally:
        for holder in pids[:-1]:
            os.kill(holder, signal.SIGKILL)
