"""Where and how the command is started: streams, locales, folders."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.shop import Shop

# What Python would make of LC_ALL=C by itself is kept away: a locale that knows ASCII only.
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.fixture(params=["", "1"])
def unbuffered(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether Python keeps what is written: what it could not write, it writes again at exit."""
    monkeypatch.setenv("PYTHONUNBUFFERED", request.param)


def in_shell(shop: Shop, redirection: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = f'exec "$0" -m layerforge {" ".join(arguments)} {redirection}'
    return subprocess.run(
        ["/bin/sh", "-c", command, sys.executable],
        cwd=shop.root,
        env=shop.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.skipif(not Path("/bin/sh").exists(), reason="needs a POSIX shell")
@pytest.mark.parametrize("redirection", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed_are_no_error(shop: Shop, redirection: str) -> None:
    for arguments in (["build"], ["build"], ["check", "--json"], ["plan"]):
        done = in_shell(shop, redirection, *arguments)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    assert shop.manifest["version"] == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("option", ["", "--json"])
def test_a_result_that_cannot_be_written_is_told_on_stderr(shop: Shop, option: str, unbuffered: None) -> None:
    shop.run("lock")
    done = in_shell(shop, ">/dev/full", "check", option)
    assert done.returncode == 4
    assert "error: cannot go on: No space left on device\n" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("option", ["--explain=Nobody", "--nonsense"])
def test_an_error_that_cannot_be_written_is_told_on_stderr(shop: Shop, option: str, unbuffered: None) -> None:
    done = in_shell(shop, ">/dev/full", "plan", "--json", option)
    assert done.returncode == 2
    assert option.removeprefix("--explain=") in done.stderr
    assert "Traceback" not in done.stderr


def test_the_reader_may_leave_early(shop: Shop, unbuffered: None) -> None:
    shop.run("lock")
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "layerforge", "plan"],
            cwd=shop.root,
            env=shop.environment(),
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=120,
        )
    # 1 is what click ends with: whoever asks for the code (pipefail) is told that not all was read.
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "ignored" not in done.stderr


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS takes no names that are not UTF-8")
@pytest.mark.parametrize("folder", ["shöp", os.fsdecode(b"caf\xe9 shop")])
def test_folders_that_the_locale_cannot_spell(shop: Shop, folder: str) -> None:
    moved = Shop(root=shop.root.rename(shop.root.with_name(folder)), index=shop.index)
    cache = str(moved.root / "the cache")
    for arguments in (["build"], ["check"], ["build", "--json"]):
        ended = moved.run(*arguments, LAYERFORGE_CACHE_DIR=cache, **ASCII)
        assert ended.code == 0, ended.stderr
    shown = json.loads(moved.run("cache", "--json", LAYERFORGE_CACHE_DIR=cache, **ASCII).stdout)
    assert shown["files"] > 0


def test_config_is_named_from_where_the_command_is_started(shop: Shop) -> None:
    shop.write("layerforge.toml", 'name = "shop"\ntemplate = "template.yaml"\n')
    shop.run("lock")
    for folder, config in (
        (shop.root.parent, f"{shop.root.name}/layerforge.toml"),
        (shop.root / "functions", "../layerforge.toml"),
    ):
        elsewhere = Shop(root=folder, index=shop.index)
        ended = elsewhere.run("check", "--config", config)
        assert ended.code == 0, ended.stderr
        assert elsewhere.run("build", "--config", config, "--output", "zips").code == 0
        assert (folder / "zips" / "manifest.json").is_file()


def test_a_lock_that_is_damaged_says_a_way_out_that_works(shop: Shop) -> None:
    shop.run("lock")
    lock = shop.root / "pylock.py313-x86-64.toml"
    lock.write_text(lock.read_text().replace("sha256", "sha512"))
    for command in ("check", "build", "lock"):
        ended = shop.run(command)
        assert ended.code == 3
        assert "hint: restore it from version control; or delete it and run `layerforge lock`" in ended.stderr
    lock.unlink()
    assert shop.run("lock").code == 0
