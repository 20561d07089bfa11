"""What `layerforge doctor` found, as lines and as a document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from layerforge.doctor.observation import Observation, State, missing
from layerforge.model.counts import count
from layerforge.model.url import redact


def format_examination(observations: Sequence[Observation], *, everything: bool) -> str:
    """One line for each observation, and below it what there is to do.

    `everything` also shows what stands behind those that are fine.
    """
    states = max(len(one.state) for one in observations)
    topics = max(len(_topic(one)) for one in observations)
    lines = []
    following = [*observations[1:], None]
    for one, after in zip(observations, following, strict=True):
        lines.append(f"{one.state:<{states}}  {_topic(one):<{topics}}  {_sentence(one)}")
        indent = " " * (states + topics + 4)
        if after and (after.topic, after.details, after.hint) == (one.topic, one.details, one.hint):
            # Said once, below the last of those that it is true of.
            continue
        if everything or one.state is not State.OK:
            lines += [f"{indent}  {redact(line)}" for line in one.details]
        if one.hint:
            lines.append(f"{indent}hint: {redact(one.hint)}")
    return "\n".join([*lines, "", summarise(observations)])


def _topic(one: Observation) -> str:
    return one.topic.replace("-", " ")


def _sentence(one: Observation) -> str:
    told = redact(one.sentence)
    return told if not one.subject or one.subject in told else f"{one.subject}: {told}"


def summarise(observations: Sequence[Observation]) -> str:
    """The last line."""
    if lacking := missing(observations):
        return f"{count(lacking, 'thing')} that this project needs {_is(lacking)} missing"
    warnings = [one for one in observations if one.state is State.WARNING]
    if warnings:
        return f"nothing that this project needs is missing; {count(warnings, 'warning')}"
    return "nothing is missing"


def _is(things: Sequence[object]) -> str:
    return "is" if len(things) == 1 else "are"


def examination_document(observations: Sequence[Observation], *, about: dict[str, str]) -> dict[str, Any]:
    """As --json shows it. `about` is layerforge itself."""
    return {
        "ok": not missing(observations),
        "about": about,
        "observations": [
            {
                "topic": one.topic,
                "subject": one.subject,
                "state": one.state.value,
                "sentence": redact(one.sentence),
                "details": [redact(line) for line in one.details],
                "hint": one.hint and redact(one.hint),
            }
            for one in observations
        ],
    }
