"""Where sources are built: here, or in a container that a fake engine plays."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from layerforge.cache import Cache
from layerforge.containers.engine import Container, EngineInfo, FileIn, Image, Outcome
from layerforge.containers.passing import Passing
from layerforge.errors import BuildError, ResolutionError, ToolError
from layerforge.model.container import ContainerSettings
from layerforge.model.lock import Archive, LocalSource
from layerforge.model.progress import Progress
from layerforge.model.requirement import IndexOptions
from layerforge.model.target import Target
from layerforge.resolve.compile.compiler import Compiler
from layerforge.resolve.compile.failures import last_lines
from layerforge.resolve.compile.order import Instructions
from layerforge.resolve.compile.workshop import Workshop
from layerforge.resolve.index import Selected
from layerforge.resolve.pip_worker.access import open_access
from layerforge.resolve.pip_worker.sources import Builder
from tests.fakes import RecordingProgress
from tests.native_files import native_files, write_native_project, write_native_sdist
from tests.wheel_files import MakeSource, MakeWheel

TARGET = Target(runtime="python3.13", architecture="x86_64")
PLAIN = Instructions()
FITTING = "cp313-cp313-manylinux_2_34_x86_64"


@dataclass
class FakeContainers:
    """Answers with `answer`, and with the wheel at `wheel`; remembers what it was asked to run."""

    wheel: Path | None = None
    answer: Mapping[str, Any] | None = None
    image: str | None = "sha256:one"
    asked: list[tuple[Container, dict[str, Any]]] = field(default_factory=list)

    @property
    def info(self) -> EngineInfo:
        raise NotImplementedError

    def find_image(self, reference: str, *, architecture: str) -> Image | None:
        if self.image is None:
            return None
        return Image(
            reference=reference, id=self.image, digest=None, architecture=architecture, environment={}
        )

    def pull_image(self, reference: str, *, architecture: str, progress: Progress) -> Image:
        raise ToolError(f"{reference} cannot be pulled", hint="look at the network")

    def run(
        self,
        container: Container,
        *,
        files: Iterable[FileIn] = (),
        take: str | None = None,
        into: Path | None = None,
        say: Callable[[str], None] | None = None,
    ) -> Outcome:
        sent = {file.path: file.data for file in files}
        request = sent["/tmp/layerforge/in/request.json"]
        assert isinstance(request, bytes)
        assert into is not None
        asked = json.loads(request)
        source = sent[asked["source"]]
        assert isinstance(source, Path)
        if source.suffix == ".tar":
            with tarfile.open(source) as tar:
                asked["names"] = sorted(tar.getnames())
        self.asked.append((container, asked))
        if say is not None:
            say("gcc -c demo.c")
        answer = self.answer
        if answer is None:
            assert self.wheel is not None
            into.mkdir(parents=True, exist_ok=True)
            (into / self.wheel.name).write_bytes(self.wheel.read_bytes())
            answer = {"wheel": self.wheel.name, "vendored": [["libpq.so.5", "/lib64/x"]], "packages": []}
        return Outcome(
            code=0,
            stdout=json.dumps({"manager": "dnf", **answer}).encode(),
            stderr="",
            out_of_memory=False,
            seconds=1,
        )

    def volume(self, image: str, files: Iterable[FileIn]) -> AbstractContextManager[str]:
        raise NotImplementedError

    def stop_all(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


@dataclass
class Setting:
    """A builder with its surroundings.

    `engine` is None where none answers; `opened` counts how often it was looked for.
    """

    root: Path
    engine: FakeContainers | None = None
    instructions: Instructions = PLAIN
    opened: int = 0
    progress: RecordingProgress = field(default_factory=RecordingProgress)

    def open_engine(self, progress: Progress) -> FakeContainers:
        self.opened += 1
        if self.engine is None:
            raise ToolError("no container engine answers", details=["Docker: no socket"], hint="start Docker")
        return self.engine

    def builder(self, mode: str = "auto") -> Builder:
        workshop = Workshop(ContainerSettings(), progress=self.progress, open_engine=self.open_engine)
        compiler = Compiler(
            workshop,
            target=TARGET,
            materials=lambda: Passing(files=(), notes=(), secrets=("s3cr3t",)),
            instructions=lambda _: self.instructions,
            explain=last_lines,
        )
        return Builder(
            open_access(IndexOptions(no_index=True), root=self.root, retries=0, timeout=1),
            Cache(self.root / "cache"),
            target=TARGET,
            root=self.root,
            progress=self.progress,
            compiler=None if mode == "wheels" else compiler,
            everything=mode == "container",
        )


@pytest.fixture
def setting(tmp_path: Path, make_wheel: MakeWheel) -> Setting:
    return Setting(tmp_path, engine=FakeContainers(wheel=make_wheel("demo", tag=FITTING)))


@pytest.fixture
def native(tmp_path: Path) -> Selected:
    """The sdist of a C extension."""
    return as_sdist(write_native_sdist(tmp_path / "sdists", "demo", "1.0", native_files("demo")))


def as_sdist(path: Path) -> Selected:
    archive = Archive(
        filename=path.name, url=path.as_uri(), sha256=hashlib.sha256(path.read_bytes()).hexdigest()
    )
    name, _, version = path.name.removesuffix(".tar.gz").rpartition("-")
    return Selected(name=name, version=version, sdist=archive)


def test_what_is_pure_is_built_here_and_no_engine_is_looked_for(
    setting: Setting, make_project: MakeSource
) -> None:
    make_project("pure", directory=setting.root / "pure")
    built = setting.builder().build_folder("pure", "pure")
    assert (built.filename, built.context, setting.opened) == ("pure-1.0-py3-none-any.whl", "", 0)


def test_what_has_c_is_built_in_a_container_once(setting: Setting, native: Selected) -> None:
    engine = setting.engine
    assert engine is not None
    first = setting.builder().build(native)
    assert first.filename == f"demo-1.0-{FITTING}.whl"
    ((container, asked),) = engine.asked
    assert container == Container(
        image="sha256:one",
        architecture="x86_64",
        command=(
            "/var/lang/bin/python3.13",
            "/tmp/layerforge/build_wheel.py",
            "/tmp/layerforge/in/request.json",
        ),
        environment={},
        purpose="build demo 1.0",
        network="bridge",
        memory=4 * 2**30,
        timeout=3600,
    )
    assert (asked["mode"], asked["source"]) == ("wheel", "/tmp/layerforge/in/demo-1.0.tar.gz")
    assert setting.progress.details == ["gcc -c demo.c", "demo 1.0 carries libpq.so.5 (/lib64/x)"]
    assert [task.label for task in setting.progress.tasks] == ["compiling demo 1.0"]
    assert setting.builder().build(native) == first
    assert len(engine.asked) == 1


def test_another_image_or_other_instructions_build_anew(setting: Setting, native: Selected) -> None:
    engine = setting.engine
    assert engine is not None
    contexts = [setting.builder().build(native).context]
    engine.image = "sha256:two"
    contexts.append(setting.builder().build(native).context)
    setting.instructions = Instructions(packages=("libpq-devel",))
    contexts.append(setting.builder().build(native).context)
    assert engine.asked[-1][1]["packages"] == ["libpq-devel"]
    assert (len(engine.asked), len(set(contexts))) == (3, 3)
    # What was built before is there still.
    engine.image, setting.instructions = "sha256:one", Instructions()
    assert setting.builder().build(native).context == contexts[0]
    assert len(engine.asked) == 3


@pytest.mark.parametrize("gone", ["engine", "image"])
def test_what_was_compiled_counts_where_nobody_can_compile(
    setting: Setting, native: Selected, gone: str
) -> None:
    first = setting.builder().build(native)
    if gone == "engine":
        setting.engine = None
    elif setting.engine is not None:
        setting.engine.image = None
    assert setting.builder().build(native) == first


def test_without_an_engine_the_error_tells_what_was_tried(setting: Setting, tmp_path: Path) -> None:
    setting.engine = None
    files = {"pyproject.toml": b'[build-system]\nrequires = []\nbuild-backend = "mesonpy"\n'}
    heavy = as_sdist(write_native_sdist(tmp_path, "heavy", "2.0", files))
    with pytest.raises(ToolError) as caught:
        setting.builder().build(heavy)
    assert caught.value.headline == (
        "heavy 2.0 must be built for python3.13-x86_64 in a container (its build backend is mesonpy), "
        "and no container engine answers"
    )
    assert caught.value.details == ("Docker: no socket",)
    assert caught.value.hint == (
        "start Docker; or ask for a version that has a wheel that fits, or take another runtime"
    )


def test_native_code_that_is_an_extra_is_left_out_where_no_engine_answers(
    setting: Setting, make_project: MakeSource
) -> None:
    engine, setting.engine = setting.engine, None
    assert engine is not None
    folder = make_project("demo", directory=setting.root / "demo")
    (folder / "speedups.c").write_text("int x;")
    source = Selected(name="demo", version="1.0", local=LocalSource(path="demo"))
    built = setting.builder().build(source)
    assert (built.filename, built.context) == ("demo-1.0-py3-none-any.whl", "")
    assert setting.progress.notes[-1] == (
        "demo 1.0 is built without what could be compiled (it holds speedups.c), "
        "as no container engine answers"
    )
    setting.engine = engine
    assert setting.builder().build(source).filename == f"demo-1.0-{FITTING}.whl"
    assert engine.asked[0][1]["names"] == [
        "demo",
        "demo/PKG-INFO",
        "demo/_backend",
        "demo/_backend/backend.py",
        "demo/_backend/project.json",
        "demo/demo",
        "demo/demo/__init__.py",
        "demo/pyproject.toml",
        "demo/speedups.c",
    ]


def test_a_build_here_that_gives_a_platform_wheel_leads_to_a_container(
    setting: Setting, make_project: MakeSource
) -> None:
    make_project("demo", tag="cp313-cp313-linux_x86_64", directory=setting.root / "demo")
    for _ in range(2):
        built = setting.builder().build_folder("demo", "demo")
        assert built.filename == f"demo-1.0-{FITTING}.whl"
    assert setting.engine is not None
    assert len(setting.engine.asked) == 1


def test_everything_is_built_in_a_container_where_the_config_asks_for_it(
    setting: Setting, make_project: MakeSource, make_wheel: MakeWheel
) -> None:
    assert setting.engine is not None
    setting.engine.wheel = make_wheel("pure")
    make_project("pure", directory=setting.root / "pure")
    setting.builder().build_folder("pure", "pure")
    assert setting.builder("container").build_folder("pure", "pure").context != ""
    setting.engine = None
    make_project("other", directory=setting.root / "other")
    with pytest.raises(ToolError) as caught:
        setting.builder("container").build_folder("other", "other")
    assert caught.value.headline == (
        'other must be built for python3.13-x86_64 in a container (builder = "container"), '
        "and no container engine answers"
    )


@pytest.mark.parametrize("tag", ["cp313-cp313-linux_x86_64", "cp312-cp312-manylinux_2_34_x86_64"])
def test_a_wheel_that_does_not_fit_is_refused(
    setting: Setting, native: Selected, make_wheel: MakeWheel, tag: str
) -> None:
    assert setting.engine is not None
    setting.engine.wheel = make_wheel("demo", tag=tag)
    with pytest.raises(BuildError) as caught:
        setting.builder().build(native)
    assert caught.value.headline == (
        f"demo 1.0 builds demo-1.0-{tag}.whl, which does not fit python3.13 on Amazon Linux 2023 (x86_64), "
        "which loads cp313 wheels up to manylinux_2_34_x86_64"
    )


def failed(stage: str, *lines: str, **facts: Any) -> dict[str, Any]:
    return {"failed": {"stage": stage, "lines": list(lines), **facts}}


IMAGE = "public.ecr.aws/sam/build-python3.13:latest-x86_64"
PACKAGES_HINT = "[container] packages in the config, or a recipe, names what is installed before it is built"


NAMES_HINT = (
    "check their names with the image's package manager, and that a container reaches its servers "
    "([container] network; proxies are passed in); [container.packages] of the config goes before a recipe: "
    "demo = []"
)
NEWER = "for a newer system than Amazon Linux 2023, on which python3.13 runs (glibc 2.34)"
IMAGE_HINT = (
    "take an image of Amazon Linux 2023 for it: [container.build-image] in the config; "
    "without one, AWS's own is used"
)


@pytest.mark.parametrize(
    ("answer", "sentence", "details", "hint"),
    [
        (
            failed("build", "demo.c:2:10: fatal error: libpq-fe.h: No such file, s3cr3t"),
            f"demo 1.0 cannot be built into a wheel in {IMAGE}",
            ("demo.c:2:10: fatal error: libpq-fe.h: No such file, ***",),
            PACKAGES_HINT,
        ),
        (
            failed("packages", "No match for argument: libnope", packages=["libnope"]),
            f"demo 1.0 needs packages that cannot be installed in {IMAGE}: libnope",
            ("No match for argument: libnope",),
            NAMES_HINT,
        ),
        (
            failed("architecture", wheel="demo-1.0-cp313-cp313-linux_aarch64.whl"),
            "demo 1.0 builds demo-1.0-cp313-cp313-linux_aarch64.whl, which is not for python3.13-x86_64",
            (),
            "its build backend does not ask the interpreter what it builds for",
        ),
        (
            failed("missing-libraries", "libfoo.so.1"),
            f"demo 1.0 is linked with libraries that are not in {IMAGE}: libfoo.so.1",
            (),
            PACKAGES_HINT,
        ),
        (
            failed("symbols", "demo.so needs GLIBC_2.36"),
            f"demo 1.0 was compiled in {IMAGE} {NEWER}",
            ("demo.so needs GLIBC_2.36",),
            IMAGE_HINT,
        ),
    ],
)
def test_failures(
    setting: Setting,
    native: Selected,
    answer: dict[str, Any],
    sentence: str,
    details: tuple[str, ...],
    hint: str,
) -> None:
    assert setting.engine is not None
    setting.engine.answer = answer
    with pytest.raises(BuildError) as caught:
        setting.builder().build(native)
    assert (caught.value.headline, caught.value.details, caught.value.hint) == (sentence, details, hint)


def test_metadata_of_native_sdists_comes_from_a_container(setting: Setting, native: Selected) -> None:
    assert setting.engine is not None
    assert native.sdist is not None
    setting.engine.answer = {"metadata": {"name": "demo", "version": "1.0", "requires_dist": ["six"]}}
    text = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\nRequires-Dist: six\n\n"
    for _ in range(2):
        builder = setting.builder()
        assert builder.native_metadata(builder.bring_sdist(native.sdist)) == text
    ((container, asked),) = setting.engine.asked
    assert (container.purpose, asked["mode"]) == ("describe demo 1.0", "metadata")


def test_metadata_where_no_container_tells_it(
    setting: Setting, native: Selected, make_sdist: MakeSource, tmp_path: Path
) -> None:
    pure = as_sdist(make_sdist("pure"))
    files = {"pyproject.toml": b'[build-system]\nrequires = []\nbuild-backend = "mesonpy"\n'}
    heavy = as_sdist(write_native_sdist(tmp_path, "heavy", "2.0", files))
    assert pure.sdist is not None
    assert native.sdist is not None
    assert heavy.sdist is not None
    builder = setting.builder()
    assert builder.native_metadata(builder.bring_sdist(pure.sdist)) is None
    assert setting.opened == 0
    setting.engine = None
    builder = setting.builder()
    assert builder.native_metadata(builder.bring_sdist(native.sdist)) is None
    with pytest.raises(ToolError, match="must be built for"):
        builder.native_metadata(builder.bring_sdist(heavy.sdist))
    builder = setting.builder("wheels")
    assert builder.native_metadata(builder.bring_sdist(native.sdist)) is None
    with pytest.raises(ResolutionError, match="has native code"):
        builder.native_metadata(builder.bring_sdist(heavy.sdist))


def test_a_folder_with_neighbours_is_built_in_a_container_too(
    setting: Setting, make_wheel: MakeWheel
) -> None:
    assert setting.engine is not None
    # What a backend makes of `models @ file:../models`, where the container has the folder.
    place = "models @ file:///tmp/layerforge/build/models"
    setting.engine.wheel = make_wheel("demo", tag=FITTING, requires=[place])
    write_native_project(setting.root / "libs/demo", native_files("demo"))
    built = setting.builder().build_folder("libs/demo", "demo")
    assert built.beside == {"models": "../models"}
