"""The options that every command takes."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from layerforge.output import Output

_MOST_JOBS = 64
_Command = TypeVar("_Command", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """Common options, parsed. `config` is absolute; `jobs` is how many files are worked on at once."""

    config: Path | None
    jobs: int
    output: Output

    @property
    def root(self) -> Path:
        """The project root: where the config lies, or the current directory."""
        return self.config.parent if self.config else Path.cwd()


def _default_jobs() -> int:
    return min(8, (os.cpu_count() or 1) * 4)


def common_options(command: _Command) -> _Command:
    """Add --config, --json, -q, -v, --no-color and --jobs; the function gets them as `options`."""

    @click.option(
        "--config",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="The layerforge.toml or pyproject.toml to use; its folder is the project.",
    )
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
    @click.option("-q", "--quiet", is_flag=True, help="Only results and errors.")
    @click.option("-v", "--verbose", is_flag=True, help="Say more of what is done.")
    @click.option("--no-color", is_flag=True, help="No colours (NO_COLOR is honoured too).")
    @click.option(
        "--jobs",
        type=click.IntRange(1, _MOST_JOBS),
        default=_default_jobs(),
        metavar="N",
        help=f"How many files to work on at once (here {_default_jobs()} if not given).",
    )
    @functools.wraps(command)
    def wrapped(
        *,
        config: Path | None,
        as_json: bool,
        quiet: bool,
        verbose: bool,
        no_color: bool,
        jobs: int,
        **rest: Any,
    ) -> Any:
        if quiet and verbose:
            raise click.UsageError("-q and -v exclude each other.")
        verbosity = -1 if quiet else int(verbose)
        output = Output(as_json=as_json, verbosity=verbosity, no_color=no_color)
        # Seen from anywhere; but a link stays one, as the project lies where the link does.
        config = config and config.parent.resolve() / config.name
        return command(Options(config=config, jobs=jobs, output=output), **rest)

    return wrapped  # type: ignore[return-value]
