"""How functions are put into containers, and what becomes of their answers. The engine is a fake."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from layerforge.containers.engine import Container, EngineInfo, FileIn, Image, Mount, Outcome
from layerforge.errors import ToolError
from layerforge.model.finding import Finding, Severity
from layerforge.model.progress import Progress
from layerforge.verify.built import make_checks
from layerforge.verify.providers import read_providers
from layerforge.verify.running import Surroundings, run_images, verify_functions
from layerforge.verify.task import VerifySettings
from layerforge.verify.values import FunctionReport, ImportTime, Invocation
from tests.fakes import RecordingProgress
from tests.unit.verify.shop import CODE, RECORD, TARGET, build_shop, shop_lock, shop_project

IMAGE = Image(reference="run", id="sha256:1", digest=None, architecture="x86_64", environment={})
FINE: dict[str, Any] = {
    "interpreter": "3.13.5",
    "versions": {"pyyaml": "6.0", "six": "1.17", "boto3": None},
    "modules": {},
    "startup": {
        "seconds": 0.25,
        "peak_memory": 1000,
        "imports": [["yaml", 100000, 200000], ["yaml.reader", 100000, 100000]],
        "loaded": ["yaml/reader.py", "yaml/__init__.py"],
        "sdk_loaded": False,
    },
    "sdk": {},
    "invocation": None,
    "failures": [],
}


class OneEngine:
    """Runs nothing: answers what it is told to, and remembers what it was asked."""

    def __init__(self, answer: Callable[[Container], Outcome]) -> None:
        self.containers: list[Container] = []
        self.filled: dict[str, dict[str, tuple[bytes | Path, int]]] = {}
        self.volumes: set[str] = set()
        self.stopped = 0
        self._answer = answer
        self._lock = threading.Lock()

    @property
    def info(self) -> EngineInfo:
        return EngineInfo(
            name="fake", version="1", api_version="1.41", architecture="x86_64", endpoint="fake"
        )

    def find_image(self, reference: str, *, architecture: str) -> Image | None:
        return IMAGE

    def pull_image(self, reference: str, *, architecture: str, progress: Progress) -> Image:
        return IMAGE

    def run(
        self,
        container: Container,
        *,
        files: Iterable[FileIn] = (),
        take: str | None = None,
        into: Path | None = None,
        say: Callable[[str], None] | None = None,
    ) -> Outcome:
        assert {mount.volume for mount in container.mounts} <= self.volumes
        with self._lock:
            self.containers.append(container)
        return self._answer(container)

    @contextmanager
    def volume(self, image: str, files: Iterable[FileIn]) -> Iterator[str]:
        held = {file.path: (file.data, file.mode) for file in files}
        with self._lock:
            name = f"volume-{len(self.filled)}"
            self.filled[name] = held
            self.volumes.add(name)
        try:
            yield name
        finally:
            self.volumes.remove(name)

    def stop_all(self) -> None:
        self.stopped += 1

    def close(self) -> None:
        raise AssertionError("the command closes it")


def answering(document: Any = FINE) -> OneEngine:
    return OneEngine(lambda _: outcome(json.dumps(document).encode()))


def outcome(stdout: bytes = b"", *, code: int = 0, stderr: str = "", out_of_memory: bool = False) -> Outcome:
    return Outcome(code=code, stdout=stdout, stderr=stderr, out_of_memory=out_of_memory, seconds=1.0)


def verify(tmp_path: Path, engine: OneEngine, *names: str, **settings: Any) -> tuple[FunctionReport, ...]:
    manifest = build_shop(tmp_path)
    checks = make_checks(shop_project(tmp_path, provided=("boto3",)), [shop_lock()], manifest, names)
    surroundings = Surroundings(
        engine=engine,
        images=run_images(checks, lambda _: IMAGE),
        folder=tmp_path,
        settings=VerifySettings(environment=settings.pop("environment", {}), **settings),
        providers=read_providers(tmp_path, manifest.layers),
    )
    return verify_functions(checks, surroundings, jobs=4, progress=RecordingProgress())


def test_function_that_is_fine(tmp_path: Path) -> None:
    assert verify(tmp_path, answering(), "orders") == (
        FunctionReport(
            function="orders",
            target=TARGET,
            findings=(),
            ok=True,
            import_time=0.25,
            peak_memory=1000,
            imports=(
                ImportTime(module="yaml", self_ms=100.0, cumulative_ms=200.0),
                ImportTime(module="yaml.reader", self_ms=100.0, cumulative_ms=100.0),
            ),
            modules_used=("yaml/__init__.py", "yaml/reader.py"),
        ),
    )


def test_container_of_a_function(tmp_path: Path) -> None:
    engine = answering()
    verify(tmp_path, engine, "orders", memory=512, event="{}", environment={"TOKEN": "hunter2"})
    (container,) = engine.containers
    opt, task, programs = container.mounts
    assert container == Container(
        image="sha256:1",
        architecture="x86_64",
        command=(
            "/var/lang/bin/python3.13",
            "/var/layerforge/verify_function.py",
            "/var/layerforge/task.json",
        ),
        environment={},
        purpose="verify orders",
        network="none",
        working_dir="/var/task",
        user="993:990",
        read_only=True,
        mounts=(
            Mount(opt.volume, "/opt", True),
            Mount(task.volume, "/var/task", True),
            Mount(programs.volume, "/var/layerforge", True),
        ),
        tmpfs=("/tmp:size=512m",),
        memory=512 * 2**20,
        timeout=60.0 * 6 + 30 + 20 + 60,
    )
    assert engine.filled[opt.volume] == {
        "/python/yaml/__init__.py": (b"later", 0o600),
        f"/{RECORD}": (b"yaml/__init__.py,,\n_yaml.so,,\n../bin/y,,\n", 0o600),
    }
    assert engine.filled[task.volume] == {"/app.py": (CODE["app.py"].encode(), 0o600)}
    held = engine.filled[programs.volume]
    assert set(held) == {"/verify_function.py", "/verify_step.py", "/task.json"}
    text, _ = held["/task.json"]
    assert isinstance(text, bytes)
    asked = json.loads(text)
    assert (asked["function"], asked["handler"], asked["event"]) == ("orders", "app.handler", "{}")
    assert (asked["python"], asked["environment"], asked["memory_mb"]) == ("3.13", {"TOKEN": "hunter2"}, 512)
    assert asked["distributions"] == [
        {"name": "boto3", "version": None},
        {"name": "pyyaml", "version": "6.0"},
    ]


def test_functions_share_volumes(tmp_path: Path) -> None:
    engine = answering()
    orders, reports = verify(tmp_path, engine)
    assert (orders.function, reports.function) == ("orders", "reports")
    # One of layers, one of code (both have the same), and one of programs for each.
    assert len(engine.filled) == 4
    assert (engine.volumes, engine.stopped) == (set(), 0)


def test_what_cannot_be_verified_is_noted(tmp_path: Path) -> None:
    (report,) = verify(tmp_path, answering(), "reports")
    assert report.ok
    assert report.findings == (
        Finding(
            severity=Severity.NOTE,
            code="external-layers",
            subject="reports",
            sentence="reports also takes arn:other:7, not to be had here: it was verified without",
        ),
        Finding(
            severity=Severity.NOTE,
            code="no-handler",
            subject="reports",
            sentence="reports names no handler: only its layers were verified",
        ),
    )


@pytest.mark.parametrize(
    ("seen", "code", "sentence"),
    [
        ("5.0", "metadata-differs", "orders: importlib.metadata finds pyyaml 5.0, and 6.0 is locked"),
        (None, "metadata-missing", "orders: importlib.metadata does not find pyyaml, and 6.0 is locked"),
    ],
)
def test_metadata_that_does_not_fit(tmp_path: Path, seen: str | None, code: str, sentence: str) -> None:
    document = {**FINE, "versions": {"pyyaml": seen, "boto3": None}}
    (report,) = verify(tmp_path, answering(document), "orders")
    assert not report.ok
    assert [(one.code, one.sentence) for one in report.findings] == [(code, sentence)]


def test_versions_that_are_spelled_otherwise_are_the_same(tmp_path: Path) -> None:
    (report,) = verify(tmp_path, answering({**FINE, "versions": {"pyyaml": "6", "boto3": None}}), "orders")
    assert report.ok


def failed(**more: Any) -> dict[str, Any]:
    return {"step": "import", "what": "yaml", "distribution": "pyyaml", "ending": "exit", "code": 1, **more}


def test_failure_becomes_a_finding_without_the_values_of_variables(tmp_path: Path) -> None:
    document = {
        **FINE,
        "startup": None,
        "failures": [failed(stderr=["token hunter2-secret is bad", "line two"])],
    }
    environment = {"TOKEN": "hunter2-secret", "KEY": "begin\nline two\nend", "SHORT": "is"}
    (report,) = verify(tmp_path, answering(document), "orders", environment=environment)
    assert report == FunctionReport(
        function="orders",
        target=TARGET,
        ok=False,
        findings=(
            Finding(
                severity=Severity.ERROR,
                code="import-failed",
                subject="orders",
                sentence="orders: import yaml (of pyyaml) ended with exit code 1",
                details=("token **** is bad", "****"),
                hint="see what it said above",
            ),
        ),
    )


def test_module_that_another_layer_has(tmp_path: Path) -> None:
    stderr = ["ModuleNotFoundError: No module named '_yaml'"]
    (report,) = verify(tmp_path, answering({**FINE, "failures": [failed(stderr=stderr)]}), "orders")
    assert report.findings[0].hint == "pyyaml has it: add it to the requirements of orders"


def answered(body: str, **more: Any) -> dict[str, Any]:
    known = {"status": "answered", "seconds": 0.1, "http_status": 200, "function_error": None, "body": body}
    return {**FINE, "invocation": {**known, "truncated": False, "log": ["START", "END"], **more}}


@pytest.mark.parametrize(
    ("document", "invocation", "sentence"),
    [
        (
            answered('{"statusCode": 200, "body": "hunter2"}'),
            Invocation(
                status="answered", ok=True, seconds=0.1, response='{"statusCode": 200, "body": "****"}'
            ),
            None,
        ),
        (
            answered('{"errorType": "Bad", "errorMessage": "hunter2", "stackTrace": ["  x\\n    y()\\n"]}'),
            Invocation(
                status="answered",
                ok=False,
                seconds=0.1,
                response='{"errorType": "Bad", "errorMessage": "****", "stackTrace": ["  x\\n    y()\\n"]}',
                error="Bad: ****",
                details=("  x", "    y()"),
            ),
            "orders: its invocation failed with Bad: ****",
        ),
        (
            answered("Task timed out after 5.00 seconds"),
            Invocation(
                status="answered",
                ok=False,
                seconds=0.1,
                response="Task timed out after 5.00 seconds",
                error="Task timed out after 5.00 seconds",
                details=("START", "END"),
            ),
            "orders: its invocation failed with Task timed out after 5.00 seconds",
        ),
        (
            answered("oops", http_status=500),
            Invocation(
                status="answered",
                ok=False,
                seconds=0.1,
                response="oops",
                error="HTTP status 500",
                details=("START", "END"),
            ),
            "orders: its invocation failed with HTTP status 500",
        ),
        (
            {**FINE, "invocation": {"status": "no-emulator"}},
            Invocation(status="no-emulator", ok=False),
            "orders: its image has no Runtime Interface Emulator, so it was not invoked",
        ),
    ],
    ids=["fine", "error", "timeout", "status", "no emulator"],
)
def test_invocations(
    tmp_path: Path, document: dict[str, Any], invocation: Invocation, sentence: str | None
) -> None:
    (report,) = verify(tmp_path, answering(document), "orders", event="{}", environment={"T": "hunter2"})
    assert report.invocation == invocation
    assert [one.sentence for one in report.findings] == ([sentence] if sentence else [])
    assert report.ok == invocation.ok


def test_container_that_runs_out_of_memory(tmp_path: Path) -> None:
    engine = OneEngine(lambda _: outcome(code=137, out_of_memory=True))
    (report,) = verify(tmp_path, engine, "orders")
    assert not report.ok
    assert [one.code for one in report.findings] == ["out-of-memory"]


@pytest.mark.parametrize(
    ("told", "sentence", "details"),
    [
        (
            outcome(code=1, stderr="Traceback\nboom"),
            "the container that verifies orders ended with exit code 1 and no answer",
            ("Traceback", "boom"),
        ),
        (outcome(b"{}"), "the container that verifies orders gave no answer that can be read", ()),
        (outcome(b"Hello"), "the container that verifies orders gave no answer that can be read", ()),
    ],
)
def test_container_without_answer(
    tmp_path: Path, told: Outcome, sentence: str, details: tuple[str, ...]
) -> None:
    engine = OneEngine(lambda _: told)
    with pytest.raises(ToolError) as caught:
        verify(tmp_path, engine, "orders")
    assert (caught.value.headline, caught.value.details) == (sentence, details)
    assert (engine.volumes, engine.stopped) == (set(), 1)


@pytest.mark.parametrize("error", [ToolError("the engine went away"), KeyboardInterrupt()])
def test_nothing_is_left_when_it_fails(tmp_path: Path, error: BaseException) -> None:
    def fail(_: Container) -> Outcome:
        raise error

    engine = OneEngine(fail)
    with pytest.raises(type(error)):
        verify(tmp_path, engine)
    assert (engine.volumes, engine.stopped) == (set(), 1)
