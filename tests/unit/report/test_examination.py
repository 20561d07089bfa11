from __future__ import annotations

from layerforge.doctor.observation import Observation, State
from layerforge.report.examination import examination_document, format_examination

FINE = Observation(topic="cache", state=State.OK, sentence="/cache", details=("hidden",))
ENGINE = Observation(
    topic="container-engine",
    state=State.MISSING,
    sentence="none answers at https://me:hunter2@engine",
    details=("Docker: there is no socket",),
    hint="start one",
)
IMAGES = tuple(
    Observation(topic="images", subject=name, state=State.WARNING, sentence="not here", hint="pull them")
    for name in ("run image", "build image")
)


def test_lines() -> None:
    assert format_examination([FINE, ENGINE, *IMAGES], everything=False) == (
        "ok       cache             /cache\n"
        "missing  container engine  none answers at https://****@engine\n"
        "                             Docker: there is no socket\n"
        "                           hint: start one\n"
        "warning  images            run image: not here\n"
        "warning  images            build image: not here\n"
        "                           hint: pull them\n"
        "\n"
        "1 thing that this project needs is missing"
    )


def test_everything_shows_what_stands_behind_what_is_fine() -> None:
    assert "hidden" in format_examination([FINE], everything=True)
    assert format_examination([FINE], everything=False).endswith("\n\nnothing is missing")
    assert format_examination([FINE, *IMAGES], everything=False).endswith(
        "\n\nnothing that this project needs is missing; 2 warnings"
    )


def test_document() -> None:
    assert examination_document([ENGINE], about={"version": "1"}) == {
        "ok": False,
        "about": {"version": "1"},
        "observations": [
            {
                "topic": "container-engine",
                "subject": "",
                "state": "missing",
                "sentence": "none answers at https://****@engine",
                "details": ["Docker: there is no socket"],
                "hint": "start one",
            }
        ],
    }
