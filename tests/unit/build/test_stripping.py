"""Which wheels are stripped, what a layer then holds, and what is said, with an engine that is played."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from layerforge.build.fetch import Fetcher
from layerforge.build.inputs import wanted_by_zip
from layerforge.build.store import WheelStore
from layerforge.build.stripping import Stripper
from layerforge.cache import Cache
from layerforge.containers.engine import Container, Outcome
from layerforge.errors import BuildError, ToolError
from layerforge.model.container import ContainerSettings
from layerforge.model.finding import Finding, Severity
from layerforge.model.lock import Distribution, LocalSource, Lock
from layerforge.model.plan import LayerPlan, PlannedLayer
from layerforge.model.requirement import IndexOptions
from layerforge.model.target import Target
from layerforge.plan.demands import item_of
from tests.engine_fakes import PlayedEngine, ended, image
from tests.fakes import FakeIndex, RecordingProgress
from tests.wheel_files import MakeWheel

X86 = Target(runtime="python3.13", architecture="x86_64")
BUILD = image("public.ecr.aws/sam/build-python3.13:latest-x86_64")
TAG = "cp313-cp313-manylinux_2_17_x86_64"
WHOLE = b"\x7fELF" + b"x" * 2000


def strips(container: Container, sent: Mapping[str, bytes | Path], into: Path | None) -> Outcome:
    """Halve every file named fine, put back what breaks."""
    assert into is not None
    request = sent["/tmp/layerforge/request.json"]
    assert isinstance(request, bytes)
    (tree,) = json.loads(request)["trees"]
    into.mkdir(parents=True, exist_ok=True)
    stripped = []
    with zipfile.ZipFile(into / "stripped.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in tree["files"]:
            data = sent[f"/opt/{name}"]
            assert isinstance(data, bytes)
            if "fine" in name:
                stripped.append([name, len(data), len(data) // 4])
                archive.writestr(name, data[: len(data) // 4])
    kept = [[name, "undefined symbol"] for name in tree["files"] if "breaks" in name]
    answer = {
        "tool": "GNU strip 2.41, zlib 1.3",
        "trees": [{"stripped": stripped, "put_back": kept, "untried": []}],
    }
    return ended(stdout=json.dumps(answer).encode())


class Setting:
    """Two native wheels and a pure one, locked for a target."""

    def __init__(self, root: Path, make_wheel: MakeWheel, answer: object = strips) -> None:
        solid: dict[str, bytes | str] = {"solid/fine.so": WHOLE, "solid/breaks.so": WHOLE, "solid/a.py": ""}
        wheels = [
            make_wheel("solid", files=solid, tag=TAG),
            make_wheel("other", files={"other/fine.so": WHOLE}, tag=TAG),
            make_wheel("pure"),
        ]
        index = FakeIndex(wheels=wheels)
        self.engine = PlayedEngine(images=(BUILD,), answer=answer)  # type: ignore[arg-type]
        self.opened = 0
        self.fetcher = Fetcher(
            index=index,
            store=WheelStore(Cache(root / "cache")),
            root=root,
            options=IndexOptions(),
            progress=RecordingProgress(),
        )
        self.lock = Lock(
            cohort="c",
            target=X86,
            distributions=(
                *(
                    Distribution(
                        name=wheel.name.partition("-")[0],
                        version="1.0",
                        wheel=index.archive(wheel.name),
                        unzipped_size=10_000,
                    )
                    for wheel in wheels
                ),
                Distribution(name="own", version="1.0", local=LocalSource(path="own"), unzipped_size=10_000),
            ),
            functions=(),
            input_digest="0",
        )

    def open_engine(self) -> PlayedEngine:
        self.opened += 1
        return self.engine

    def stripper(self, *names: str) -> Stripper:
        return Stripper(
            settings=ContainerSettings(strip=names), fetcher=self.fetcher, open_engine=self.open_engine
        )


def sizes(locks: tuple[Lock, ...]) -> dict[str, int]:
    return {one.name: one.unzipped_size for lock in locks for one in lock.distributions}


def test_what_is_named_is_stripped_and_counts_as_less(tmp_path: Path, make_wheel: MakeWheel) -> None:
    setting = Setting(tmp_path, make_wheel)
    stripper = setting.stripper("solid", "own", "pure")
    stripped = stripper.strip([setting.lock])
    # 2,004 bytes became 501: 1,503 fewer, and a digit less in RECORD.
    assert sizes(stripped.locks) == {"solid": 8_496, "other": 10_000, "pure": 10_000, "own": 10_000}
    (container,) = setting.engine.ran
    assert (container.image, container.network, container.purpose) == (
        BUILD.id,
        "none",
        "strip solid-1.0-cp313-cp313-manylinux_2_17_x86_64.whl",
    )
    assert stripper.findings == [
        Finding(
            severity=Severity.NOTE,
            code="strip-put-back",
            subject="solid 1.0",
            sentence="1 file of solid 1.0 keeps its debug symbols, as it no longer loads without",
            details=("solid/breaks.so: undefined symbol",),
        )
    ]


def test_packs_stand_before_others_in_their_layers(tmp_path: Path, make_wheel: MakeWheel) -> None:
    setting = Setting(tmp_path, make_wheel)
    stripped = setting.stripper("*").strip([setting.lock])
    (lock,) = stripped.locks
    items = tuple(item_of(one) for one in lock.distributions if one.name != "own")
    plan = LayerPlan(layers=(PlannedLayer(name="a", targets=(X86,), items=items),), functions=())
    wanted = wanted_by_zip(plan, stripped.locks)
    pack = next(iter(stripped.wheels.values())).pack
    placed = stripped.packs(wanted, {("a", "solid"): (pack,), ("a", "pure"): (pack,)})
    assert {key: len(packs) for key, packs in placed.items()} == {
        ("a", "solid"): 2,
        ("a", "other"): 1,
        ("a", "pure"): 1,
    }
    assert [entry.name for entry in placed["a", "solid"][0].entries] == ["python/solid/fine.so"]


def test_each_wheel_is_stripped_once_and_kept(tmp_path: Path, make_wheel: MakeWheel) -> None:
    setting = Setting(tmp_path, make_wheel)
    first = setting.stripper("*").strip([setting.lock, setting.lock])
    again = setting.stripper("*").strip([setting.lock])
    assert len(setting.engine.ran) == 2
    assert sizes(first.locks) == sizes(again.locks)
    # Another image may strip otherwise.
    setting.engine.images = (image(BUILD.reference, identity="sha256:two"),)
    setting.stripper("solid").strip([setting.lock])
    assert len(setting.engine.ran) == 3


def test_nothing_is_opened_where_nothing_is_asked(tmp_path: Path, make_wheel: MakeWheel) -> None:
    setting = Setting(tmp_path, make_wheel)
    for names in ((), ("nobody",), ("pure",), ("own",)):
        assert setting.stripper(*names).strip([setting.lock]).locks == (setting.lock,)
    assert setting.opened == 0


@pytest.mark.parametrize(
    ("outcome", "kind", "sentence"),
    [
        (
            ended(stdout=b'{"missing": "strip"}'),
            ToolError,
            f"{BUILD.reference} has no `strip`, which takes debug symbols out",
        ),
        (
            ended(137, stderr="Killed"),
            BuildError,
            f"solid-1.0-cp313-cp313-manylinux_2_17_x86_64.whl could not be stripped in {BUILD.reference}",
        ),
    ],
)
def test_failures(
    tmp_path: Path, make_wheel: MakeWheel, outcome: Outcome, kind: type[Exception], sentence: str
) -> None:
    setting = Setting(tmp_path, make_wheel, answer=lambda *_: outcome)
    with pytest.raises(kind) as caught:
        setting.stripper("solid").strip([setting.lock])
    assert str(caught.value) == sentence
