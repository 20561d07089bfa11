from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from layerforge.errors import EXIT_TOOL, ToolError
from layerforge.processes import Completed, failure_details, run_process, start_process


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_both_streams_and_the_code_come_back() -> None:
    done = run_process(python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"))
    assert done == Completed(code=3, stdout="out\n", stderr="err\n")


def test_folder_environment_and_input(tmp_path: Path) -> None:
    code = "import os, sys; print(os.getcwd(), os.environ['COLOUR'], sys.stdin.read())"
    done = run_process(python(code), cwd=tmp_path, env={"COLOUR": "red"}, stdin="said")
    assert done.stdout == f"{tmp_path} red said\n"


def test_nothing_waits_for_the_terminal() -> None:
    assert run_process(python("import sys; print(repr(sys.stdin.read()))"), timeout=20).stdout == "''\n"


def test_bytes_that_are_no_text_are_shown() -> None:
    done = run_process(python("import sys; sys.stdout.buffer.write(b'caf\\xe9 \\xc3\\xa9')"))
    assert done.stdout == "caf\ufffd é"


def test_no_shell_reads_the_arguments(tmp_path: Path) -> None:
    done = run_process([*python("import sys; print(sys.argv[1:])"), "$HOME; touch x", "*"], cwd=tmp_path)
    assert done.stdout == "['$HOME; touch x', '*']\n"
    assert list(tmp_path.iterdir()) == []


def test_missing_program() -> None:
    with pytest.raises(ToolError) as caught:
        run_process(["no-such-tool", "--version"])
    assert str(caught.value) == "cannot start no-such-tool: there is no such program"
    assert caught.value.hint == "install no-such-tool, or add the folder that holds it to PATH"
    assert caught.value.exit_code == EXIT_TOOL
    with pytest.raises(ToolError, match=r"^cannot start no-such-tool: there is no such program$"):
        start_process(["no-such-tool"])


def test_missing_folder_is_not_taken_for_a_missing_program(tmp_path: Path) -> None:
    with pytest.raises(ToolError) as caught:
        run_process(python("pass"), cwd=tmp_path / "gone")
    assert (
        str(caught.value) == f"cannot start {sys.executable} in {tmp_path / 'gone'}: there is no such folder"
    )


def test_program_that_may_not_be_run(tmp_path: Path) -> None:
    (tmp_path / "tool").write_text("")
    with pytest.raises(ToolError) as caught:
        run_process([str(tmp_path / "tool")])
    assert str(caught.value) == f"cannot start {tmp_path / 'tool'}: Permission denied"


def test_what_takes_too_long_is_stopped() -> None:
    before = time.monotonic()
    with pytest.raises(ToolError) as caught:
        run_process(python("import time; time.sleep(60)"), timeout=0.2)
    assert str(caught.value) == f"{sys.executable} took longer than 0.2 seconds and was stopped"
    assert time.monotonic() - before < 30


def test_a_process_to_talk_with() -> None:
    with start_process(python("print(input().upper())")) as process:
        stdout, stderr = process.communicate("hello é\n")
    assert (process.returncode, stdout, stderr) == (0, "HELLO É\n", "")


@pytest.mark.parametrize(
    ("completed", "details"),
    [
        (
            Completed(code=1, stdout="", stderr=""),
            ("$ pip download --index-url https://****@index.example/", "exit code 1"),
        ),
        (
            Completed(code=2, stdout="one\n\n", stderr="two\nat https://me:pw@index.example/x\n"),
            (
                "$ pip download --index-url https://****@index.example/",
                "exit code 2",
                "one",
                "two",
                "at https://****@index.example/x",
            ),
        ),
        (
            Completed(code=2, stdout="a\nb\nc\nd\n", stderr="e\n"),
            ("$ pip download --index-url https://****@index.example/", "exit code 2", "c", "d", "e"),
        ),
    ],
)
def test_failure_details(completed: Completed, details: tuple[str, ...]) -> None:
    command = ["pip", "download", "--index-url", "https://me:pw@index.example/"]
    shown = failure_details(command, completed, lines=3)
    assert shown == details
