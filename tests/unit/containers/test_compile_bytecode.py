from __future__ import annotations

import json
import marshal
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import layerforge.containers.scripts.compile_bytecode as script

FILES = {
    "pkg/__init__.py": "X = {'a', 'b', 'c'}\ndef f(v):\n    return v in {'a', 'b', 'name'}\n",
    "pkg/broken.py": "print 'Python 2'\n",
    "pkg/other.py": "import os\n\n\ndef fail():\n    raise ValueError('os')\n",
    "single.py": "name = 'name'\n",
}


def run(folder: Path, *, jobs: int, seed: str, order: int = 1) -> tuple[bytes, dict[str, object]]:
    for name, text in FILES.items():
        path = folder / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    archive = folder / "out.zip"
    pack = {"root": str(folder / "root"), "modules": list(FILES)[::order], "archive": str(archive)}
    request = folder / "request.json"
    request.write_text(json.dumps({"jobs": jobs, "packs": [pack]}))
    done = subprocess.run(
        [sys.executable, script.__file__, str(request)],
        env={**os.environ, "PYTHONHASHSEED": seed},
        check=True,
        capture_output=True,
    )
    return archive.read_bytes(), json.loads(done.stdout)


def test_same_sources_same_bytes(tmp_path: Path) -> None:
    first, said = run(tmp_path / "a", jobs=1, seed="1")
    second, _ = run(tmp_path / "elsewhere", jobs=4, seed="random", order=-1)
    assert first == second
    assert said["packs"] == [{"modules": 3, "skipped": ["pkg/broken.py"]}]
    assert said["interpreter"] == script.interpreter()


def test_bytecode_is_run_unchecked(tmp_path: Path) -> None:
    run(tmp_path, jobs=2, seed="0")
    target = tmp_path / "opt"
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        archive.extractall(target)
    for name, text in FILES.items():
        (target / "python" / name).write_text("raise SystemExit('compiled anew')\n" + text)
    told = "import pkg.other as m; print(m.__file__); m.fail()"
    done = subprocess.run(
        [sys.executable, "-c", told], cwd=target / "python", check=False, capture_output=True, text=True
    )
    assert done.stdout == f"{target}/python/pkg/other.py\n"
    assert f'File "{target}/python/pkg/other.py", line 5, in fail' in done.stderr


def test_bytecode_names_its_place_in_lambda(tmp_path: Path) -> None:
    run(tmp_path, jobs=1, seed="0")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        names = {name: marshal.loads(archive.read(name)[16:]).co_filename for name in archive.namelist()}
    tag = sys.implementation.cache_tag
    assert names == {
        f"python/__pycache__/single.{tag}.pyc": "/opt/python/single.py",
        f"python/pkg/__pycache__/__init__.{tag}.pyc": "/opt/python/pkg/__init__.py",
        f"python/pkg/__pycache__/other.{tag}.pyc": "/opt/python/pkg/other.py",
    }
