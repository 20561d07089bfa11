"""Between planning and building: bytecode for the planned layers, and a plan that holds with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from layerforge.build.fetch import Fetcher
from layerforge.build.inputs import Packs, wanted_by_zip
from layerforge.build.precompiling import (
    Precompiler,
    compilations,
    fill_with_bytecode,
    over_with_bytecode,
    place_bytecode,
    with_bytecode_sizes,
)
from layerforge.commands.pipeline import Planned, plan_layers
from layerforge.containers.engine import ContainerEngine
from layerforge.model.finding import Finding
from layerforge.model.function import Project
from layerforge.model.lock import Lock


@dataclass(frozen=True, kw_only=True, slots=True)
class Precompiled:
    """What is built: the plan, locks with the sizes that it was made for, and what goes in beside wheels."""

    planned: Planned
    locks: tuple[Lock, ...]
    packs: Packs
    findings: tuple[Finding, ...]


def precompile(
    project: Project,
    locks: Sequence[Lock],
    planned: Planned,
    code_sizes: dict[str, int],
    fetcher: Fetcher,
    open_engine: Callable[[], ContainerEngine],
) -> Precompiled:
    """Make the bytecode that the config asks for.

    Under "auto", it fills what room the plan leaves; otherwise its bytes count as the distribution's
    own, and the layers are planned anew.
    """
    precompiler = Precompiler(
        project=project, fetcher=fetcher, open_engine=open_engine, environment=os.environ
    )
    asked = compilations(planned.plan, wanted_by_zip(planned.plan, locks))
    made = precompiler.bytecode({one for ones in asked.values() for one in ones})
    if project.settings.bytecode == "auto":
        packs, left_out = fill_with_bytecode(planned.plan, asked, made)
        return Precompiled(
            planned=planned,
            locks=tuple(locks),
            packs=packs,
            findings=(*planned.findings, *precompiler.findings, *left_out),
        )
    grown = with_bytecode_sizes(locks, made)
    again = plan_layers(project, grown, code_sizes, start=planned.record) if made else planned
    by_layer = compilations(again.plan, wanted_by_zip(again.plan, grown))
    # The same distributions, under the sizes that they have now.
    sized = {one.file: code for one, code in made.items()}
    named = {one: code for ones in by_layer.values() for one in ones if (code := sized.get(one.file))}
    remarks = (over_with_bytecode(locks, grown),) if again.has_errors else ()
    return Precompiled(
        planned=again,
        locks=grown,
        packs=place_bytecode(by_layer, named),
        findings=(*again.findings, *precompiler.findings, *remarks),
    )
