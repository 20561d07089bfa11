"""`layerforge audit`: known vulnerabilities of what the lock pins."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from layerforge.cache import Cache
from layerforge.commands.findings_format import FindingsFormat, choose_format, format_options
from layerforge.commands.options import Options, common_options
from layerforge.commands.pipeline import findings_document, recall_project
from layerforge.errors import EXIT_OK, EXIT_VERIFICATION, LayerforgeError
from layerforge.model.audit import AUDIT_SERVICES, AuditSettings

if TYPE_CHECKING:
    from layerforge.audit.advisories import AdvisoryService
    from layerforge.audit.judging import Audit
    from layerforge.commands.locked import LockedState
    from layerforge.model.finding import Finding

_CACHED = "audit"


@click.command("audit")
@click.option(
    "--service",
    type=click.Choice(AUDIT_SERVICES),
    help="Who is asked, before what [audit] says: PyPI, or OSV.",
)
@format_options
@common_options
def command(options: Options, *, service: str | None, form: str, output_file: Path | None) -> int:
    """Ask PyPI or OSV for known vulnerabilities of what functions and layers hold.

    Names and versions of what is locked are sent there, except what [audit] private names.
    Needs layerforge[audit]. Exit 8 if there is one that is not ignored, 6 if nobody answers.
    """
    shape = choose_format(options, form, output_file)
    try:
        return _audit(options, shape, service)
    except LayerforgeError as error:
        shape.write_error(options, error)
        raise


def _audit(options: Options, shape: FindingsFormat, service: str | None) -> int:
    from layerforge.audit.judging import make_audit_findings
    from layerforge.audit.services import PipAuditService, require_pip_audit
    from layerforge.commands.locked import read_locked
    from layerforge.report.audit import audit_document, format_audit

    require_pip_audit()
    cache = Cache()
    project, _ = recall_project(options, cache)
    settings = _settings(project.settings.audit, service)
    state = read_locked(project)
    asked = PipAuditService(settings, cache=cache.root / "facts" / _CACHED)
    audit = _ask(options, state, settings, asked)
    findings: tuple[Finding, ...] = (*state.findings, *make_audit_findings(audit, state.locks))
    shape.write(options, findings)
    if shape.shows_text:
        options.output.findings(findings)

        def document() -> dict[str, Any]:
            return {
                **audit_document(audit, service=asked.name, url=asked.url),
                "findings": findings_document(findings),
            }

        options.output.result(
            document,
            lambda: format_audit(audit, service=asked.name, url=asked.url, width=options.output.width),
        )
    return EXIT_VERIFICATION if any(one.counts for one in audit.vulnerabilities) else EXIT_OK


def _settings(settings: AuditSettings, service: str | None) -> AuditSettings:
    """What the command line says goes before the config."""
    if service is None:
        return settings
    return replace(settings, service=service, url=settings.url if service == "osv" else None)


def _ask(options: Options, state: LockedState, settings: AuditSettings, service: AdvisoryService) -> Audit:
    from layerforge.audit.advisories import ask_all
    from layerforge.audit.exposure import find_exposed
    from layerforge.audit.judging import judge, pins_to_ask

    exposed = find_exposed(state.planned.plan, state.planned.demands, state.locks)
    pins = pins_to_ask(exposed, settings.private)
    answers = ask_all(service, pins, jobs=options.jobs, progress=options.output)
    today = datetime.date.today()  # noqa: DTZ011 - the user's day, as the config's dates are
    return judge(exposed, answers, settings, today=today)
