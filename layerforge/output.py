"""The only place that prints: results on stdout, progress and remarks on stderr, or one JSON document."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

import click

from layerforge.errors import LayerforgeError
from layerforge.model.finding import Finding, Severity
from layerforge.model.progress import Advance
from layerforge.model.sizes import format_size
from layerforge.model.url import redact

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

# Where stdout is no terminal: what fits the log of a CI service without being wrapped.
_LOG_WIDTH = 120
# A task that takes longer is announced off a terminal, so that a log that stands still says at what.
_ANNOUNCE_AFTER = 5.0
# A task that was shorter is not worth a line, except with -v.
_WORTH_TELLING = 0.1
_COLORS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether --json stands among the options, known before they are parsed: errors obey it too."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in options


class Output:
    """Shows results, findings, errors and progress as the user asked for them.

    `verbosity`: -1 quiet (results and errors only), 0 normal, 1 with details.
    """

    def __init__(self, *, as_json: bool = False, verbosity: int = 0, no_color: bool = False) -> None:
        self.as_json = as_json
        self.verbosity = verbosity
        self.no_color = no_color or "NO_COLOR" in os.environ
        self._live: RichProgress | None = None
        self._lock = threading.RLock()

    def result(self, document: Callable[[], dict[str, Any]], text: Callable[[], str]) -> None:
        """Put the result on stdout, in the one form that was asked for."""
        if self.as_json:
            _print_json(document())
        else:
            shown = text()
            if shown:
                self._echo(shown if shown.endswith("\n") else f"{shown}\n", sys.stdout)

    @property
    def width(self) -> int | None:
        """Columns for tables: COLUMNS, the terminal's, or what logs of CI show; None with -v, for all."""
        if self.verbosity > 0:
            return None
        given = os.environ.get("COLUMNS", "")
        if given.isdecimal() and int(given):
            return int(given)
        # Not shutil.get_terminal_size: importing shutil costs more than the rest of a table.
        try:
            return os.get_terminal_size(sys.stdout.fileno()).columns or _LOG_WIDTH
        except (OSError, ValueError):
            return _LOG_WIDTH

    def findings(self, findings: Iterable[Finding]) -> None:
        """Show findings on stderr, errors even when quiet; under --json they are in the document."""
        if self.as_json:
            return
        for finding in findings:
            if finding.severity is Severity.ERROR or self.verbosity >= 0:
                self._problem(
                    finding.severity, finding.sentence, finding.where, finding.details, finding.hint
                )

    def error(self, error: LayerforgeError) -> None:
        """Show an expected failure."""
        if self.as_json:
            document = {
                "error": {
                    "kind": type(error).__name__,
                    "sentence": redact(error.sentence),
                    "where": error.where,
                    "details": [redact(line) for line in error.details],
                    "hint": error.hint and redact(error.hint),
                    "exit_code": error.exit_code,
                }
            }
            _print_json(document)
        else:
            self._problem(Severity.ERROR, error.sentence, error.where, error.details, error.hint)

    def usage_error(self, error: click.ClickException) -> None:
        """Show what click found wrong with the command line."""
        if self.as_json:
            document = {
                "error": {
                    "kind": "UsageError",
                    "sentence": error.format_message(),
                    "exit_code": error.exit_code,
                }
            }
            _print_json(document)
        else:
            error.show(sys.stderr)

    def interrupted(self) -> None:
        """Say that the user stopped us."""
        self._echo(
            "interrupted: nothing half-written was left; run the same command again to go on\n", sys.stderr
        )

    def bug(self) -> None:
        """Keep the traceback of the exception being handled: this one is our fault."""
        self._echo(redact(traceback.format_exc()), sys.stderr)
        self._echo("This is a bug in layerforge. Please report it with the lines above.\n", sys.stderr)

    def note(self, text: str) -> None:
        """Show one plain line on stderr unless quiet."""
        if self.verbosity >= 0 and not self.as_json:
            with self._lock:
                self._echo(f"{redact(text)}\n", sys.stderr)

    def detail(self, text: str) -> None:
        """Show one plain line on stderr under -v."""
        if self.verbosity > 0:
            self.note(text)

    @contextlib.contextmanager
    def task(self, label: str, *, total: int | None, unit: Literal["bytes", "items"]) -> Iterator[Advance]:
        """Show a bar on a terminal while it lasts, and a line when it has ended.

        Elsewhere what takes long is announced. Nothing is shown under --json or -q.
        """
        if self.verbosity < 0 or self.as_json:
            yield lambda _amount: None
            return
        started = time.monotonic()
        if sys.stderr.isatty():
            with self._bars() as bars:
                task = bars.add_task(label, total=total, amount="")
                try:
                    yield _bar_advance(bars, task, total=total, unit=unit)
                finally:
                    bars.remove_task(task)
        else:
            with self._announced(f"{label} ..."):
                yield lambda _amount: None
        seconds = time.monotonic() - started
        if seconds >= _WORTH_TELLING or self.verbosity > 0:
            self.note(f"{label}: {_told_amount(label, total, unit)}{seconds:.1f} s")

    @contextlib.contextmanager
    def _announced(self, text: str) -> Iterator[None]:
        timer = threading.Timer(_ANNOUNCE_AFTER, self.note, [text])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    @contextlib.contextmanager
    def _bars(self) -> Iterator[RichProgress]:
        with self._lock:
            if self._live is not None:
                bars, owner = self._live, False
            else:
                bars, owner = self._new_bars(), True
                self._live = bars
                bars.start()
        try:
            yield bars
        finally:
            if owner:
                with self._lock:
                    bars.stop()
                    self._live = None

    def _new_bars(self) -> RichProgress:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        return Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[amount]}"),
            TimeElapsedColumn(),
            transient=True,
            console=Console(stderr=True, no_color=self.no_color, highlight=False),
        )

    def _problem(
        self, severity: Severity, sentence: str, where: str | None, details: Sequence[str], hint: str | None
    ) -> None:
        place = f"{where}: " if where else ""
        lines = [f"{self._styled(severity)}: {place}{sentence}", *(f"  {line}" for line in details)]
        if hint:
            lines.append(f"hint: {hint}")
        with self._lock:
            self._echo(redact("\n".join(lines)) + "\n", sys.stderr)

    def _styled(self, severity: Severity) -> str:
        return click.style(severity.value, fg=_COLORS[severity], bold=True)

    def _echo(self, text: str, stream: Any) -> None:
        if stream is sys.stderr and self._live is not None:
            # Above the bars rather than through them.
            self._live.console.print(click.unstyle(text.rstrip("\n")), markup=False)
            return
        click.echo(text, file=stream, nl=False, color=False if self.no_color else None)


def _print_json(document: dict[str, Any]) -> None:
    text = json.dumps(document, indent=2, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        # The locale cannot spell it, or a file name is no text at all: JSON's own escapes can.
        text = json.dumps(document, indent=2)
    sys.stdout.write(f"{text}\n")
    # While there is still somebody to tell that it cannot be written.
    sys.stdout.flush()


def _amount(amount: int, unit: str) -> str:
    return format_size(amount) if unit == "bytes" else f"{amount}"


def _told_amount(label: str, total: int | None, unit: str) -> str:
    """`76.4 MB in `; nothing where it is not known, or the label says it ("building 8 layers")."""
    if total is None or (unit == "items" and str(total) in label.split()):
        return ""
    return f"{_amount(total, unit)} in "


def _bar_advance(bars: RichProgress, task: Any, *, total: int | None, unit: str) -> Advance:
    done = 0
    lock = threading.Lock()
    end = f" of {_amount(total, unit)}" if total is not None else ""

    def advance(amount: int) -> None:
        nonlocal done
        with lock:
            done += amount
            bars.update(task, advance=amount, amount=f"{_amount(done, unit)}{end}")

    return advance
