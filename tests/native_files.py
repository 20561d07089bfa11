"""Projects with a C extension whose backend lies inside of them and calls gcc: no index is needed."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

_MTIME = 1704067200
_BACKEND = """\
import base64, hashlib, json, os, subprocess, sys, sysconfig, tempfile, zipfile

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
with open(os.path.join(HERE, "_backend", "project.json")) as stream:
    CONFIG = json.load(stream)
STEM = CONFIG["name"] + "-" + CONFIG["version"]
TAG = "cp{0}{1}-cp{0}{1}-{2}".format(*sys.version_info[:2], sysconfig.get_platform().replace("-", "_"))


def _metadata():
    lines = ["Metadata-Version: 2.1", "Name: " + CONFIG["name"], "Version: " + CONFIG["version"]]
    lines += ["Requires-Dist: " + one for one in CONFIG["requires"]]
    return "\\n".join(lines + ["", ""])


def get_requires_for_build_wheel(config_settings=None):
    return []


def prepare_metadata_for_build_wheel(directory, config_settings=None):
    os.makedirs(os.path.join(directory, STEM + ".dist-info"))
    with open(os.path.join(directory, STEM + ".dist-info", "METADATA"), "w") as stream:
        stream.write(_metadata())
    return STEM + ".dist-info"


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    if CONFIG["fails"]:
        sys.exit(CONFIG["fails"])
    module = CONFIG["module"] + sysconfig.get_config_var("EXT_SUFFIX")
    with tempfile.TemporaryDirectory() as scratch:
        made = os.path.join(scratch, module)
        for command in CONFIG["before"]:
            subprocess.check_call(command, shell=True)
        flags = (config_settings or {}).get("flags", "").split() + os.environ.get("DEMO_FLAGS", "").split()
        command = ["gcc", "-g", "-shared", "-fPIC", "-I" + sysconfig.get_path("include"), *flags]
        # The file by its whole name: it ends up in the debug information.
        command += [os.path.join(HERE, CONFIG["source"]), "-o", made, *CONFIG["link"]]
        subprocess.check_call(command)
        files = {module: open(made, "rb").read()}
    files[STEM + ".dist-info/METADATA"] = _metadata().encode()
    tag = CONFIG["tag"] or TAG
    wheel = "Wheel-Version: 1.0\\nGenerator: tests\\nRoot-Is-Purelib: false\\nTag: %s\\n" % tag
    files[STEM + ".dist-info/WHEEL"] = wheel.encode()
    rows = []
    name = "%s-%s.whl" % (STEM, tag)
    with zipfile.ZipFile(os.path.join(wheel_directory, name), "w") as archive:
        for path, data in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            rows.append("%s,sha256=%s,%d" % (path, digest, len(data)))
            archive.writestr(path, data)
        archive.writestr(STEM + ".dist-info/RECORD", "\\n".join(rows + [STEM + ".dist-info/RECORD,,", ""]))
    return name
"""
MODULE = """\
#include <Python.h>
{include}
static PyObject *answer(PyObject *self, PyObject *none) {{ return PyLong_FromLong({answer}); }}
static PyMethodDef methods[] = {{{{"answer", answer, METH_NOARGS, NULL}}, {{NULL, NULL, 0, NULL}}}};
static struct PyModuleDef module = {{PyModuleDef_HEAD_INIT, "{name}", NULL, -1, methods}};
PyMODINIT_FUNC PyInit_{name}(void) {{ return PyModule_Create(&module); }}
"""


def native_files(
    name: str,
    version: str = "1.0",
    *,
    answer: str = "42",
    include: str = "",
    requires: Sequence[str] = (),
    before: Sequence[str] = (),
    link: Sequence[str] = (),
    tag: str | None = None,
    fails: str | None = None,
) -> dict[str, bytes]:
    """The files of a project whose module `name` has a function `answer`.

    `answer` is an expression of C, `include` stands before it. `before` are shell commands that run
    before the compiler, `link` its last arguments. `tag` is a tag that is not the true one.
    """
    config = {
        "name": name,
        "version": version,
        "module": name,
        "source": f"{name}.c",
        "requires": list(requires),
        "before": list(before),
        "link": list(link),
        "tag": tag,
        "fails": fails,
    }
    pyproject = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["_backend"]\n'
    return {
        "pyproject.toml": pyproject.encode(),
        "_backend/backend.py": _BACKEND.encode(),
        "_backend/project.json": json.dumps(config).encode(),
        f"{name}.c": MODULE.format(name=name, answer=answer, include=include).encode(),
    }


def write_native_project(directory: Path, files: Mapping[str, bytes]) -> Path:
    """`files` below `directory`."""
    for path, data in files.items():
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return directory


def write_native_sdist(directory: Path, name: str, version: str, files: Mapping[str, bytes]) -> Path:
    """`name-version.tar.gz` of `files`; its PKG-INFO promises nothing."""
    path = directory / f"{name}-{version}.tar.gz"
    told = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    directory.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        for inside, data in {"PKG-INFO": told, **files}.items():
            info = tarfile.TarInfo(f"{name}-{version}/{inside}")
            info.size = len(data)
            info.mtime = _MTIME
            archive.addfile(info, io.BytesIO(data))
    return path
