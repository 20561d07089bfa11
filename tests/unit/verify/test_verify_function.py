"""The program that verifies a function in its container, run here with roots in a folder of the test."""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import subprocess
import sys
import threading
import venv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from layerforge.containers.scripts import verify_function
from layerforge.containers.scripts.verify_function import parse_import_times, top_modules

PROGRAM = Path(verify_function.__file__)
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


class FakeLambda:
    """Lambda's folders below a temporary one, and an interpreter that has nothing but them."""

    def __init__(self, root: Path, python: Path) -> None:
        self.root = root
        self.python = python
        for name in ("task", "opt/python", "opt/bin", "lang", "runtime", "tmp"):
            (root / name).mkdir(parents=True)

    def write(self, files: Mapping[str, str]) -> None:
        for path, text in files.items():
            place = self.root / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)

    def install(
        self,
        name: str,
        files: Mapping[str, str],
        *,
        version: str = "1.0",
        entry_points: str = "",
        folder: str = "opt/python",
    ) -> None:
        """A distribution in the layers, with its RECORD; or bundled with the code (in `task`)."""
        self.write({f"{folder}/{path}": text for path, text in files.items()})
        info = f"{folder}/{name}-{version}.dist-info"
        rows = [f"{path},sha256={_digest(text)},{len(text)}" for path, text in files.items()]
        self.write(
            {
                f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
                f"{info}/RECORD": "\n".join(rows) + "\n",
                f"{info}/entry_points.txt": entry_points,
            }
        )

    def program(self, name: str, text: str, *, folder: str = "opt/bin") -> None:
        self.write({f"{folder}/{name}": text})
        (self.root / folder / name).chmod(0o755)

    def verify(self, *names: str, handler: str | None = None, **more: Any) -> dict[str, Any]:
        task = {
            "function": "orders",
            "python": PYTHON,
            "handler": handler,
            "distributions": [{"name": name, "version": "1.0"} for name in names],
            "environment": more.pop("environment", {}),
            "event": more.pop("event", None),
            "memory_mb": 512,
            "budget": 60.0,
            "port": more.pop("port", 8080),
            "entrypoints": more.pop("entrypoints", []),
            "roots": {name: str(self.root / name) for name in ("task", "opt", "lang", "runtime", "tmp")},
            "timeouts": {"import": more.pop("timeout", 20.0), "script": 5.0, "invoke": 5.0, "emulator": 5.0},
        }
        assert not more
        (self.root / "task.json").write_text(json.dumps(task))
        done = subprocess.run(
            [self.python, PROGRAM, self.root / "task.json"], capture_output=True, check=True, timeout=60
        )
        assert list((self.root / "tmp").iterdir()) == []
        answer = json.loads(done.stdout)
        assert isinstance(answer, dict)
        return answer


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This interpreter without what is installed for the tests: boto3 would be taken for the runtime's."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, symlinks=True)
    return folder / "bin" / "python"


@pytest.fixture
def fake(tmp_path: Path, bare_python: Path) -> FakeLambda:
    return FakeLambda(tmp_path / "lambda", bare_python)


def seen(answer: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(one["step"], one["what"], one["ending"]) for one in answer["failures"]]


def test_function_that_is_fine(fake: FakeLambda) -> None:
    fake.install("shop", {"shop/__init__.py": "from shop import deep", "shop/deep.py": "print('hello')"})
    fake.write({"task/app.py": "import shop\ndef handler(event, context): ..."})
    answer = fake.verify("shop", handler="app.handler")
    startup = answer.pop("startup")
    assert answer == {
        "interpreter": ".".join(map(str, sys.version_info[:3])),
        "versions": {"shop": "1.0"},
        "modules": {"shop": ["shop"]},
        "sdk": {},
        "invocation": None,
        "failures": [],
    }
    assert startup["loaded"] == ["shop/__init__.py", "shop/deep.py"]
    assert [name for name, _, _ in startup["imports"]] == ["shop", "shop.deep"]
    assert 0 < startup["seconds"] < 20
    assert startup["peak_memory"] > 2**20
    assert startup["sdk_loaded"] is False


def test_path_is_that_of_lambda(fake: FakeLambda) -> None:
    fake.write(
        {
            f"lang/lib/python{PYTHON}/site-packages/place.py": "HERE = 'lang'",
            "opt/python/place.py": "HERE = 'opt'",
            f"opt/python/lib/python{PYTHON}/site-packages/place.py": "HERE = 'site-packages'",
            "opt/python/extra.pth": "/nowhere/of/a/pth\nimport sys; sys.from_pth = True\n",
            "task/app.py": "import json, os, place, sys\n"
            "seen = [sys.path, place.HERE, sys.argv, os.environ['_HANDLER'], sys.from_pth]\n"
            "raise ValueError(json.dumps(seen))",
        }
    )
    (fake.root / "elsewhere").mkdir()
    (fake.root / "opt/python/folder.pth").write_text(f"{fake.root}/elsewhere\n")
    answer = fake.verify(handler="app.handler")
    path, place, argv, handler, pth = json.loads(answer["failures"][0]["errors"][0]["message"])
    root = str(fake.root)
    assert path[:5] == [
        f"{root}/task",
        f"{root}/opt/python/lib/python{PYTHON}/site-packages",
        f"{root}/opt/python",
        f"{root}/lang/lib/python{PYTHON}/site-packages",
        f"{root}/runtime",
    ]
    assert path[-1] == f"{root}/elsewhere"
    assert str(PROGRAM.parent) not in path
    assert (place, argv, handler, pth) == (
        "site-packages",
        [f"{root}/runtime/bootstrap.py"],
        "app.handler",
        True,
    )


def test_function_that_sets_pythonpath_loses_the_layers(fake: FakeLambda) -> None:
    fake.install("shop", {"shop.py": ""})
    fake.write({"task/app.py": "import shop\ndef handler(event, context): ..."})
    answer = fake.verify(handler="app.handler", environment={"PYTHONPATH": "/somewhere"})
    assert seen(answer) == [("handler", "app.handler", "raised")]
    assert answer["failures"][0]["errors"][0]["message"] == "No module named 'shop'"


@pytest.mark.parametrize(
    ("source", "ending", "code"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "signal", 11),
        ("import time; time.sleep(60)", "timeout", None),
        ("import os; os._exit(3)", "exit", 3),
        ("raise SystemExit(2)", "raised", 0),
        ("import threading, time; threading.Thread(target=time.sleep, args=[60]).start(); 1/0", "raised", 0),
    ],
)
def test_module_that_ends_its_process(fake: FakeLambda, source: str, ending: str, code: int | None) -> None:
    fake.install("bad", {"bad.py": source})
    fake.install("good", {"good.py": ""})
    answer = fake.verify("bad", "good", timeout=2.0)
    assert seen(answer) == [("import", "bad", ending)]
    assert answer["failures"][0]["code"] == code
    # What failed alone is left out of what is imported together.
    assert answer["startup"]["loaded"] == ["good.py"]


def test_crash_says_where(fake: FakeLambda) -> None:
    fake.install("bad", {"bad.py": "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)"})
    (failure,) = fake.verify("bad")["failures"]
    assert failure["stderr"][0] == "Fatal Python error: Segmentation fault"
    frames = [line for line in failure["stderr"] if line.startswith("  File")]
    assert frames == [f'  File "{fake.root}/opt/python/bad.py", line 2 in <module>']


def test_traceback_has_the_frames_of_the_code_alone(fake: FakeLambda) -> None:
    fake.install(
        "bad", {"bad/__init__.py": "import bad.deep", "bad/deep.py": "import os\nos.environ['TABLE']"}
    )
    (failure,) = fake.verify("bad")["failures"]
    packages = fake.root / "opt/python"
    files = [line for line in failure["traceback"] if line.startswith("  File")]
    assert files[:2] == [
        f'  File "{packages}/bad/__init__.py", line 1, in <module>',
        f'  File "{packages}/bad/deep.py", line 2, in <module>',
    ]
    assert failure["traceback"][-1] == "KeyError: 'TABLE'"
    assert failure["errors"][0]["raised_in"] == ["<frozen os>", "__getitem__"]


def test_modules_of_others_win(fake: FakeLambda) -> None:
    fake.install("ours", {"ours.py": "", "theirs.py": "x = 1", "common.py": "of = 'ours'"})
    fake.install("other", {"common.py": "of = 'other'"})
    fake.write({"task/theirs.py": "", f"opt/python/lib/python{PYTHON}/site-packages/ours.py": ""})
    answer = fake.verify("ours")
    root = fake.root
    assert [(one["what"], one["winner"], one["winner_path"]) for one in answer["failures"]] == [
        ("common", "other 1.0", f"{root}/opt/python/common.py"),
        ("ours", "another layer", f"{root}/opt/python/lib/python{PYTHON}/site-packages/ours.py"),
        ("theirs", "the function's own code", f"{root}/task/theirs.py"),
    ]


def test_what_is_bundled_with_the_code_is_verified_like_layers(fake: FakeLambda) -> None:
    fake.install("shop", {"shop.py": "import own", "shop-nspkg.pth": "import sys; sys.from_pth = True\n"})
    fake.install(
        "own",
        {"own.py": "", "bin/own.py": "1/0", "shared.py": "of = 'own'"},
        entry_points="[console_scripts]\nown = own:main\n",
        folder="task",
    )
    fake.program("own", f"#!{sys.executable}\nimport nowhere_at_all", folder="task/bin")
    fake.write({"task/own.pth": "import sys; sys.own_pth = True\n"})
    fake.write({"task/app.py": "import shop, sys\nassert sys.own_pth\ndef handler(): ..."})
    answer = fake.verify("shop", "own", handler="app.handler")
    assert answer["versions"] == {"shop": "1.0", "own": "1.0"}
    # Programs beside the code are no modules, and a layer's modules are not all there are.
    assert answer["modules"]["own"] == ["own", "shared"]
    assert seen(answer) == [("script", "own", "exit")]
    assert answer["startup"]["loaded"] == ["own.py", "shop.py"]


def test_bundled_modules_win_over_layers_and_are_named(fake: FakeLambda) -> None:
    fake.install("ours", {"ours.py": ""})
    fake.install("bundled", {"ours.py": "x = 1"}, folder="task")
    (failure,) = fake.verify("ours")["failures"]
    assert (failure["ending"], failure["winner"]) == ("shadowed", "bundled 1.0")


def test_sdk_of_two_places(fake: FakeLambda) -> None:
    fake.install("botocore", {"botocore/__init__.py": ""})
    fake.write(
        {
            "runtime/boto3.py": "",
            "runtime/botocore.py": "",
            "task/app.py": "import botocore\ndef handler(): ...",
        }
    )
    answer = fake.verify("boto3", "botocore", handler="app.handler")
    assert answer["sdk"] == {"boto3": "runtime", "botocore": "layers"}
    assert answer["startup"]["sdk_loaded"] is True
    assert answer["versions"] == {"boto3": None, "botocore": "1.0"}
    assert answer["modules"] == {"boto3": ["boto3"], "botocore": ["botocore"]}


def test_extras_are_told(fake: FakeLambda) -> None:
    fake.install("tool", {"tool.py": "import aiohttp_cors"})
    with (fake.root / "opt/python/tool-1.0.dist-info/METADATA").open("a") as metadata:
        metadata.write("Requires-Dist: click>=8\nRequires-Dist: Aiohttp.Cors>=3 ; extra == 'd'\n")
    (failure,) = fake.verify("tool")["failures"]
    assert failure["optional"] == [["aiohttp-cors", "d"]]


def test_distribution_that_is_not_there(fake: FakeLambda) -> None:
    answer = fake.verify("nowhere")
    assert (answer["versions"], answer["modules"], answer["failures"]) == ({"nowhere": None}, {}, [])


SCRIPTS = "[console_scripts]\ntool = tool:main\nwith-extra = tool:main [extra]\n"


@pytest.mark.parametrize(
    ("program", "failures"),
    [
        (f"#!{sys.executable}\nprint('usage')", []),
        (f"#!{sys.executable}\nraise SystemExit(2)", []),
        (f"#!{sys.executable}\n1/0", []),
        (f"#!{sys.executable}\nimport nowhere_at_all", [("script", "tool", "exit")]),
        ("#!/no/such/python\n", [("script", "tool", "not-started")]),
        ("no first line", [("script", "tool", "not-started")]),
        ("#!/usr/bin/env no-such-python\n", [("script", "tool", "exit")]),
        (f"#!{sys.executable}\nimport time; time.sleep(60)", []),
    ],
)
def test_console_scripts_start(fake: FakeLambda, program: str, failures: list[tuple[str, str, str]]) -> None:
    fake.install("tool", {"tool.py": ""}, entry_points=SCRIPTS)
    fake.program("tool", program)
    assert seen(fake.verify("tool")) == failures


@pytest.mark.parametrize(
    ("source", "handler", "ending"),
    [
        ("def handler(): ...", "app.handler", None),
        ("def other(): ...", "app.handler", "handler missing"),
        ("handler = 1", "app.handler", "handler not callable"),
        ("", "gone.handler", "raised"),
    ],
)
def test_handlers(fake: FakeLambda, source: str, handler: str, ending: str | None) -> None:
    fake.write({"task/app.py": source})
    answer = fake.verify(handler=handler)
    assert seen(answer) == ([("handler", handler, ending)] if ending else [])
    assert (answer["startup"] is None) == bool(ending)


def test_handler_in_a_folder(fake: FakeLambda) -> None:
    fake.write({"task/src/app.py": "def handler(): ..."})
    assert fake.verify(handler="src/app.handler")["failures"] == []


@pytest.mark.parametrize(
    ("machine", "bits"), [(183, 64), (62, 32)], ids=["of another processor", "of another word size"]
)
def test_extension_that_does_not_fit(fake: FakeLambda, machine: int, bits: int) -> None:
    head = b"\x7fELF" + bytes([bits // 32, 1, 1]) + bytes(9) + b"\x03\x00" + machine.to_bytes(2, "little")
    fake.install("native", {"native/__init__.py": "from native import _fast"})
    path = fake.root / "opt/python/native/_fast.so"
    path.write_bytes(head + bytes(100))
    (failure,) = fake.verify("native")["failures"]
    assert failure["files"] == [{"path": str(path), "bits": bits, "machine": machine}]


def test_extension_of_another_python_is_named(fake: FakeLambda) -> None:
    fake.install("native", {"native/__init__.py": "import native._fast"})
    path = fake.root / "opt/python/native/_fast.cpython-39-aarch64-linux-gnu.so"
    path.write_bytes(b"not ELF")
    (failure,) = fake.verify("native")["failures"]
    assert failure["files"] == [{"path": str(path), "bits": None, "machine": None}]


class _Emulator(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps({"path": self.path, "event": event, "more": "x" * event.get("long", 0)}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the base class has it
        pass


@pytest.fixture
def emulator_port() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Emulator) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_invocation(fake: FakeLambda, emulator_port: int) -> None:
    fake.write({"task/app.py": "def handler(event, context): ..."})
    answer = fake.verify(
        handler="app.handler",
        event='{"order": 7}',
        port=emulator_port,
        entrypoints=[["/none"], ["/bin/sleep", "60", "#"]],
    )
    told = answer["invocation"]
    assert (told["status"], told["http_status"], told["truncated"], told["function_error"]) == (
        "answered",
        200,
        False,
        None,
    )
    assert json.loads(told["body"]) == {
        "path": "/2015-03-31/functions/function/invocations",
        "event": {"order": 7},
        "more": "",
    }


@pytest.mark.parametrize(
    ("entrypoints", "expected"),
    [
        ([], {"status": "no-emulator"}),
        (
            [["/bin/sh", "-c", "echo broken; exit 5"]],
            {"status": "emulator-ended", "code": 5, "log": ["broken"]},
        ),
    ],
)
def test_emulator_that_does_not_run(
    fake: FakeLambda, entrypoints: list[list[str]], expected: dict[str, Any]
) -> None:
    fake.write({"task/app.py": "def handler(event, context): ..."})
    answer = fake.verify(handler="app.handler", event="{}", port=1, entrypoints=entrypoints)
    assert answer["invocation"] == expected


def test_handler_that_cannot_be_imported_is_not_invoked(fake: FakeLambda) -> None:
    fake.write({"task/app.py": "1/0"})
    answer = fake.verify(handler="app.handler", event="{}")
    assert (seen(answer), answer["invocation"]) == ([("handler", "app.handler", "raised")], None)


@pytest.mark.parametrize(
    ("files", "modules"),
    [
        (["a/__init__.py", "a/b.py", "a-1.0.dist-info/RECORD", "../../bin/a"], ["a"]),
        (["six.py", "__pycache__/six.cpython-313.pyc"], ["six"]),
        (
            ["_ext.cpython-313-x86_64-linux-gnu.so", "x.abi3.so", "plain.so", "libz.so", "a.libs/libz.so.1"],
            ["_ext", "plain", "x"],
        ),
        (["google/cloud/storage/__init__.py", "google/cloud/storage/blob.py"], ["google.cloud.storage"]),
        (["ns/one.py", "ns/data.json", "ns/sub/two.py"], ["ns.one", "ns.sub.two"]),
        (["pkg/__init__.cpython-313-x86_64-linux-gnu.so"], ["pkg"]),
        (["a/__init__.py", "tests/__init__.py", "setup.py", "docs/conf.py"], ["a"]),
        (["tests/__init__.py"], ["tests"]),
        (["pkg-stubs/__init__.pyi", "with-dash.py", "data/x.json"], []),
    ],
)
def test_top_modules(files: list[str], modules: list[str]) -> None:
    assert top_modules({"files": files, "top_level": []}) == modules


def test_import_times_after_the_mark() -> None:
    text = (
        "import time: self [us] | cumulative | imported package\n"
        "import time:       100 |        100 |   zipimport\n"
        "layerforge-step-begins\n"
        "said by the module\n"
        "import time:        30 |         30 |     pandas.core\n"
        "import time:       120 |        150 |   pandas\n"
    )
    assert parse_import_times(text) == [["pandas.core", 30, 30], ["pandas", 120, 150]]
