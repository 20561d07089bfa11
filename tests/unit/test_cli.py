from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from layerforge import cli
from layerforge.errors import LimitError

HEAVY = ("boto3", "cfnlint", "docker", "packaging", "pip", "piptools", "rich", "yaml")


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> object:
    """Make `layerforge cache` raise what the test gives it."""

    def install(error: BaseException) -> None:
        @click.command("cache")
        @click.option("--json", "as_json", is_flag=True)
        def command(*, as_json: bool) -> None:
            raise error

        monkeypatch.setattr(cli.LazyGroup, "get_command", lambda *_: command)

    return install


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (LimitError("too large", hint="split it"), 5, "error: too large\nhint: split it\n"),
        (KeyboardInterrupt(), 130, "interrupted: nothing half-written"),
        (
            OSError(errno.ENOSPC, "No space left on device", "/out/layers"),
            4,
            "error: cannot use /out/layers: No space left on device\nhint: free some space",
        ),
        (
            OSError(errno.EROFS, "Read-only file system", "/out"),
            4,
            "hint: check that it is what it should be, and its permissions",
        ),
        (OSError(errno.ENOTDIR, "Not a directory", "/cache/facts"), 4, "error: cannot use /cache/facts"),
        (RuntimeError("https://me:hunter2@index.example"), 1, "This is a bug in layerforge."),
        (OSError(errno.EBADF, "Bad file descriptor"), 1, "Traceback"),
    ],
)
def test_every_end_has_its_exit_code(
    failing: object, capsys: pytest.CaptureFixture[str], error: BaseException, code: int, said: str
) -> None:
    assert callable(failing)
    failing(error)
    assert cli.run(["cache"]) == code
    captured = capsys.readouterr()
    assert said in captured.err
    assert "hunter2" not in captured.err
    assert captured.out == ""


def test_errors_obey_json(failing: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert callable(failing)
    failing(LimitError("too large"))
    assert cli.run(["cache", "--json"]) == 5
    assert json.loads(capsys.readouterr().out)["error"]["kind"] == "LimitError"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["biuld"], "No such command 'biuld'. Did you mean 'build'?"),
        (["xyzzy"], "Commands: init, lock, plan, build, check, audit, verify, "),
        (["check", "--nope"], "No such option"),
        (["check", "--config", "absent.toml"], "absent.toml"),
        (["check", "-q", "-v"], "-q and -v exclude each other."),
        (["lock", "--locked", "--upgrade"], "--locked and --upgrade exclude each other."),
        (["cache", "--max-size", "3"], "--max-size goes with --prune."),
    ],
)
def test_wrong_usage_exits_2(capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    assert cli.run(arguments) == 2
    assert said in capsys.readouterr().err


def test_every_command_can_be_imported_and_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    for name in cli.COMMANDS:
        assert cli.run([name, "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("Usage: layerforge") == len(cli.COMMANDS)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_is_printed(capsys: pytest.CaptureFixture[str], shell: str) -> None:
    assert cli.run(["completion", shell]) == 0
    assert "_LAYERFORGE_COMPLETE" in capsys.readouterr().out


def test_cache_shows_and_prunes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAYERFORGE_CACHE_DIR", str(tmp_path))
    (tmp_path / "blobs" / "ab").mkdir(parents=True)
    (tmp_path / "blobs" / "ab" / "abc").write_bytes(b"x" * 1000)
    assert cli.run(["cache", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "path": str(tmp_path),
        "files": 1,
        "size": 1000,
        "freed": 0,
    }
    assert cli.run(["cache", "--prune", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "path": str(tmp_path),
        "files": 0,
        "size": 0,
        "freed": 1000,
    }


@pytest.mark.parametrize("arguments", [["--help"], ["check", "--help"], ["--version"]])
def test_nothing_heavy_is_imported_on_the_way(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom layerforge.cli import run\n"
        f"run({arguments!r})\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--config", "x.toml", "build"],
            "No such option '--config' before the command. Options come after it: layerforge build --config",
        ),
        (["-q"], "No such option '-q' before the command. Options come after it: layerforge COMMAND -q ..."),
        (["--verison"], "No such option '--verison'. Did you mean '--version'?"),
    ],
)
def test_option_before_the_command_is_told_its_place(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert cli.run(arguments) == 2
    assert said in capsys.readouterr().err
