"""Layers that serve several targets: what the zip holds, and what the manifest says of it."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from layerforge.build.builder import BuildResult, build_project, make_fetcher
from layerforge.cache import Cache
from layerforge.model.function import Function, Project, ProjectSettings
from layerforge.model.lock import Distribution, FunctionRoots, Lock, Root
from layerforge.model.plan import FunctionPlan, Item, LayerPlan, PlannedLayer
from layerforge.model.requirement import Origin
from layerforge.model.target import Target
from layerforge.plan.demands import item_of
from layerforge.wheels.facts import read_facts
from tests.fakes import FakeIndex, RecordingProgress
from tests.wheel_files import MakeWheel

ARM = Target(runtime="python3.12", architecture="arm64")
X86 = Target(runtime="python3.13", architecture="x86_64")
OLD_X86 = Target(runtime="python3.12", architecture="x86_64")
ORIGIN = Origin(path="template.yaml", line=1)


def build(tmp_path: Path, wheel: Path, *targets: Target, in_locks_of: tuple[Target, ...] = ()) -> BuildResult:
    """Build one layer of one wheel, which a function of each target takes."""
    index = FakeIndex(wheels=(wheel,))
    facts = read_facts(io.BytesIO(wheel.read_bytes()), filename=wheel.name)
    distribution = Distribution(
        name=facts.name,
        version=facts.version,
        wheel=index.archive(wheel.name),
        unzipped_size=facts.unzipped_size,
    )
    locks = [
        Lock(
            cohort=target.slug,
            target=target,
            distributions=(distribution,) if target in (in_locks_of or targets) else (),
            functions=(FunctionRoots(function=target.slug, roots=(Root(name=facts.name, origin=ORIGIN),)),),
            input_digest="",
        )
        for target in targets
    ]
    functions = tuple(
        Function(name=target.slug, target=target, source=None, origin=ORIGIN) for target in targets
    )
    project = Project(root=tmp_path, settings=ProjectSettings(name="shop"), functions=functions)
    layer = PlannedLayer(name="shop-any", targets=tuple(sorted(targets)), items=(item_of(distribution),))
    plans = tuple(function_plan(target, layer.items) for target in targets)
    fetcher = make_fetcher(
        project, index=index, cache=Cache(tmp_path / "cache"), progress=RecordingProgress()
    )
    plan = LayerPlan(layers=(layer,), functions=plans)
    return build_project(plan, locks, project, output=tmp_path / "out", fetcher=fetcher)


def function_plan(target: Target, items: tuple[Item, ...]) -> FunctionPlan:
    size = sum(item.unzipped_size for item in items)
    return FunctionPlan(
        function=target.slug,
        target=target,
        layers=("shop-any",),
        external_layers=0,
        external_size=0,
        code_size=0,
        needed_size=size,
        layers_size=size,
    )


@pytest.mark.parametrize(
    ("targets", "runtimes", "architectures", "interpreter"),
    [
        ((X86,), ("python3.13",), ("x86_64",), "#!/var/lang/bin/python3.13\n"),
        ((ARM, OLD_X86), ("python3.12",), ("arm64", "x86_64"), "#!/var/lang/bin/python3.12\n"),
        ((ARM, X86), ("python3.12", "python3.13"), ("arm64", "x86_64"), "#!   /var/lang/bin/python3\n"),
    ],
)
def test_one_layer_serves_several_targets(
    tmp_path: Path,
    make_wheel: MakeWheel,
    targets: tuple[Target, ...],
    runtimes: tuple[str, ...],
    architectures: tuple[str, ...],
    interpreter: str,
) -> None:
    wheel = make_wheel("demo", entry_points={"console_scripts": {"go": "demo:main"}})
    result = build(tmp_path, wheel, *targets)
    (layer,) = result.manifest.layers
    assert (layer.runtimes, layer.architectures) == (runtimes, architectures)
    assert {name: one.layers for name, one in result.manifest.functions.items()} == {
        target.slug: ("shop-any",) for target in targets
    }
    with zipfile.ZipFile(tmp_path / "out" / layer.path) as archive:
        program = archive.read("bin/go").decode()
        size = sum(info.file_size for info in archive.infolist())
    assert program.startswith(interpreter)
    # The plan was made with this size, whichever targets the layer serves.
    facts = read_facts(io.BytesIO(wheel.read_bytes()), filename=wheel.name)
    assert layer.unzipped_size == size == facts.unzipped_size


def test_a_layer_that_serves_another_target_too_is_another_one(tmp_path: Path, make_wheel: MakeWheel) -> None:
    wheel = make_wheel("demo")
    (alone,) = build(tmp_path, wheel, X86).manifest.layers
    result = build(tmp_path, wheel, ARM, X86)
    (shared,) = result.manifest.layers
    assert result.built == ("shop-any",)
    assert (alone.runtimes, shared.runtimes) == (("python3.13",), ("python3.12", "python3.13"))
    # Without programs there is nothing in it that an interpreter could change.
    assert alone.sha256 == shared.sha256


def test_a_function_may_take_what_the_lock_of_its_target_does_not_hold(
    tmp_path: Path, make_wheel: MakeWheel
) -> None:
    result = build(tmp_path, make_wheel("demo"), ARM, X86, in_locks_of=(X86,))
    assert [layer.distributions[0].name for layer in result.manifest.layers] == ["demo"]
