"""Distributions in a function's own zip: what it holds, what is said of it, and what is refused."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from layerforge.build.builder import BuildResult, build_project, make_fetcher
from layerforge.build.manifest import read_manifest
from layerforge.build.pack import Pack, PackStore
from layerforge.cache import Cache
from layerforge.check.collisions import find_collisions_in
from layerforge.check.problems import make_findings
from layerforge.check.reading import ZipFile, read_contents
from layerforge.errors import BuildError
from layerforge.model.artifact import BuiltDistribution
from layerforge.model.function import Function, Project, ProjectSettings
from layerforge.model.lock import Distribution, FunctionRoots, Lock, Root
from layerforge.model.plan import FunctionPlan, LayerPlan, PlannedLayer
from layerforge.model.requirement import Origin
from layerforge.model.target import Target
from layerforge.plan.demands import item_of
from layerforge.wheels.facts import read_facts
from tests.fakes import FakeIndex, RecordingProgress
from tests.wheel_files import MakeWheel

TARGET = Target(runtime=f"python{sys.version_info.major}.{sys.version_info.minor}", architecture="x86_64")
ORIGIN = Origin(path="template.yaml", line=1)
HINT = (
    "rename or remove its own, or let the function take that distribution from a layer (bundle in the config)"
)


@dataclass
class Shop:
    """Functions with some code each; `bundled` names what of the wheels is bundled with each of them."""

    root: Path
    index: FakeIndex
    bundled: dict[str, tuple[str, ...]]
    sources: dict[str, str | None] = field(default_factory=dict)
    packs: dict[tuple[str, str], tuple[Pack, ...]] = field(default_factory=dict)
    progress: RecordingProgress = field(default_factory=RecordingProgress)

    def write(self, files: dict[str, str]) -> None:
        for path, text in files.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text(text)

    def distributions(self) -> list[Distribution]:
        read = {
            filename: read_facts(io.BytesIO(data), filename=filename)
            for filename, data in sorted(self.index.contents.items())
        }
        return [
            Distribution(
                name=facts.name,
                version=facts.version,
                wheel=self.index.archive(filename),
                unzipped_size=facts.unzipped_size,
            )
            for filename, facts in read.items()
        ]

    def build(self, *, offline: bool = False) -> BuildResult:
        functions = tuple(
            Function(name=name, target=TARGET, source=self.sources.get(name, name), origin=ORIGIN)
            for name in self.bundled
        )
        held = self.distributions()
        lock = Lock(
            cohort="shop",
            target=TARGET,
            distributions=tuple(held),
            functions=tuple(
                FunctionRoots(function=name, roots=(Root(name="a", origin=ORIGIN),)) for name in self.bundled
            ),
            input_digest="",
        )
        project = Project(root=self.root, settings=ProjectSettings(name="shop"), functions=functions)
        plans = tuple(self._plan(name, held) for name in sorted(self.bundled))
        shared = tuple(item_of(one) for one in held if one.name == "shared")
        layers = (PlannedLayer(name="shop-shared", targets=(TARGET,), items=shared),) if shared else ()
        fetcher = make_fetcher(
            project,
            index=self.index,
            cache=Cache(self.root.parent / "cache"),
            progress=self.progress,
            offline=offline,
        )
        plan = LayerPlan(layers=layers, functions=plans)
        return build_project(plan, [lock], project, output=self.output, fetcher=fetcher, packs=self.packs)

    def _plan(self, name: str, held: Iterable[Distribution]) -> FunctionPlan:
        items = tuple(item_of(one) for one in held if one.name in self.bundled[name])
        return FunctionPlan(
            function=name,
            target=TARGET,
            layers=(),
            external_layers=0,
            external_size=0,
            code_size=0,
            needed_size=0,
            layers_size=0,
            bundled=items,
        )

    @property
    def output(self) -> Path:
        return self.root / ".layerforge"

    def code_zip(self, name: str) -> Path:
        code = read_manifest(self.output / "manifest.json").functions[name].code
        assert code is not None
        return self.output / code.path

    def unpack(self, name: str) -> Path:
        """The code zip of a function as Lambda unpacks it."""
        task = self.root.parent / "task" / name
        with zipfile.ZipFile(self.code_zip(name)) as archive:
            assert archive.testzip() is None
            archive.extractall(task)
        return task


@pytest.fixture
def shop(tmp_path: Path, make_wheel: MakeWheel) -> Shop:
    """`orders` bundles demo and helper, `billing` nothing."""
    wheels = (
        make_wheel(
            "demo",
            files={"demo/__init__.py": "def main(): print('hello from demo')\n", "demo/text": "x" * 5000},
            data={"scripts/run": "#!python\nimport demo; demo.main()\n", "data/share/demo/x.json": "{}"},
            entry_points={"console_scripts": {"go": "demo:main"}},
        ),
        make_wheel("helper", files={"helper.py": "HELP = 1\n"}),
    )
    shop = Shop(
        root=tmp_path / "project",
        index=FakeIndex(wheels=wheels),
        bundled={"orders": ("demo", "helper"), "billing": ()},
    )
    shop.write({"orders/app.py": "import demo, helper\n", "billing/app.py": "x = 1\n"})
    return shop


def test_distributions_lie_at_the_top_beside_the_code(shop: Shop) -> None:
    result = shop.build()
    assert result.built == ("billing (code)", "orders (code)")
    task = shop.unpack("orders")
    assert sorted(path.relative_to(task).as_posix() for path in task.rglob("*") if path.is_file()) == sorted(
        [
            "app.py",
            "bin/go",
            "bin/run",
            *(f"demo-1.0.dist-info/{name}" for name in ("INSTALLER", "METADATA", "RECORD", "WHEEL")),
            "demo-1.0.dist-info/entry_points.txt",
            "demo/__init__.py",
            "demo/text",
            *(f"helper-1.0.dist-info/{name}" for name in ("INSTALLER", "METADATA", "RECORD", "WHEEL")),
            "helper.py",
            "share/demo/x.json",
        ]
    )
    assert sorted(path.name for path in shop.unpack("billing").iterdir()) == ["app.py"]


def test_it_runs_and_its_metadata_is_whole(shop: Shop) -> None:
    shop.build()
    task = shop.unpack("orders")
    program = (
        "import app, importlib.metadata as m, json\n"
        "def row(p):\n"
        "    size = p.locate().stat().st_size if p.locate().is_file() else None\n"
        "    return [str(p), size is not None, p.size == size if p.size else None]\n"
        "print(json.dumps([row(p) for p in m.files('demo')]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=task, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [
        ["bin/go", True, True],
        ["bin/run", True, True],
        ["demo-1.0.dist-info/INSTALLER", True, True],
        ["demo-1.0.dist-info/METADATA", True, True],
        ["demo-1.0.dist-info/RECORD", True, None],
        ["demo-1.0.dist-info/WHEEL", True, True],
        ["demo-1.0.dist-info/entry_points.txt", True, True],
        ["demo/__init__.py", True, True],
        ["demo/text", True, True],
        ["share/demo/x.json", True, True],
    ]
    # As Lambda starts it: by its whole name, and its packages on no path.
    for name in ("go", "run"):
        source = (task / "bin" / name).read_text()
        assert source.startswith(f"#!/var/lang/bin/{TARGET.runtime}\n")
    started = subprocess.run(
        [sys.executable, str(task / "bin/go")], cwd="/", capture_output=True, text=True, check=True
    )
    assert started.stdout == "hello from demo\n"


def test_the_manifest_tells_of_it(shop: Shop) -> None:
    functions = shop.build().manifest.functions
    orders = functions["orders"]
    assert orders.code is not None
    with zipfile.ZipFile(shop.code_zip("orders")) as archive:
        sizes = {info.filename: info.file_size for info in archive.infolist()}
    helper = sum(size for path, size in sizes.items() if path.startswith("helper"))
    own = sizes["app.py"]
    assert orders.code.distributions == (
        BuiltDistribution(name="demo", version="1.0", unzipped_size=sum(sizes.values()) - helper - own),
        BuiltDistribution(name="helper", version="1.0", unzipped_size=helper),
    )
    assert (orders.code_size, orders.unzipped_size) == (own, sum(sizes.values()))
    assert orders.code.unzipped_size == orders.unzipped_size
    # The plan counts what it would take in a layer: no less, and little more.
    planned = sum(one.unzipped_size for one in shop.distributions())
    assert planned - 100 <= orders.unzipped_size - own <= planned
    billing = functions["billing"].code
    assert billing is not None
    assert billing.distributions == ()


def test_wheels_are_copied_not_compressed_again(shop: Shop) -> None:
    shop.build()
    with zipfile.ZipFile(shop.code_zip("orders")) as archive:
        kinds = {
            info.filename: (info.compress_type, info.date_time[0], info.compress_size < info.file_size)
            for info in archive.infolist()
        }
    assert kinds["demo/text"] == (zipfile.ZIP_DEFLATED, 1980, True)
    assert kinds["app.py"] == (zipfile.ZIP_STORED, 1980, False)


def test_nothing_changed_means_nothing_done(shop: Shop) -> None:
    shop.build()
    before = shop.code_zip("orders").read_bytes()
    shop.index.downloaded.clear()
    assert shop.build(offline=True).built == ()
    shop.write({"orders/app.py": "import demo\n"})
    assert shop.build().built == ("orders (code)",)
    shop.write({"orders/app.py": "import demo, helper\n"})
    assert shop.build().built == ("orders (code)",)
    assert shop.code_zip("orders").read_bytes() == before
    shop.bundled["orders"] = ("demo",)
    assert shop.build().built == ("orders (code)",)
    shop.bundled["orders"] = ()
    result = shop.build()
    assert result.built == ("orders (code)",)
    code = result.manifest.functions["orders"].code
    assert code is not None
    assert code.unzipped_size == len("import demo, helper\n")


def test_functions_of_one_folder_and_bundle_share_the_zip(shop: Shop) -> None:
    shop.sources = {"refunds": "orders"}
    shop.bundled |= {"refunds": ("demo", "helper"), "returns": ("demo",)}
    shop.write({"returns/app.py": "import demo, helper\n"})
    functions = shop.build().manifest.functions
    codes = {name: one.code for name, one in functions.items() if one.code}
    assert codes["orders"].sha256 == codes["refunds"].sha256 != codes["returns"].sha256
    assert codes["refunds"].distributions == codes["orders"].distributions
    assert shop.code_zip("orders").stat().st_ino == shop.code_zip("refunds").stat().st_ino


def test_bytecode_lies_beside_its_module_and_is_told(shop: Shop) -> None:
    made = shop.root.parent / "pack.zip"
    tag = f"cpython-{sys.version_info.major}{sys.version_info.minor}"
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(f"python/__pycache__/helper.{tag}.pyc", b"code")
    store = PackStore(Cache(shop.root.parent / "cache"))
    notes = {"interpreter": f"{tag} x", "tag": tag, "image": None}
    shop.packs = {("orders (code)", "helper"): (store.add("bytecode", "ab" * 32, made, notes=notes),)}
    result = shop.build()
    code = result.manifest.functions["orders"].code
    assert code is not None
    assert [(one.runtime, one.modules, one.unzipped_size) for one in code.bytecode] == [
        (TARGET.runtime, 1, 4)
    ]
    assert (shop.unpack("orders") / f"__pycache__/helper.{tag}.pyc").read_bytes() == b"code"
    record = (shop.unpack("orders") / "helper-1.0.dist-info/RECORD").read_text()
    assert f"__pycache__/helper.{tag}.pyc,sha256=" in record


def test_a_damaged_wheel_in_the_cache_is_fetched_again(shop: Shop) -> None:
    shop.build()
    before = shop.code_zip("orders").read_bytes()
    shop.code_zip("orders").unlink()
    blob = Cache(shop.root.parent / "cache").blob(shop.index.archive("helper-1.0-py3-none-any.whl").sha256)
    blob.write_bytes(bytes(blob.stat().st_size))
    assert shop.build().built == ("orders (code)",)
    assert shop.code_zip("orders").read_bytes() == before
    assert shop.progress.notes == ["helper-1.0-py3-none-any.whl in the cache is damaged: fetching it again"]


@pytest.mark.parametrize(
    ("own", "sentence"),
    [
        ("helper.py", "the function's own helper.py and helper.py of helper 1.0"),
        ("demo/__init__.py", "the function's own demo/__init__.py and demo/__init__.py of demo 1.0"),
        ("bin/go", "the function's own bin/go and bin/go of demo 1.0"),
        # A file where the other has a folder.
        ("share", "the function's own share and share/demo/x.json of demo 1.0"),
        ("demo/text/more.txt", "the function's own demo/text/more.txt and demo/text of demo 1.0"),
        # Python imports one of the two.
        ("demo.py", "the function's own demo.py and demo/__init__.py of demo 1.0"),
        ("helper/__init__.py", "the function's own helper/__init__.py and helper.py of helper 1.0"),
    ],
)
def test_files_of_the_function_are_never_replaced(shop: Shop, own: str, sentence: str) -> None:
    shop.write({f"orders/{own}": ""})
    with pytest.raises(BuildError) as caught:
        shop.build()
    assert str(caught.value) == f"orders: {sentence} cannot lie in one zip"
    assert caught.value.hint == HINT
    assert not (shop.output / "manifest.json").exists()
    assert not list((shop.output / "functions").glob("*orders*"))


@pytest.mark.parametrize(
    "own", ["demo/more.py", "share/demo/y.json", "demo-1.0.txt", "helpers.py", "bin/gone"]
)
def test_files_beside_each_other_are_fine(shop: Shop, own: str) -> None:
    shop.write({f"orders/{own}": ""})
    shop.build()
    assert (shop.unpack("orders") / own).is_file()


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (None, "nothing can be bundled with the code of orders: its code is not a folder of this project"),
        ("orders.zip", "orders.zip: nothing can be bundled with the code of orders: it is a zip already"),
    ],
)
def test_code_that_is_not_ours_to_write(shop: Shop, source: str | None, sentence: str) -> None:
    with zipfile.ZipFile(shop.root / "orders.zip", "w") as archive:
        archive.writestr("app.py", "")
    shop.sources = {"orders": source}
    with pytest.raises(BuildError) as caught:
        shop.build()
    assert str(caught.value) == sentence


def test_a_module_file_is_code_too(shop: Shop) -> None:
    shop.write({"lone.py": "import demo\n"})
    shop.sources = {"orders": "lone.py"}
    shop.build()
    assert (shop.unpack("orders") / "lone.py").is_file()
    assert (shop.unpack("orders") / "demo/__init__.py").is_file()


def test_two_files_of_a_wheel_that_only_a_layer_keeps_apart(shop: Shop, make_wheel: MakeWheel) -> None:
    wheel = make_wheel("odd", files={"bin/tool": "x"}, data={"scripts/tool": "y"})
    shop.index = FakeIndex(wheels=(wheel,))
    shop.bundled = {"orders": ("odd",)}
    with pytest.raises(BuildError) as caught:
        shop.build()
    assert str(caught.value) == (
        "odd-1.0-py3-none-any.whl: two files of odd 1.0 would lie at bin/tool beside a function's code"
    )


def test_wheels_that_bring_the_same_path_are_told_as_in_layers(shop: Shop, make_wheel: MakeWheel) -> None:
    wheels = [make_wheel(name, files={"cv2/x.py": name}) for name in ("one", "two")]
    shop.index = FakeIndex(wheels=tuple(wheels))
    shop.bundled = {"orders": ("one", "two")}
    code = shop.build().manifest.functions["orders"].code
    assert code is not None
    path = shop.output / code.path
    zip_file = ZipFile(name="orders", is_code=True, path=path, sha256=code.sha256)
    contents = read_contents(zip_file, Cache(shop.root.parent / "cache"))
    (finding,) = make_findings(find_collisions_in(contents))
    assert (finding.subject, finding.sentence) == (
        "orders",
        ("cv2/x.py of one 1.0 (the code of orders) has other contents in two 1.0, which had to give way"),
    )
