"""How much of the layers stays over a simulated year, and what that costs.

    python benchmarks/stability.py [--functions 100] [--seed 3] [--effort normal]

Each week brings upgrades, every third a change of what functions need. The plan is made from the one
before, and afresh; both are counted: layers with another set of distributions (their bytes are uploaded
again), functions whose attachments change, and the cost (without the price of change).
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from layerforge.model.planning import EFFORTS, PlanSettings
from tests.plan_year import MB, Week, Year, live

# Layers renewed, afresh against kept; and the mean cost, kept against afresh.
FEWER = 5.0
AT_MOST = 1.05


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--functions", type=int, default=100)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--effort", choices=EFFORTS, default=EFFORTS[1])
    asked = parser.parse_args()
    settings = PlanSettings(effort=asked.effort)
    kept, afresh = (
        list(live(Year(seed=asked.seed, functions=asked.functions), keep=keep, settings=settings))
        for keep in (True, False)
    )
    print(f"{'52 weeks':<26}{'layers renewed':>16}{'MB':>10}{'functions touched':>20}")
    for label, weeks in (("from the plan before", kept), ("afresh", afresh)):
        show(label, weeks)
        show("  of that in upgrades", [week for week in weeks if week.what == "upgrade"])
    ratios = [one.cost / other.cost for one, other in zip(kept, afresh, strict=True)]
    mean = statistics.mean(ratios)
    print(f"cost against afresh: mean {mean:.4f}, worst {max(ratios):.4f}")
    fewer = sum(week.renewed for week in afresh) / max(1, sum(week.renewed for week in kept))
    fine = fewer >= FEWER and mean <= AT_MOST
    verdict = "fine" if fine else "MISSED"
    print(f"{fewer:.1f} times fewer, at least {FEWER:g}; cost at most {AT_MOST:g}: {verdict}")
    return int(not fine)


def show(label: str, weeks: Sequence[Week]) -> None:
    renewed = sum(week.renewed for week in weeks)
    size = sum(week.renewed_bytes for week in weeks) / MB
    touched = sum(week.touched for week in weeks)
    print(f"{label:<26}{renewed:>16}{size:>10.0f}{touched:>20}")


if __name__ == "__main__":
    sys.exit(main())
