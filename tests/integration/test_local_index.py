"""The local index and the tiny files, judged by the clients that layerforge builds on: pip and uv."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tests.local_index import PASSWORD, USER, Fault, LocalIndex
from tests.wheel_files import Lies, MakeSource, MakeWheel


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, text=True, capture_output=True, check=False, timeout=120)


def pip(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-m", "pip", *arguments)


def fetch(url: str, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.read(), dict(response.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), dict(error.headers)


def installed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.dist-info"))


@pytest.mark.parametrize("kind", ["json", "html"])
def test_pip_installs_wheels_with_extras(
    kind: str, make_wheel: MakeWheel, local_index: LocalIndex, tmp_path: Path
) -> None:
    local_index.json = kind == "json"
    local_index.html = kind == "html"
    local_index.add(
        make_wheel("Web.App", "2.0", requires=["low"], extras={"s3": ["high>1; python_version>'3'"]})
    )
    local_index.add(make_wheel("low", "1.5"))
    local_index.add(make_wheel("high", "1.0"))
    local_index.add(make_wheel("high", "3.0", requires_python=">=3.99"))
    local_index.add(make_wheel("high", "2.0"))
    done = pip("install", "--index-url", local_index.url, "--target", str(tmp_path / "t"), "web-app[s3]")
    assert done.returncode == 0, done.stderr
    assert installed(tmp_path / "t") == ["high-2.0.dist-info", "low-1.5.dist-info", "web_app-2.0.dist-info"]
    assert "WARNING" not in done.stderr


def test_pip_builds_an_sdist_without_any_other_index(
    make_sdist: MakeSource, local_index: LocalIndex, tmp_path: Path
) -> None:
    local_index.add(make_sdist("pure", "1.0", files={"pure/__init__.py": "x = 1\n"}))
    done = pip("install", "--index-url", local_index.url, "--target", str(tmp_path / "t"), "pure")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "t/pure/__init__.py").read_text() == "x = 1\n"


def test_pip_builds_a_project_folder_as_it_is_now(make_project: MakeSource, tmp_path: Path) -> None:
    project = make_project("shopkit", requires=[])
    (project / "shopkit" / "new.py").write_text("y = 2\n")
    done = pip("install", "--no-index", "--target", str(tmp_path / "t"), str(project))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "t/shopkit/new.py").read_text() == "y = 2\n"


def test_a_project_that_fails_says_so(make_project: MakeSource, tmp_path: Path) -> None:
    project = make_project("broken", fails="error: gcc not found")
    done = pip("wheel", "--no-index", "--wheel-dir", str(tmp_path / "w"), str(project))
    assert done.returncode == 1
    assert "error: gcc not found" in done.stdout + done.stderr


def test_uv_resolves_for_another_platform(
    make_wheel: MakeWheel, local_index: LocalIndex, tmp_path: Path
) -> None:
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert uv, "uv is missing: pip install --group test"
    local_index.add(make_wheel("native", "1.0", tag="cp313-cp313-manylinux_2_28_aarch64"))
    local_index.add(make_wheel("native", "2.0", tag="cp313-cp313-manylinux_2_28_x86_64"))
    (tmp_path / "r.in").write_text("native\n")
    done = run(
        *(uv, "pip", "compile", "--index-url", local_index.url, "--only-binary", ":all:", "--no-header"),
        *("--python-version", "3.13", "--python-platform", "aarch64-manylinux_2_34", str(tmp_path / "r.in")),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("native==1.0")


def test_protected_index(make_wheel: MakeWheel, local_index: LocalIndex, tmp_path: Path) -> None:
    local_index.add(make_wheel("secret", "1.0"))
    local_index.protect()
    refused = pip("download", "--no-input", "-d", str(tmp_path), "--index-url", local_index.url, "secret")
    assert refused.returncode == 1
    assert {seen.status for seen in local_index.seen("/simple/secret/")} == {401}
    done = pip("download", "-d", str(tmp_path), "--index-url", local_index.url_with_credentials, "secret")
    assert done.returncode == 0, done.stderr
    assert [(seen.status, seen.authorized) for seen in local_index.seen("/files/*.metadata")] == [(200, True)]
    assert not any(secret in done.stdout + done.stderr for secret in local_index.secrets)
    assert USER in local_index.url_with_credentials
    assert PASSWORD not in local_index.url_with_credentials


def test_pip_notices_a_wrong_digest(make_wheel: MakeWheel, local_index: LocalIndex, tmp_path: Path) -> None:
    local_index.add(make_wheel("demo"), sha256="0" * 64, metadata=False)
    done = pip("download", "-d", str(tmp_path), "--index-url", local_index.url, "demo")
    assert done.returncode == 1
    assert "DO NOT MATCH THE HASHES" in done.stderr


def test_ranges(make_wheel: MakeWheel, local_index: LocalIndex) -> None:
    wheel = make_wheel("demo")
    content = wheel.read_bytes()
    url = local_index.add(wheel)
    assert fetch(url, Range="bytes=0-9")[:2] == (206, content[:10])
    assert fetch(url, Range="bytes=-9")[:2] == (206, content[-9:])
    status, body, headers = fetch(url, Range="bytes=10-")
    assert (status, body) == (206, content[10:])
    assert headers["Content-Range"] == f"bytes 10-{len(content) - 1}/{len(content)}"
    assert fetch(url, Range="bytes=10-", **{"If-Range": headers["ETag"]})[:2] == (206, content[10:])
    assert fetch(url, Range="bytes=10-", **{"If-Range": '"other"'})[:2] == (200, content)
    assert fetch(url, Range=f"bytes={len(content)}-")[0] == 416
    local_index.ranges = False
    assert fetch(url, Range="bytes=0-9")[:2] == (200, content)
    assert local_index.bytes_sent("/files/*") == 10 + 9 + 2 * (len(content) - 10) + 2 * len(content)


def test_faults_end_after_so_many_times_for_each_path(make_wheel: MakeWheel, local_index: LocalIndex) -> None:
    one, two = local_index.add(make_wheel("one")), local_index.add(make_wheel("two"))
    local_index.fail("/files/*", Fault(status=503, times=2, headers={"Retry-After": "0"}))
    assert [fetch(url)[0] for url in (one, one, one, two, two, two)] == [503, 503, 200, 503, 503, 200]
    assert local_index.count("/files/one*") == 3


def test_content_faults(make_wheel: MakeWheel, local_index: LocalIndex) -> None:
    wheel = make_wheel("demo", files={"demo.py": "x" * 100})
    url = local_index.add(wheel)
    local_index.fail("/files/*", Fault(corrupt=True, times=1))
    damaged = fetch(url)[1]
    assert sum(a != b for a, b in zip(damaged, wheel.read_bytes(), strict=True)) == 1
    assert fetch(url)[1] == wheel.read_bytes()
    local_index.fail("/simple/demo/", Fault(body=b"{not json"))
    assert fetch(f"{local_index.url}demo/")[:2] == (200, b"{not json")
    local_index.fail("/simple/slow/", Fault(delay=0.3))
    before = time.monotonic()
    assert fetch(f"{local_index.url}slow/")[0] == 404
    assert time.monotonic() - before >= 0.3


def test_cut_and_dropped_connections(make_wheel: MakeWheel, local_index: LocalIndex) -> None:
    url = local_index.add(make_wheel("demo"))
    local_index.fail("/files/*", Fault(cut_after=20, times=1))
    with pytest.raises(Exception, match="IncompleteRead") as caught:
        fetch(url)
    assert caught.type.__name__ == "IncompleteRead"
    assert local_index.bytes_sent("/files/*") == 20
    local_index.fail("/files/*", Fault(drop=True, times=1))
    with pytest.raises(OSError, match="Remote end closed connection"):
        fetch(url)
    local_index.fail("/files/*", Fault(stall_after=5, stall=0.2, times=1))
    assert fetch(url)[0] == 200
    assert [seen.status for seen in local_index.seen("/files/*")] == [200, 0, 200]


def test_a_stopped_index_refuses(local_index: LocalIndex) -> None:
    local_index.stop()
    with pytest.raises(urllib.error.URLError, match="refused"):
        fetch(local_index.url)


def test_lies_are_told(make_wheel: MakeWheel) -> None:
    wheel = make_wheel(
        "demo",
        files={"demo.py": "a = 1\n"},
        lies=Lies(overrides={"demo.py": "a = 2\n"}, entries=[("demo.py", "a = 3\n"), ("../evil.py", "")]),
    )
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        record = archive.read("demo-1.0.dist-info/RECORD").decode()
    assert names.count("demo.py") == 2
    assert "../evil.py" in names
    assert record.splitlines()[0].endswith(",6")
