"""Findings in the forms that CI systems read, on stdout or in a file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from layerforge.commands.options import Options
from layerforge.errors import LayerforgeError
from layerforge.model.finding import Finding, Severity

_Command = TypeVar("_Command", bound=Callable[..., Any])

FORMATS = ("text", "github", "sarif", "junit")


@dataclass(frozen=True, kw_only=True, slots=True)
class FindingsFormat:
    """Which form, and the file that it goes to (None: stdout)."""

    name: str
    file: Path | None = None

    @property
    def shows_text(self) -> bool:
        """Whether text (or --json) is shown as ever, on its own or beside the file."""
        return self.name == "text" or self.file is not None

    def write(self, options: Options, findings: Sequence[Finding], *, functions: Iterable[str] = ()) -> None:
        """Write `findings`; nothing for text, which is shown as ever."""
        if self.name == "text":
            return
        text = _format(self.name, options, findings, functions)
        data = text.encode(errors="backslashreplace")
        if self.file is None:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        else:
            from layerforge.cache import write_atomically

            write_atomically(self.file.absolute(), data)

    def write_error(self, options: Options, error: LayerforgeError) -> None:
        """The same for an expected error: what ends the command is the one thing that was found."""
        finding = Finding(
            severity=Severity.ERROR,
            code=_code(error),
            subject="project",
            sentence=error.sentence,
            where=error.where,
            details=error.details,
            hint=error.hint,
        )
        self.write(options, [finding])


def format_options(function: _Command) -> _Command:
    """Give a command --format and --output-file, for `choose_format`."""
    file = click.option(
        "--output-file",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Where what --format says goes, beside the text; stdout if not given.",
    )
    form = click.option(
        "--format",
        "form",
        type=click.Choice(FORMATS),
        default="text",
        help="How findings are written: github (annotations), sarif, junit, or as text.",
    )
    return form(file(function))


def choose_format(options: Options, form: str, file: Path | None) -> FindingsFormat:
    """What --format and --output-file ask for. Raises click.UsageError where they contradict each other."""
    if file and form == "text":
        raise click.UsageError(f"--output-file needs --format ({', '.join(FORMATS[1:])}).")
    if options.output.as_json and form != "text" and file is None:
        raise click.UsageError("--json and --format exclude each other, unless --output-file is given.")
    return FindingsFormat(name=form, file=file)


def _code(error: LayerforgeError) -> str:
    """`StaleLockError` is `stale-lock`."""
    name = type(error).__name__.removesuffix("Error")
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("-")


def _format(name: str, options: Options, findings: Sequence[Finding], functions: Iterable[str]) -> str:
    from layerforge.report.annotations import format_annotations
    from layerforge.report.junit import format_junit
    from layerforge.report.located import locate
    from layerforge.report.sarif import format_sarif

    prefix = _prefix(options.root)
    located = locate(findings, prefix=prefix)
    if name == "github":
        return format_annotations(located)
    if name == "junit":
        return format_junit(located, functions=functions)
    config = options.config.name if options.config else "layerforge.toml"
    return format_sarif(located, fallback=f"{prefix}/{config}" if prefix else config)


def _prefix(root: Path) -> str:
    """The project's folder as seen from that of its repository, which CI names files from."""
    root = root.absolute()
    top = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)
    inner = root.relative_to(top).as_posix()
    return "" if inner == "." else inner
