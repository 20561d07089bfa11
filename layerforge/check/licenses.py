"""Licences of what goes into layers, held against the user's policy: from the locks alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from layerforge.check.chains import required_by
from layerforge.model.finding import Finding, Severity
from layerforge.model.license import LicensePolicy
from layerforge.model.lock import Distribution, Lock
from layerforge.model.plan import Demand

_TOKEN = re.compile(r"[()]|[^\s()]+")
_SHOWN_FUNCTIONS = 3


def find_license_problems(
    demands: Iterable[Demand], locks: Sequence[Lock], policy: LicensePolicy
) -> tuple[Finding, ...]:
    """Return one finding for each distribution that functions need and the policy does not let in."""
    if policy.is_empty:
        return ()
    excepted = {one.name for one in policy.exceptions}
    takers: dict[tuple[str, str], list[str]] = {}
    for demand in demands:
        for item in (*demand.needs, *demand.bundled):
            takers.setdefault((item.name, item.version), []).append(demand.function)
    held = {(one.name, one.version): one for lock in locks for one in lock.distributions}
    return tuple(
        finding
        for key in sorted(takers)
        if key[0] not in excepted and (finding := _judge(held[key], policy, takers[key], locks))
    )


def _judge(
    one: Distribution, policy: LicensePolicy, functions: list[str], locks: Sequence[Lock]
) -> Finding | None:
    if one.license is None:
        if policy.unknown == "allowed":
            return None
        severity = Severity.ERROR if policy.unknown == "error" else Severity.WARNING
        sentence = f"the licence of {one.name} {one.version} is not known"
        code = "unknown-license"
    elif is_allowed(one.license, policy):
        return None
    else:
        severity, code = Severity.ERROR, "license-not-allowed"
        sentence = f"{one.name} {one.version} is under {one.license}, which [licenses] does not allow"
    return Finding(
        severity=severity,
        code=code,
        subject=one.name,
        sentence=sentence,
        details=_users(one.name, functions, locks),
        hint=f'do without it, or say why it may stay: [licenses.exceptions] {one.name} = "…"',
    )


def _users(name: str, functions: list[str], locks: Sequence[Lock]) -> tuple[str, ...]:
    roots = {one.function: (lock, one.roots) for lock in locks for one in lock.functions}
    lines = []
    for function in functions[:_SHOWN_FUNCTIONS]:
        lock, asked = roots[function]
        lines.append(f"{function}: required by {required_by(lock.by_name(), asked, name)}")
    more = len(functions) - _SHOWN_FUNCTIONS
    return (*lines, *((f"and {more} more functions",) if more > 0 else ()))


def is_allowed(expression: str, policy: LicensePolicy) -> bool:
    """Whether one may take what is under `expression` (SPDX, in its normal form).

    Of licences joined by OR one is enough, of those joined by AND all are needed. AND binds more
    closely, as SPDX has it: https://spdx.github.io/spdx-spec/v3.0.1/annexes/spdx-license-expressions/
    """
    return _Reading(_TOKEN.findall(expression), policy).alternatives()


class _Reading:
    def __init__(self, tokens: list[str], policy: LicensePolicy) -> None:
        self._tokens = tokens
        self._policy = policy

    def alternatives(self) -> bool:
        allowed = self._together()
        while self._tokens[:1] == ["OR"]:
            self._tokens.pop(0)
            allowed = self._together() or allowed
        return allowed

    def _together(self) -> bool:
        allowed = self._one()
        while self._tokens[:1] == ["AND"]:
            self._tokens.pop(0)
            allowed = self._one() and allowed
        return allowed

    def _one(self) -> bool:
        first = self._tokens.pop(0)
        if first == "(":
            allowed = self.alternatives()
            self._tokens.pop(0)
            return allowed
        names = [first]
        if self._tokens[:1] == ["WITH"]:
            names.append(f"{first} WITH {self._tokens[1]}")
            del self._tokens[:2]
        return self._admits(names)

    def _admits(self, names: list[str]) -> bool:
        """`names` are a licence, and the same with its exception: what names that goes first."""
        for name in reversed(names):
            if _named(name, self._policy.deny):
                return False
            if _named(name, self._policy.allow):
                return True
        return not self._policy.allow


def _named(name: str, listed: Iterable[str]) -> bool:
    return any(
        name == one or (one.endswith("*") and name.lower().startswith(one[:-1].lower())) for one in listed
    )
