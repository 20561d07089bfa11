from __future__ import annotations

import io
import resource
import signal
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from layerforge.build.builder import BuildResult, build_project, make_fetcher
from layerforge.build.manifest import read_manifest
from layerforge.build.pack import Pack
from layerforge.cache import Cache
from layerforge.errors import BuildError
from layerforge.model.function import Function, Project, ProjectSettings
from layerforge.model.lock import Distribution, FunctionRoots, Lock, Root
from layerforge.model.plan import FunctionPlan, LayerPlan, PlannedLayer
from layerforge.model.requirement import Origin
from layerforge.model.target import Target
from layerforge.plan.demands import item_of
from layerforge.wheels.facts import read_facts
from tests.fakes import FakeIndex, RecordingProgress
from tests.wheel_files import MakeWheel

TARGET = Target(runtime="python3.13", architecture="x86_64")


class Shop:
    """A project of functions `one` (layers a, b) and `two` (layer b), and a cache of its own."""

    def __init__(self, root: Path, *wheels: Path) -> None:
        self.root = root / "project"
        self.output = self.root / ".layerforge"
        self.cache = Cache(root / "cache")
        self.progress = RecordingProgress()
        self.packs: dict[tuple[str, str], tuple[Pack, ...]] = {}
        for name in ("one", "two"):
            (self.root / name).mkdir(parents=True)
            (self.root / name / "app.py").write_text(f"name = '{name}'\n")
        self.use(*wheels)

    def use(self, *wheels: Path) -> None:
        self.index = FakeIndex(wheels=wheels)
        self.distributions = []
        for filename in sorted(self.index.contents):
            data = self.index.contents[filename]
            facts = read_facts(io.BytesIO(data), filename=filename)
            self.distributions.append(
                Distribution(
                    name=facts.name,
                    version=facts.version,
                    wheel=self.index.archive(filename),
                    unzipped_size=facts.unzipped_size,
                )
            )

    def build(self, output: Path | None = None, *, offline: bool = False, jobs: int = 2) -> BuildResult:
        origin = Origin(path="template.yaml", line=1)
        functions = tuple(
            Function(name=name, target=TARGET, source=name, origin=origin) for name in ("one", "two")
        )
        root = Root(name="a", origin=origin)
        lock = Lock(
            cohort="shop",
            target=TARGET,
            distributions=tuple(self.distributions),
            functions=tuple(FunctionRoots(function=name, roots=(root,)) for name in ("one", "two")),
            input_digest="",
        )
        layers = tuple(
            PlannedLayer(name=f"shop-{one.name}", targets=(TARGET,), items=(item_of(one),))
            for one in self.distributions
        )
        plans = tuple(
            FunctionPlan(
                function=name,
                target=TARGET,
                layers=tuple(layer.name for layer in layers[skipped:]),
                external_layers=0,
                external_size=0,
                code_size=13,
                needed_size=0,
                layers_size=sum(layer.unzipped_size for layer in layers[skipped:]),
            )
            for name, skipped in (("one", 0), ("two", 1))
        )
        project = Project(root=self.root, settings=ProjectSettings(name="shop"), functions=functions)
        fetcher = make_fetcher(
            project,
            index=self.index,
            cache=self.cache,
            progress=self.progress,
            offline=offline,
            jobs=jobs,
        )
        return build_project(
            LayerPlan(layers=layers, functions=plans),
            [lock],
            project,
            output=output or self.output,
            fetcher=fetcher,
            packs=self.packs,
        )

    def files(self) -> dict[str, bytes]:
        return {
            path.relative_to(self.output).as_posix(): path.read_bytes()
            for path in sorted(self.output.rglob("*"))
            if path.is_file() and path.name != ".lock"
        }


@pytest.fixture
def shop(tmp_path: Path, make_wheel: MakeWheel) -> Shop:
    return Shop(tmp_path, make_wheel("a"), make_wheel("b"))


def test_builds_layers_code_and_manifest(shop: Shop) -> None:
    result = shop.build()
    assert result.built == ("one (code)", "shop-a", "shop-b", "two (code)")
    assert result.reused == ()
    manifest = result.manifest
    assert read_manifest(shop.output / "manifest.json") == manifest
    layer = manifest.layers[0]
    assert layer.path == f"layers/shop-a-{layer.sha256[:12]}.zip"
    assert (layer.runtimes, layer.architectures) == (("python3.13",), ("x86_64",))
    assert layer.unzipped_size == shop.distributions[0].unzipped_size == layer.distributions[0].unzipped_size
    one = manifest.functions["one"]
    assert one.code is not None
    assert one.code.path == f"functions/one-{one.code.sha256[:12]}.zip"
    assert one.unzipped_size == one.code.unzipped_size + sum(layer.unzipped_size for layer in manifest.layers)
    assert sorted(shop.files()) == sorted(
        ["manifest.json", *(layer.path for layer in manifest.layers)]
        + [function.code.path for function in manifest.functions.values() if function.code]
    )


def test_nothing_changed_means_nothing_done(shop: Shop) -> None:
    shop.build()
    before = {path: path.stat().st_mtime_ns for path in shop.output.rglob("*")}
    shop.index = FakeIndex()
    # Not even the wheels are looked at: they may be gone.
    shop.cache = Cache(shop.root / "empty")
    result = shop.build(offline=True)
    assert result.built == ()
    assert result.reused == ("one (code)", "shop-a", "shop-b", "two (code)")
    assert {path: path.stat().st_mtime_ns for path in shop.output.rglob("*")} == before


def test_only_what_changed_is_built_and_the_old_is_removed(shop: Shop, make_wheel: MakeWheel) -> None:
    shop.build()
    shop.use(make_wheel("a"), make_wheel("b", "2.0"))
    (shop.root / "two/app.py").write_text("changed")
    result = shop.build()
    assert result.built == ("shop-b", "two (code)")
    assert result.reused == ("one (code)", "shop-a")
    assert shop.index.downloaded == ["b-2.0-py3-none-any.whl"]
    named = {layer.path for layer in result.manifest.layers}
    named |= {function.code.path for function in result.manifest.functions.values() if function.code}
    assert set(shop.files()) == named | {"manifest.json"}


def test_files_of_others_in_the_output_folder_stay(shop: Shop) -> None:
    shop.build()
    (shop.output / "layers/mine.zip").write_text("x")
    (shop.output / "layers/.shop-a.whole.part.x.part").write_text("left by a killed build")
    (shop.root / "one/app.py").write_text("changed")
    shop.build()
    assert (shop.output / "layers/mine.zip").exists()
    assert not (shop.output / "layers/.shop-a.whole.part.x.part").exists()


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_a_zip_that_is_gone_or_cut_is_built_again(shop: Shop, damage: str) -> None:
    path = shop.output / shop.build().manifest.layers[0].path
    before = path.read_bytes()
    path.unlink() if damage == "gone" else path.write_bytes(before[:-1])
    assert shop.build().built == ("shop-a",)
    assert path.read_bytes() == before


@pytest.mark.parametrize("text", ["", "{}", '{"version": 9}'])
def test_a_damaged_manifest_is_written_anew(shop: Shop, text: str) -> None:
    shop.build()
    before = shop.files()
    (shop.output / "manifest.json").write_text(text)
    assert len(shop.build().built) == 4
    assert shop.files() == before
    (note,) = shop.progress.notes
    assert note.startswith("everything is built anew, because of ")


def test_another_machine_makes_the_same_bytes(tmp_path: Path, make_wheel: MakeWheel) -> None:
    shops = []
    for place in ("here", "there"):
        wheels = [make_wheel(name, directory=tmp_path / place / "wheels") for name in "ab"]
        shops.append(Shop(tmp_path / place, *wheels))
    shops[0].build(jobs=1)
    shops[1].build(jobs=8)
    assert shops[0].files() == shops[1].files()
    assert str(tmp_path).encode() not in b"".join(shops[0].files().values())


@pytest.mark.parametrize("damage", ["same size", "cut", "gone"])
def test_a_damaged_wheel_in_the_cache_is_fetched_again(shop: Shop, damage: str) -> None:
    layer = shop.build().manifest.layers[0]
    (shop.output / layer.path).unlink()
    wheel = shop.distributions[0].wheel
    assert wheel is not None
    blob = shop.cache.blob(wheel.sha256)
    size = blob.stat().st_size
    if damage == "gone":
        blob.unlink()
    else:
        blob.write_bytes(bytes(size if damage == "same size" else size - 1))
    shop.index.downloaded.clear()
    result = shop.build()
    assert result.built == ("shop-a",)
    assert result.manifest.layers[0] == layer
    assert shop.index.downloaded == ["a-1.0-py3-none-any.whl"]
    if damage == "same size":
        assert shop.progress.notes == ["a-1.0-py3-none-any.whl in the cache is damaged: fetching it again"]


def test_a_damaged_wheel_without_a_network_is_named(shop: Shop) -> None:
    layer = shop.build().manifest.layers[0]
    (shop.output / layer.path).unlink()
    wheel = shop.distributions[0].wheel
    assert wheel is not None
    blob = shop.cache.blob(wheel.sha256)
    blob.write_bytes(bytes(blob.stat().st_size))
    with pytest.raises(BuildError) as caught:
        shop.build(offline=True)
    assert caught.value.details == ("a 1.0 for python3.13-x86_64",)
    assert [path.name for path in (shop.output / "layers").iterdir() if "shop-a" in path.name] == []


def test_an_output_folder_that_is_a_file(shop: Shop) -> None:
    output = shop.root / "file"
    output.write_text("")
    with pytest.raises(BuildError) as caught:
        shop.build(output)
    assert str(caught.value) == f"{output}: the output folder cannot be written to (File exists)"


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file may grow beyond 100 kB: the nearest thing to a full disk that any user can have."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_disk_that_takes_no_more_leaves_nothing_half_written(
    shop: Shop, request: pytest.FixtureRequest
) -> None:
    shop.build()
    (shop.root / "one/big.bin").write_bytes(bytes(300_000))
    before = shop.files()
    request.getfixturevalue("small_files")
    with pytest.raises(BuildError) as caught:
        shop.build()
    assert str(caught.value) == (
        f"{shop.output / 'functions'}: the output folder cannot be written to (File too large)"
    )
    assert shop.files() == before


def test_functions_that_share_code_share_the_zip(shop: Shop) -> None:
    for name in ("one", "two"):
        (shop.root / name / "app.py").write_text("same")
    functions = shop.build().manifest.functions
    codes = [function.code for function in functions.values()]
    assert codes[0] is not None
    assert codes[1] == replace(codes[0], path=codes[0].path.replace("/one-", "/two-"))
    assert (shop.output / codes[0].path).stat().st_ino == (shop.output / codes[1].path).stat().st_ino


def test_the_zips_hold_what_they_should(shop: Shop) -> None:
    result = shop.build()
    with zipfile.ZipFile(shop.output / result.manifest.layers[0].path) as layer:
        assert layer.read("python/a/__init__.py") == b'__version__ = "1.0"\n'
    code = result.manifest.functions["two"].code
    assert code is not None
    with zipfile.ZipFile(shop.output / code.path) as archive:
        assert archive.read("app.py") == b"name = 'two'\n"
