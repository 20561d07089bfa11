"""`layerforge init`: write down what is found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import click

from layerforge.cache import write_atomically
from layerforge.commands.options import Options, common_options
from layerforge.commands.pipeline import findings_document
from layerforge.errors import UsageError
from layerforge.model.counts import count
from layerforge.model.finding import Finding

_FILE = "layerforge.toml"


# Findings whose hint is to run `layerforge init`.
_ADVISE_INIT = {"discovered", "runtime-assumed"}


@click.command("init")
@click.option("--force", is_flag=True, help="Replace a layerforge.toml that is there.")
@common_options
def command(options: Options, *, force: bool) -> None:
    """Write a layerforge.toml for the functions that are found here."""
    from layerforge.project.init import format_config
    from layerforge.project.loading import load_project

    path = options.root / _FILE
    if path.exists() and not force:
        raise UsageError("there is a config already", where=_FILE, hint="edit it, or replace it with --force")
    project = load_project(options.root, config=options.config)
    write_atomically(path, format_config(project).encode(), durable=True)
    options.output.findings(_without_advice_to_do_this(project.findings))
    options.output.result(
        lambda: {
            "written": _FILE,
            "functions": [function.name for function in project.functions],
            "findings": findings_document(project.findings),
        },
        lambda: f"wrote {_FILE} for {count(project.functions, 'function')}; next: layerforge build",
    )


def _without_advice_to_do_this(findings: Iterable[Finding]) -> list[Finding]:
    return [replace(one, hint=None) if one.code in _ADVISE_INIT else one for one in findings]
