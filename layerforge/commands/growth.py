"""What `check --against` tells: who grew since a git revision. Judged once for each pair of states."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from layerforge.model.codec import decode, encode
from layerforge.model.finding import Finding, Severity

if TYPE_CHECKING:
    from layerforge.cache import Cache
    from layerforge.commands.options import Options
    from layerforge.model.function import Project

_KIND = "growth"
# Raise it when the same two states would be judged differently.
_FORMAT = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Base:
    """What growth is measured from: the commit at which HEAD left the revision that the user `name`s."""

    name: str
    commit: str


def find_base_of(options: Options, revision: str) -> Base:
    """Find the commit to compare with.

    Raises UsageError, with what to do, if git does not know the revision.
    """
    from layerforge.project.revision import find_base, find_commit, unknown_revision

    commit = find_commit(options.root, revision)
    if commit is None:
        raise unknown_revision(options.root, revision)
    return Base(name=revision, commit=find_base(options.root, commit))


def find_grown(
    options: Options, project: Project, cache: Cache, base: Base, *, key: str | None
) -> tuple[Finding, ...]:
    """Hold the project against what it was at `base`.

    `key` names the state of the project as it is now: what was found of it and the same base is
    remembered. Without one, it is judged anew.
    """
    known = _key(key, base) if key else None
    grown = _recall(cache, known) if known else None
    if grown is None:
        grown = _judge(options, project, cache, base)
        if known:
            cache.write_facts(_KIND, known, encode(grown))
    return grown


def _key(key: str, base: Base) -> str:
    text = repr((_FORMAT, key, base.name, base.commit))
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def _recall(cache: Cache, key: str) -> tuple[Finding, ...] | None:
    try:
        found = decode(cache.read_facts(_KIND, key), (Finding, Severity))
    except (KeyError, TypeError):
        return None
    return found if isinstance(found, tuple) else None


def _judge(options: Options, project: Project, cache: Cache, base: Base) -> tuple[Finding, ...]:
    from layerforge.check.differences import compare
    from layerforge.check.growth import GrowthBudget, find_growth
    from layerforge.check.states import state_of_plan
    from layerforge.commands.locked import read_locked
    from layerforge.commands.revisions import NoLockError, read_revision

    try:
        before = read_revision(options, cache, base.name, base.commit)
    except NoLockError as error:
        return (_no_base(error.sentence),)
    now = read_locked(project)
    after = state_of_plan("now", now.planned.plan, now.planned.demands, unknown_code=now.unknown_code)
    budgets = {
        demand.function: GrowthBudget(allowed=demand.limits.growth, key=demand.limits_key)
        for demand in now.planned.demands
    }
    return find_growth(compare(before, after), budgets, now.locks, revision=base.name)


def _no_base(reason: str) -> Finding:
    return Finding(
        severity=Severity.NOTE,
        code="no-base",
        subject="the lock",
        sentence=f"{reason}: there is nothing that functions could have grown from",
    )
