"""Builds that meet each other, and builds that are interrupted."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.wheel_files import MakeWheel

# A project with one layer of what `wheels` hold; its index tells when it starts and then takes its time.
PROGRAM = """
import io, sys, time
from pathlib import Path
from layerforge.build.builder import build_project, make_fetcher
from layerforge.cache import Cache
from layerforge.model.function import Project, ProjectSettings
from layerforge.model.lock import Distribution, Lock
from layerforge.model.plan import LayerPlan, PlannedLayer
from layerforge.model.target import Target
from layerforge.plan.demands import item_of
from tests.fakes import FakeIndex, RecordingProgress

root, wheel, pause = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])

class SlowIndex(FakeIndex):
    def download(self, archives, *, destination, **rest):
        for archive in archives:
            destination(archive).write_bytes(b"half")
        print("downloading", flush=True)
        time.sleep(pause)
        super().download(archives, destination=destination, **rest)

target = Target(runtime="python3.13", architecture="x86_64")
index = SlowIndex(wheels=[wheel])
one = Distribution(name="a", version="1.0", wheel=index.archive(wheel.name), unzipped_size=1)
progress = RecordingProgress()
project = Project(root=root, settings=ProjectSettings(name="shop"), functions=())
result = build_project(
    LayerPlan(layers=(PlannedLayer(name="shop-a", targets=(target,), items=(item_of(one),)),), functions=()),
    [Lock(cohort="shop", target=target, distributions=(one,), functions=(), input_digest="")],
    project,
    output=root / "out",
    fetcher=make_fetcher(project, index=index, cache=Cache(root / "cache"), progress=progress),
)
print("built", *result.built, "reused", *result.reused, "notes", *progress.notes, flush=True)
"""


def start(root: Path, wheel: Path, pause: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(root), str(wheel), str(pause)],
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def files(root: Path) -> list[str]:
    found = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return sorted(path for path in found if not path.endswith((".lock", ".whl")))


def test_of_two_builds_at_once_one_waits_and_finds_it_all_done(tmp_path: Path, make_wheel: MakeWheel) -> None:
    wheel = make_wheel("a")
    first = start(tmp_path, wheel, 3)
    assert first.stdout is not None
    assert first.stdout.readline() == "downloading\n"
    second = start(tmp_path, wheel, 0)
    said, errors = second.communicate(timeout=60)
    assert said == (
        f"built reused shop-a notes another build is writing to {tmp_path / 'out'}: waiting for it\n"
    ), errors
    assert first.communicate(timeout=60)[0] == "built shop-a reused notes\n"


def test_an_interrupted_build_leaves_no_half_file_and_the_next_one_works(
    tmp_path: Path, make_wheel: MakeWheel
) -> None:
    wheel = make_wheel("a")
    process = start(tmp_path, wheel, 30)
    assert process.stdout is not None
    assert process.stdout.readline() == "downloading\n"
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert time.monotonic() - began < 10
    assert "KeyboardInterrupt" in errors
    assert files(tmp_path) == []
    assert start(tmp_path, wheel, 0).communicate(timeout=60)[0] == "downloading\nbuilt shop-a reused notes\n"
