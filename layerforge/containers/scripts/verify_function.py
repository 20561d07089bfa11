"""Verify one function inside its run image: imports, metadata, console scripts, handler, invocation.

Takes the path of its task (JSON), prints its answer (JSON) on stdout. Every step runs in a process of
its own, with a timeout, so that one that crashes or hangs is a finding and not the end.
`verify_step.py` lies beside it. What is found is only reported here; what it means is decided outside.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

STEP = str(Path(__file__).absolute().with_name("verify_step.py"))
MARK = "layerforge-step-begins"
# Written by `-X importtime`: self and cumulative microseconds, the name indented by its depth.
_IMPORT_TIME = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \| ( *)(\S.*)")
# As in Lambda, where the image does not say otherwise.
_ENVIRONMENT = {
    "LANG": "en_US.UTF-8",
    "TZ": ":UTC",
    "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    "LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task"
    ":/var/task/lib:/opt/lib",
    "LAMBDA_TASK_ROOT": "/var/task",
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
}
# Set by the engine, not by Lambda.
_FOREIGN = ("HOME", "HOSTNAME", "PWD", "OLDPWD", "SHLVL", "_")
_HOME = "/home/sbx_user1051"
_SDK = ("boto3", "botocore", "jmespath", "s3transfer")
# Shipped by mistake at the top of some wheels, or programs and data beside a function's code; nobody
# imports them, and they may need what is not installed.
_STRAYS = frozenset(
    {"tests", "test", "testing", "docs", "doc", "examples", "benchmarks", "setup", "conftest", "bin", "etc"}
    | {"share"}
)
_TEXT = 64 * 1024
_LINES = 30
_IMPORTS = 100
_PORT = 8080
_INVOKE = "/2015-03-31/functions/function/invocations"


class Verification:
    """One function's verification; `task` is what the host asked for."""

    def __init__(self, task: dict[str, Any]) -> None:
        self.task = task
        self.roots: dict[str, str] = task["roots"]
        self.limits: dict[str, float] = task["timeouts"]
        opt = self.roots["opt"]
        self.packages = [f"{opt}/python/lib/python{task['python']}/site-packages", f"{opt}/python"]
        self.environment = self._environment()
        self.folder = tempfile.mkdtemp(prefix=".layerforge-", dir=self.roots["tmp"])
        self.failures: list[dict[str, Any]] = []
        # The engine would stop a container that takes longer, and nothing would be told of it.
        self.deadline = time.monotonic() + task["budget"]

    def run(self) -> dict[str, Any]:
        """All steps; the answer."""
        known = self._distributions()
        for name, modules in known["modules"].items():
            for module in modules:
                self._import(name, module, known)
        self._scripts(known["found"])
        started = self._start(known)
        answer: dict[str, Any] = {
            "interpreter": ".".join(map(str, sys.version_info[:3])),
            "versions": {name: one and one["version"] for name, one in known["found"].items()},
            "modules": known["modules"],
            "startup": started,
            "sdk": self._sdk(),
            "invocation": None,
        }
        if self.task["event"] is not None and started is not None and self.task["handler"]:
            answer["invocation"] = Invoker(self).run()
        answer["failures"] = self.failures
        return answer

    def _environment(self) -> dict[str, str]:
        task = self.task
        environment = {**_ENVIRONMENT, **os.environ}
        for name in _FOREIGN:
            environment.pop(name, None)
        try:
            pwd.getpwuid(os.getuid())
        except KeyError:
            # Lambda knows its user, so that `~` means something there, though no such folder exists.
            environment["HOME"] = _HOME
        environment |= {
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python{task['python']}",
            "AWS_LAMBDA_FUNCTION_NAME": task["function"],
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(task["memory_mb"]),
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(int(self.limits["invoke"])),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{task['function']}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "layerforge-verify",
            "_HANDLER": task["handler"] or "",
        }
        # Lambda always names a region; which one is no matter without a network.
        environment.setdefault("AWS_REGION", "us-east-1")
        environment.setdefault("AWS_DEFAULT_REGION", environment["AWS_REGION"])
        return {**environment, **task["environment"]}

    def _path(self) -> list[str]:
        """The head of sys.path; a function that sets PYTHONPATH loses the layers' part of it."""
        minor = int(self.task["python"].split(".")[1])
        lang = f"{self.roots['lang']}/lib/python{self.task['python']}/site-packages"
        runtime = self.roots["runtime"]
        layers = [] if self.environment.get("PYTHONPATH") else self.packages
        # 3.10's runtime keeps the SDK in /var/runtime, and looks there first.
        tail = [runtime] if minor < 11 else [lang, runtime]
        return [self.roots["task"], *layers, *(entry for entry in tail if Path(entry).is_dir())]

    def step(self, kind: str, *, options: tuple[str, ...] = (), **asked: Any) -> dict[str, Any]:
        """Run one step in a child; its answer and how it ended."""
        answer, question = Path(self.folder, "answer"), Path(self.folder, "step")
        path = self._path()
        asked |= {
            "kind": kind,
            "path": path,
            # The runtime makes them site directories, the function's own among them.
            "pth_folders": [entry for entry in (self.roots["task"], *self.packages) if entry in path],
            # Distributions may be bundled with the code.
            "packages": [*self.packages, self.roots["task"]],
            "answer": str(answer),
            "argv0": f"{self.roots['runtime']}/bootstrap.py",
        }
        question.write_text(json.dumps(asked), encoding="utf-8")
        answer.unlink(missing_ok=True)
        # What crashes shall say where.
        options = ("-X", "faulthandler", *options)
        ended = self.process([sys.executable, *options, STEP, str(question)], self.limits["import"])
        try:
            ended["answer"] = json.loads(answer.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            ended["answer"] = None
        return ended

    def process(self, command: list[str], timeout: float) -> dict[str, Any]:
        """Run a program to its end, or to its timeout; its output goes to files, which cannot block it."""
        with (
            tempfile.TemporaryFile(dir=self.folder) as out,
            tempfile.TemporaryFile(dir=self.folder) as err,
        ):
            started = time.monotonic()
            try:
                child = subprocess.Popen(
                    command,
                    env=self.environment,
                    cwd=self.roots["task"],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    start_new_session=True,
                )
            except OSError as error:
                return {"ending": "not-started", "errno": error.errno, "code": None, "stderr": str(error)}
            ending, code = _wait(child, max(1.0, min(timeout, self.deadline - time.monotonic())))
            texts = [_read(stream) for stream in (err, out)]
            return {
                "ending": ending,
                "code": code,
                "seconds": round(time.monotonic() - started, 3),
                "stderr": texts[0],
                "stdout": texts[1][-_TEXT:],
            }

    def fail(self, step: str, what: str, told: dict[str, Any] | None, ended: dict[str, Any]) -> None:
        """Note a step that did not end as it should; `told` is its distribution, if it is one's."""
        raised = (ended.get("answer") or {}).get("raised")
        lines = _telling(ended["stderr"])
        self.failures.append(
            {
                "step": step,
                "what": what,
                "distribution": told and told["asked"],
                "optional": told["optional"] if told else [],
                "ending": "raised" if raised else ended["ending"],
                "code": ended["code"],
                "errno": ended.get("errno"),
                "stderr": lines[:_LINES] if ended["ending"] == "signal" else lines[-_LINES:],
                **(raised or {}),
            }
        )

    def _distributions(self) -> dict[str, Any]:
        asked = self.task["distributions"]
        names = [one["name"] for one in asked]
        ended = self.step("distributions", distributions=names)
        answer = ended["answer"]
        if answer is None:
            self.fail("metadata", "importlib.metadata", None, ended)
            return {"found": {}, "modules": {}, "owners": {}}
        found = answer["distributions"]
        for name, told in found.items():
            if told:
                told["asked"] = name
        modules = {
            # What the runtime brings may lie there without metadata.
            name: top_modules(found[name]) if found[name] else [name.replace("-", "_")]
            for name in names
            if found[name] or name in _SDK
        }
        return {"found": found, "modules": modules, "owners": answer["owners"]}

    def _import(self, distribution: str, module: str, known: dict[str, Any]) -> None:
        ended = self.step("import", modules=[module])
        answer, told = ended["answer"], known["found"].get(distribution)
        if answer is None or "raised" in answer:
            self.fail("import", module, told or {"asked": distribution, "optional": []}, ended)
            return
        winner = told and self._winner(answer["files"][module], told, known["owners"])
        if winner:
            self.failures.append(
                {
                    "step": "import",
                    "what": module,
                    "distribution": distribution,
                    "ending": "shadowed",
                    "winner": winner,
                    "winner_path": answer["files"][module]["file"] or answer["files"][module]["paths"][0],
                }
            )

    def _winner(self, place: dict[str, Any], told: dict[str, Any], owners: dict[str, Any]) -> str | None:
        """Who put the module there, if it was not the distribution that was asked for."""
        base, path = told["base"], place["file"]
        if path is None:
            inside = any(one.startswith(f"{base}/") for one in place["paths"])
            return None if inside or not place["paths"] else self._owner(place["paths"][0], owners)
        theirs = owners.get(path, [])
        if f"{base}/" in path and path[len(base) + 1 :] in told["files"]:
            # Two layers may hold the same path: the later one's file lies there now.
            others = [name for name in theirs if not _same_name(name, told)]
            return others[-1] if others and not _is_recorded(path, told) else None
        return self._owner(path, owners)

    def _owner(self, path: str, owners: dict[str, Any]) -> str:
        if path in owners:
            return " and ".join(owners[path])
        if path.startswith(f"{self.roots['task']}/"):
            return "the function's own code"
        return "another layer" if path.startswith(f"{self.roots['opt']}/") else "the runtime"

    def _scripts(self, found: dict[str, Any]) -> None:
        for told in found.values():
            for name in told["scripts"] if told else ():
                root = self._root_of(told["base"])
                # The runtime's own distributions have their programs elsewhere.
                if root is None:
                    continue
                program = f"{root}/bin/{name}"
                ended = self.process([program, "--help"], self.limits["script"])
                if ended["ending"] in ("not-started", "signal") or _failed_to_import(ended):
                    ended["stderr"] = ended["stderr"][-_TEXT:]
                    self.fail("script", name, told, ended)

    def _root_of(self, base: str) -> str | None:
        """The folder into which the zip of a distribution was unpacked; None of the runtime's own."""
        if base == self.roots["task"]:
            return base
        return self.roots["opt"] if base.startswith(f"{self.roots['opt']}/") else None

    def _start(self, known: dict[str, Any]) -> dict[str, Any] | None:
        """Import the handler's module as a cold start does, or all modules where there is no handler."""
        handler = self.task["handler"]
        if handler:
            module, _, attribute = handler.rpartition(".")
            asked = {"modules": [module.replace("/", ".")], "attribute": attribute}
        else:
            failed = {failure["what"] for failure in self.failures}
            modules = [m for names in known["modules"].values() for m in names if m not in failed]
            asked = {"modules": modules, "attribute": None}
        ended = self.step("import", options=("-X", "importtime"), **asked)
        answer = ended["answer"]
        if answer is None or "raised" in answer:
            self.fail("handler", handler or "all modules together", None, ended)
            return None
        if answer.get("handler", "ok") != "ok":
            self.fail("handler", handler, None, {**ended, "ending": f"handler {answer['handler']}"})
            return None
        times = parse_import_times(ended["stderr"])
        times.sort(key=lambda one: (-one[2], one[0]))
        return {
            "seconds": answer["seconds"],
            "peak_memory": answer["peak_memory"],
            "imports": times[:_IMPORTS],
            "loaded": self._modules(answer["loaded"], known["owners"]),
            "sdk_loaded": answer["sdk_loaded"],
        }

    def _modules(self, loaded: list[str], owners: dict[str, Any]) -> list[str]:
        """Modules of distributions by their paths in a layer; the function's own are left out."""
        layers, task = f"{self.packages[1]}/", f"{self.roots['task']}/"
        bundled = [path[len(task) :] for path in loaded if path.startswith(task) and path in owners]
        return sorted([path[len(layers) :] for path in loaded if path.startswith(layers)] + bundled)

    def _sdk(self) -> dict[str, str]:
        """Who brings each part of the SDK: `layers`, `code` or `runtime`; parts that are nowhere left out."""
        answer = self.step("sdk", modules=list(_SDK))["answer"] or {"origins": {}}
        places = (("layers", "opt"), ("code", "task"))
        found = {}
        for name, origin in answer["origins"].items():
            if origin:
                inside = [who for who, root in places if origin.startswith(f"{self.roots[root]}/")]
                found[name] = inside[0] if inside else "runtime"
        return found


class Invoker:
    """Invokes the handler through the Runtime Interface Emulator of the image."""

    def __init__(self, verification: Verification) -> None:
        self._it = verification

    def run(self) -> dict[str, Any]:
        """Start the emulator, send the event, stop everything; what came back."""
        command = self._command()
        if command is None:
            return {"status": "no-emulator"}
        with tempfile.TemporaryFile(dir=self._it.folder) as log:
            child = subprocess.Popen(
                command,
                env=self._it.environment,
                cwd=self._it.roots["task"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                answer = self._ask(child)
            finally:
                _kill(child)
            # The emulator's own lines say nothing of the function.
            lines = [line[:_TEXT] for line in _read(log).splitlines() if "(rapid)" not in line]
            return {**answer, "log": lines[-_LINES:]}

    def _command(self) -> list[str] | None:
        handler = self._it.task["handler"]
        for command in self._it.task["entrypoints"]:
            if os.access(command[0], os.X_OK):
                return [*command, handler]
        return None

    def _ask(self, child: subprocess.Popen[bytes]) -> dict[str, Any]:
        limit = self._it.limits["invoke"]
        deadline = time.monotonic() + self._it.limits["emulator"]
        while True:
            # A little longer than the function has: the emulator shall say that it timed out.
            connection = http.client.HTTPConnection("127.0.0.1", self._it.task["port"], timeout=limit + 15)
            try:
                connection.connect()
                break
            except OSError as error:
                if child.poll() is not None:
                    return {"status": "emulator-ended", "code": child.returncode}
                if time.monotonic() > deadline:
                    return {"status": "emulator-silent", "error": str(error)}
                time.sleep(0.05)
        started = time.monotonic()
        try:
            headers = {"Content-Type": "application/json"}
            connection.request("POST", _INVOKE, body=self._it.task["event"].encode(), headers=headers)
            response = connection.getresponse()
            body = response.read(_TEXT + 1)
        except (OSError, http.client.HTTPException) as error:
            return {"status": "no-response", "error": f"{type(error).__name__}: {error}"}
        finally:
            connection.close()
        return {
            "status": "answered",
            "seconds": round(time.monotonic() - started, 3),
            "http_status": response.status,
            "function_error": response.getheader("X-Amz-Function-Error"),
            "body": body[:_TEXT].decode("utf-8", "replace"),
            "truncated": len(body) > _TEXT,
        }


def top_modules(told: dict[str, Any]) -> list[str]:
    """Names to import for a distribution: packages, modules, extensions, and what namespaces hold."""
    files = [path.split("/") for path in told["files"] if not path.startswith(("../", "/"))]
    modules: set[str] = set()
    folders: dict[str, list[list[str]]] = {}
    for parts in files:
        if len(parts) == 1:
            modules.add(_module_name(parts[0]))
        elif "." not in parts[0]:
            folders.setdefault(parts[0], []).append(parts[1:])
    for folder, inside in folders.items():
        modules.update(_packages(folder, inside))
    named = {name for name in modules if name and all(part.isidentifier() for part in name.split("."))}
    kept = {name for name in named if name.split(".")[0] not in _STRAYS}
    return sorted(kept or named) or sorted(told["top_level"])


def _packages(folder: str, inside: list[list[str]]) -> list[str]:
    """The folder if it is a package; else, of a namespace, the packages or modules below."""
    here = [_module_name(parts[0]) for parts in inside if len(parts) == 1]
    if "__init__" in here:
        return [folder]
    below: dict[str, list[list[str]]] = {}
    for parts in inside:
        if len(parts) > 1 and parts[0] != "__pycache__" and "." not in parts[0]:
            below.setdefault(parts[0], []).append(parts[1:])
    found = [f"{folder}.{name}" for name in here if name]
    for name, rest in below.items():
        found += [f"{folder}.{one}" for one in _packages(name, rest)]
    return found


def _module_name(filename: str) -> str:
    """The module that a file is; empty for other files."""
    if filename.endswith((".py", ".pyc")):
        return filename.rpartition(".")[0]
    stem, _, suffix = filename.partition(".")
    # Also those for other machines and versions: that they cannot be imported is to be found out.
    # A plain libNAME.so is a library that others load.
    is_module = suffix.endswith("so") and (suffix != "so" or not stem.startswith("lib"))
    return stem if is_module else ""


def parse_import_times(stderr: str) -> list[list[Any]]:
    """Name, self and cumulative microseconds of all imports after the mark, in the order they ended."""
    _, _, after = stderr.partition(f"{MARK}\n")
    matches = (_IMPORT_TIME.match(line) for line in after.splitlines())
    return [[m[4], int(m[1]), int(m[2])] for m in matches if m]


def _telling(stderr: str) -> list[str]:
    """Lines that tell something; of a crash what faulthandler says, the frame that crashed first."""
    _, fatal, rest = stderr.rpartition("Fatal Python error")
    ours = ("verify_step.py", "<frozen importlib", "/importlib/__init__.py")
    lines = [line[:_TEXT] for line in (fatal + rest).splitlines() if line.strip()]
    return [
        line
        for line in lines
        if line != MARK and not line.startswith("import time:") and not any(name in line for name in ours)
    ]


def _is_recorded(path: str, told: dict[str, Any]) -> bool:
    """Whether the file is the one of the distribution's RECORD."""
    digest = told["hashes"].get(path[len(told["base"]) + 1 :])
    actual = urlsafe_b64encode(hashlib.sha256(Path(path).read_bytes()).digest()).rstrip(b"=").decode()
    return digest is None or digest == actual


def _same_name(owner: str, told: dict[str, Any]) -> bool:
    return owner == f"{told['name']} {told['version']}"


def _failed_to_import(ended: dict[str, Any]) -> bool:
    """Whether a program that ended with an error did so because an import failed (or no interpreter)."""
    if not ended["code"]:
        return False
    last = [line for line in ended["stderr"].splitlines() if line.strip()][-1:]
    names = ("ImportError", "ModuleNotFoundError")
    return ended["code"] in (126, 127) or ("Traceback" in ended["stderr"] and last[0].startswith(names))


def _wait(child: subprocess.Popen[bytes], timeout: float) -> tuple[str, int | None]:
    try:
        code = child.wait(timeout)
    except subprocess.TimeoutExpired:
        _kill(child)
        return "timeout", None
    _kill(child)
    return ("signal", -code) if code < 0 else ("exit", code)


def _kill(child: subprocess.Popen[bytes]) -> None:
    """End a child and all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _read(stream: Any) -> str:
    """The end of a stream: import times of some thousand modules fit."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - 2 * 1024 * 1024))
    return str(stream.read().decode("utf-8", "replace"))


def main() -> None:
    """Do the task whose path is the first argument."""
    verification = Verification(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    try:
        answer = verification.run()
    finally:
        shutil.rmtree(verification.folder, ignore_errors=True)
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
