"""What plans cost, by effort, against what one does without a planner; and how good they are proven to be.

    python benchmarks/planning.py [--functions 5 20 100 1000] [--seed 0] [--few-slots] [--prove] [--curve]

Instances are generated (`tests/planning_instances.py`), every plan is held against the tests' own checker.
Seconds are of CPU. `fast` is greedy merging alone. `--curve` tells what a plan costs after how long instead.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
# As the command does: cores that wait for each other would count as well.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from layerforge.model.planning import EFFORTS
from layerforge.plan.beginning import begin_layers
from layerforge.plan.problem import SCALE, cost_of
from layerforge.plan.search import improve
from layerforge.plan.solving import Effort, work_of
from layerforge.plan.whatif import plan_instance, state
from layerforge.project.instance_file import parse_instance
from layerforge.report.whatif import instance_document
from tests.plan_checker import check_document, check_solution
from tests.planning_instances import MIB, Instance, realistic

# What a plan of the default effort may cost, against the longest search; and the gap that a proof leaves.
AT_MOST = {5: 1.0, 20: 1.002, 100: 1.01, 1000: 1.05}
GAPS = {5: 0.0, 20: 0.01, 100: 0.05, 1000: 0.30}
# Points of the curve, as multiples of the work of the default effort.
SHARES = (0.0, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0, 2.0, 4.0, 10.0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--functions", type=int, nargs="+", default=sorted(AT_MOST))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--few-slots", action="store_true")
    parser.add_argument("--prove", action="store_true")
    parser.add_argument("--curve", action="store_true")
    asked = parser.parse_args()
    if asked.curve:
        for count in asked.functions:
            draw(realistic(count, seed=asked.seed, few_slots=asked.few_slots))
        return 0
    fine = [
        measure(realistic(count, seed=asked.seed, few_slots=asked.few_slots), prove=asked.prove)
        for count in asked.functions
    ]
    return int(not all(fine))


def measure(made: Instance, *, prove: bool) -> bool:
    count = len(made["functions"])
    rows = [(name, cost, 0.0) for name, cost in by_hand(made).items()]
    for effort in EFFORTS:
        document, seconds = planned(made, effort)
        rows.append((effort, document["cost"], seconds))
    costs = {name: cost for name, cost, _ in rows}
    best = min(costs.values())
    print(f"{count} functions{'':<20}{'MiB':>12}{'against the best':>20}{'seconds':>10}")
    for name, cost, seconds in rows:
        print(f"  {name:<30}{cost / MIB:>12.1f}{cost / best:>20.4f}{seconds:>10.2f}")
    fine = costs["normal"] <= AT_MOST.get(count, 1.05) * best
    if prove:
        document, seconds = planned(made, "normal", prove=True)
        gap = 1 - document["lower_bound"] / document["cost"]
        fine &= gap <= GAPS.get(count, 0.30) + 1e-6
        print(f"  {'proven':<30}{document['cost'] / MIB:>12.1f}{f'gap {gap:.2%}':>20}{seconds:>10.2f}")
    print("  fine" if fine else "  MISSED", flush=True)
    return fine


def draw(made: Instance) -> None:
    """Plan with ever more work, each time from the beginning."""
    problem = state(parse_instance(json.dumps(made), path="instance")).problem
    points = []
    for share in SHARES:
        started = time.process_time()
        layers = begin_layers(problem)
        if share:
            layers = improve(problem, layers, work=int(share * work_of(problem, Effort.NORMAL)))
        points.append((share, time.process_time() - started, cost_of(problem, layers).total / SCALE))
        check_solution(problem, layers)
    best = min(cost for _, _, cost in points)
    print(
        f"{len(made['functions'])} functions{'':<6}{'of the work':>14}{'seconds':>10}{'MiB':>10}{'ratio':>10}"
    )
    for share, seconds, cost in points:
        print(f"{share:>30.3f}{seconds:>10.2f}{cost / MIB:>10.1f}{cost / best:>10.4f}", flush=True)


def planned(made: Instance, effort: str, *, prove: bool = False) -> tuple[dict[str, Any], float]:
    """The document of a plan, checked, and seconds from text to plan."""
    text = json.dumps(made)
    started = time.process_time()
    plan = plan_instance(parse_instance(text, path="instance"), effort=Effort(effort), prove=prove)
    seconds = time.process_time() - started
    document = instance_document(plan)
    check_document(made, document)
    return document, seconds


def by_hand(made: Instance) -> dict[str, int]:
    """A layer for each function; and a layer of what all need, with the rest in a layer for each."""
    needs = [frozenset(one["needs"]) for one in made["functions"].values() if one["needs"]]
    shared = frozenset.intersection(*needs)
    apart = [needed - shared for needed in needs]
    sizes = made["dists"]

    def cost(layers: list[frozenset[str]]) -> int:
        return sum(made["mu"] + sum(sizes[name] for name in layer) for layer in layers if layer)

    return {"one layer per function": cost(needs), "one shared layer": cost([shared, *apart])}


if __name__ == "__main__":
    sys.exit(main())
