"""The one door for subprocesses: no shell, and errors that show the command and what it said."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from layerforge.errors import ToolError
from layerforge.model.url import redact


@dataclass(frozen=True, kw_only=True, slots=True)
class Completed:
    """How a process ended, with both of its streams as text."""

    code: int
    stdout: str
    stderr: str


def run_process(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    timeout: float | None = None,
) -> Completed:
    """Run `command` to its end and return how it ended, whatever its exit code.

    It is given `stdin` or an empty one, never the terminal: nothing may wait for an answer that
    nobody is asked for. Raises ToolError if it cannot be started or takes longer than `timeout` seconds.
    """
    try:
        # Tools write what file names and compilers say: bytes that are no UTF-8 are shown, not an error.
        done = subprocess.run(
            command,
            cwd=cwd,
            env=env,
            input=stdin or "",
            timeout=timeout,
            encoding="utf-8",
            errors="replace",
            capture_output=True,
            check=False,
        )
    except OSError as error:
        raise _not_started(command, cwd, error) from error
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"{command[0]} took longer than {timeout:g} seconds and was stopped") from error
    return Completed(code=done.returncode, stdout=done.stdout, stderr=done.stderr)


def start_process(
    command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start `command` with pipes on all three streams; the caller talks to it and reaps it.

    Raises ToolError if it cannot be started.
    """
    try:
        return subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except OSError as error:
        raise _not_started(command, cwd, error) from error


def _not_started(command: Sequence[str], cwd: Path | None, error: OSError) -> ToolError:
    # The operating system tells of a missing folder in the same words as of a missing program.
    if cwd is not None and not cwd.is_dir():
        return ToolError(f"cannot start {command[0]} in {cwd}: there is no such folder")
    if isinstance(error, FileNotFoundError):
        return ToolError(
            f"cannot start {command[0]}: there is no such program",
            hint=f"install {command[0]}, or add the folder that holds it to PATH",
        )
    return ToolError(f"cannot start {command[0]}: {error.strerror}")


def failure_details(command: Sequence[str], completed: Completed, *, lines: int = 20) -> tuple[str, ...]:
    """The command, its code and the last lines of its streams, secrets removed, for an error's details."""
    said = [line for line in f"{completed.stdout}\n{completed.stderr}".splitlines() if line.strip()]
    shown = (f"$ {' '.join(command)}", f"exit code {completed.code}", *said[-lines:])
    return tuple(redact(line) for line in shown)
