"""From what a service answered to findings, with what the user has accepted. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from layerforge.audit.advisories import Advisory, Answer, Pin
from layerforge.audit.exposure import Exposed, reason_not_to_ask
from layerforge.check.chains import required_by
from layerforge.model.audit import AuditSettings, IgnoredVulnerability
from layerforge.model.counts import count, some_of
from layerforge.model.finding import Finding, Severity
from layerforge.model.lock import Lock

_FUNCTIONS_SHOWN = 3
_UNKNOWN = "unknown to the service"


@dataclass(frozen=True, kw_only=True, slots=True)
class Vulnerability:
    """A known vulnerability of something that is shipped. `ignored` is what the config says of it."""

    exposed: Exposed
    advisory: Advisory
    ignored: IgnoredVulnerability | None = None
    is_expired: bool = False

    @property
    def counts(self) -> bool:
        """Whether it is to be told as an error."""
        return self.ignored is None or self.is_expired


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """All that was found. `unasked` holds why a distribution was not judged, by its label."""

    vulnerabilities: tuple[Vulnerability, ...]
    unasked: Mapping[str, str]
    asked: int
    needless: tuple[IgnoredVulnerability, ...] = ()

    @property
    def unknown(self) -> int:
        """How many the service was asked about and has never heard of."""
        return sum(1 for reason in self.unasked.values() if reason == _UNKNOWN)


def judge(
    exposed: Sequence[Exposed],
    answers: Mapping[Pin, Answer],
    settings: AuditSettings,
    *,
    today: datetime.date,
) -> Audit:
    """Put together what was answered. `today` decides which exceptions have passed."""
    unasked: dict[str, str] = {}
    found: list[Vulnerability] = []
    for one in exposed:
        reason = reason_not_to_ask(one, settings.private)
        answer = answers.get(one.pin) if one.pin and not reason else None
        if reason or answer is None or not answer.is_known:
            unasked[one.label] = reason or _UNKNOWN
        if answer is not None:
            found += [_vulnerability(one, advisory, settings, today) for advisory in answer.advisories]
    met = frozenset(identifier for one in found for identifier in one.advisory.ids)
    return Audit(
        vulnerabilities=tuple(found),
        unasked=unasked,
        asked=len(answers),
        needless=tuple(one for one in settings.ignored if one.id not in met),
    )


def _vulnerability(
    exposed: Exposed, advisory: Advisory, settings: AuditSettings, today: datetime.date
) -> Vulnerability:
    ignored = next((one for one in settings.ignored if one.id in advisory.ids), None)
    until = ignored.until if ignored else None
    return Vulnerability(
        exposed=exposed,
        advisory=advisory,
        ignored=ignored,
        is_expired=until is not None and datetime.date.fromisoformat(until) < today,
    )


def make_audit_findings(audit: Audit, locks: Sequence[Lock]) -> tuple[Finding, ...]:
    """An error for each vulnerability that counts; notes of the rest that is worth knowing."""
    return (
        *(_error(one, locks) for one in audit.vulnerabilities if one.counts),
        *_not_audited(audit.unasked),
        *(_needless(one) for one in audit.needless),
    )


def _error(one: Vulnerability, locks: Sequence[Lock]) -> Finding:
    advisory, exposed = one.advisory, one.exposed
    aliases = f" ({', '.join(advisory.aliases)})" if advisory.aliases else ""
    about = f": {advisory.description}" if advisory.description else ""
    passed: tuple[str, ...] = ()
    if one.ignored and one.is_expired:
        passed = (f"[audit] ignored it until {one.ignored.until}, which has passed: {one.ignored.reason}",)
    return Finding(
        severity=Severity.ERROR,
        code="vulnerable",
        subject=exposed.distribution.name,
        sentence=f"{exposed.label} has {advisory.id}{aliases}{about}",
        details=(*passed, *_users(exposed, locks)),
        hint=_hint(exposed.distribution.name, advisory),
    )


def _hint(name: str, advisory: Advisory) -> str:
    accept = f'[audit] ignore = [{{ id = "{advisory.id}", reason = "…", until = … }}]'
    if advisory.fixed_in:
        fixed = " or ".join(advisory.fixed_in)
        return f"fixed in {fixed}: `layerforge lock -P {name}`; if it does not touch you, {accept}"
    return f"no fixed version is known; if it does not touch you, {accept}"


def _users(exposed: Exposed, locks: Sequence[Lock]) -> Iterator[str]:
    """Who needs it, because of which requirement; then the layers that hold it."""
    roots = {one.function: (lock, one.roots) for lock in locks for one in lock.functions}
    for function in exposed.functions[:_FUNCTIONS_SHOWN]:
        lock, asked = roots[function]
        yield f"{function}: required by {required_by(lock.by_name(), asked, exposed.distribution.name)}"
    if (more := len(exposed.functions) - _FUNCTIONS_SHOWN) > 0:
        yield f"and {count(more, 'more function')}"
    if exposed.layers:
        verb = "mounts" if len(exposed.carriers) == 1 else "mount"
        others = f", which {count(exposed.carriers, 'other function')} {verb} too" if exposed.carriers else ""
        yield f"in layer {some_of(exposed.layers)}{others}"


def _not_audited(unasked: Mapping[str, str]) -> Iterator[Finding]:
    by_reason: dict[str, list[str]] = {}
    for label, reason in unasked.items():
        by_reason.setdefault(reason, []).append(label)
    for reason, labels in sorted(by_reason.items()):
        are, them = ("is", "it") if len(labels) == 1 else ("are", "them")
        yield Finding(
            severity=Severity.NOTE,
            code="not-audited",
            subject=labels[0].split(" ")[0],
            sentence=f"{some_of(labels)} {are} {_told(reason)}: nothing is known of {them}",
            hint="name private distributions in [audit] private" if reason == _UNKNOWN else None,
        )


def _told(reason: str) -> str:
    return {
        "private": "private ([audit] private), and no service was told",
        "from no index": "from no package index, and no service was told",
        "version that services do not know": "of a version that no service knows",
    }.get(reason, reason)


def _needless(one: IgnoredVulnerability) -> Finding:
    return Finding(
        severity=Severity.NOTE,
        code="needless-ignore",
        subject=one.id,
        sentence=f"[audit] ignores {one.id}, which nothing that is locked has",
        hint="take it out",
    )


def pins_to_ask(exposed: Iterable[Exposed], private: Sequence[str]) -> tuple[Pin, ...]:
    """What a service is asked about."""
    return tuple(one.pin for one in exposed if one.pin and not reason_not_to_ask(one, private))
