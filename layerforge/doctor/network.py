"""Ways to package indexes: proxies, certificates, pip's settings, and whether indexes answer. No secrets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from layerforge.containers.passing import make_passing
from layerforge.doctor.needs import Needs
from layerforge.doctor.observation import Observation, State, observe_error
from layerforge.errors import ConfigError
from layerforge.model.container import ContainerSettings
from layerforge.model.url import redact, redact_address
from layerforge.resolve.reach import IndexReport, PipSettings, Reached

_PROXY, _CERTIFICATES, _PIP, _INDEXES, _PASSED = (
    "proxy",
    "certificates",
    "pip-settings",
    "indexes",
    "passed-to-containers",
)
_PROXY_VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")
_CA_VARIABLES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO")
_NOT_THERE = 404


def observe_proxies(environment: Mapping[str, str]) -> tuple[Observation, ...]:
    """Proxies that programs are told to use."""
    named = [
        (name, environment[spelled])
        for name in _PROXY_VARIABLES
        for spelled in (name.lower(), name)
        if environment.get(spelled)
    ]
    shown = {name: value if name == "NO_PROXY" else redact_address(value) for name, value in reversed(named)}
    if not shown:
        return (Observation(topic=_PROXY, state=State.OK, sentence="none is set"),)
    told = ", ".join(f"{name}={shown[name]}" for name in _PROXY_VARIABLES if name in shown)
    return (Observation(topic=_PROXY, state=State.OK, sentence=told),)


def observe_certificates(
    environment: Mapping[str, str], settings: ContainerSettings, root: Path
) -> tuple[Observation, ...]:
    """Files of certificates that something names."""
    named = {name: environment[name] for name in _CA_VARIABLES if environment.get(name)}
    if settings.ca_bundle is not None:
        named["[container] ca-bundle"] = str(root / Path(settings.ca_bundle).expanduser())
    if not named:
        return (Observation(topic=_CERTIFICATES, state=State.OK, sentence="those that come with pip"),)
    absent = {name: path for name, path in named.items() if not Path(path).exists()}
    told = ", ".join(f"{name}={path}" for name, path in named.items() if name not in absent)
    present = (Observation(topic=_CERTIFICATES, state=State.OK, sentence=told),) if told else ()
    return (
        *present,
        *(
            Observation(
                topic=_CERTIFICATES,
                subject=name,
                state=State.WARNING,
                sentence=f"{name} names {path}, which is not there",
                hint="correct it, or unset it",
            )
            for name, path in absent.items()
        ),
    )


def observe_passing(needs: Needs, environment: Mapping[str, str], root: Path) -> tuple[Observation, ...]:
    """Whether what the config wants to pass to containers is here, and works in them."""
    if needs.builder == "wheels":
        return ()
    try:
        passing = make_passing(needs.container, pip_environment={}, environment=environment, root=root)
    except ConfigError as error:
        state = State.MISSING if needs.needs_engine else State.WARNING
        return (observe_error(_PASSED, error, state=state),)
    return tuple(
        Observation(topic=_PASSED, state=State.WARNING, sentence=redact(note)) for note in passing.notes
    )


def observe_indexes(report: IndexReport) -> tuple[Observation, ...]:
    """Settings of pip, and what each index said."""
    if not report.reached:
        sentence = "none is asked (no-index)"
        return (_settings(report.settings), Observation(topic=_INDEXES, state=State.OK, sentence=sentence))
    only_one = len(report.reached) == 1
    return (
        _settings(report.settings),
        *(_observe_index(one, report.project, only_one=only_one) for one in report.reached),
    )


def _settings(settings: PipSettings) -> Observation:
    told = [
        f"{name} {value}"
        for name, value in (
            ("proxy", settings.proxy),
            ("cert", settings.cert),
            ("client-cert", settings.client_cert),
            ("find-links", " ".join(settings.find_links)),
            ("trusted-host", " ".join(settings.trusted_hosts)),
        )
        if value
    ]
    files = ", ".join(settings.files) or "no file"
    return Observation(topic=_PIP, state=State.OK, sentence=f"{files}{''.join(f'; {one}' for one in told)}")


def _observe_index(reached: Reached, project: str, *, only_one: bool) -> Observation:
    if reached.problem is not None:
        return Observation(
            topic=_INDEXES,
            subject=reached.url,
            state=State.MISSING,
            sentence=reached.problem,
            details=reached.details,
            hint=reached.hint,
        )
    if reached.status == _NOT_THERE:
        return Observation(
            topic=_INDEXES,
            subject=reached.url,
            state=State.WARNING if only_one else State.OK,
            sentence=f"{reached.url} answers, and has no {project}",
            hint="check the index URL: the one that pip wants ends in /simple/" if only_one else None,
        )
    return Observation(
        topic=_INDEXES,
        subject=reached.url,
        state=State.OK,
        sentence=f"{reached.url} answers ({project}: {reached.seconds:.1f} s)",
    )
