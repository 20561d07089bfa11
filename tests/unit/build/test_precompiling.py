"""Which bytecode goes into which layer, for which runtime: decided without a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from layerforge.build.bytecode import Compilation, WheelBytecode, choose_within_limits
from layerforge.build.fetch import Wanted
from layerforge.build.pack import Pack
from layerforge.build.precompiling import (
    compilations,
    fill_with_bytecode,
    place_bytecode,
    with_bytecode_sizes,
)
from layerforge.model.finding import Finding, Severity
from layerforge.model.lock import Archive, Distribution, LocalSource, Lock
from layerforge.model.plan import FunctionPlan, LayerPlan, PlannedLayer
from layerforge.model.target import Target
from layerforge.plan.demands import item_of
from layerforge.wheels.verify import Entry

ARM = Target(runtime="python3.12", architecture="arm64")
X86 = Target(runtime="python3.13", architecture="x86_64")
X86_OLD = Target(runtime="python3.12", architecture="x86_64")


def distribution(name: str, *, size: int = 100) -> Distribution:
    wheel = Archive(filename=f"{name}-1.0-py3-none-any.whl", url="https://index.example/x", sha256=name)
    return Distribution(name=name, version="1.0", wheel=wheel, unzipped_size=size)


def bytecode(name: str, runtime: str, size: int) -> WheelBytecode:
    """Bytecode of one module, that costs `size` bytes in a layer (RECORD's growth included)."""
    tag = f"cpython-{runtime.removeprefix('python').replace('.', '')}"
    path = f"python/__pycache__/{name}.{tag}.pyc"

    def code(bytes_of: int) -> WheelBytecode:
        entry = Entry(path, bytes_of, bytes_of, 0, 0, False, 0, "x" * 43)
        pack = Pack(path=Path(path), sha256=f"{name}-{tag}", entries=(entry,), notes={"tag": tag})
        return WheelBytecode(wheel_sha256=name, pack=pack)

    return code(size - (code(size).cost - size))


def made(*rows: tuple[str, str, int]) -> dict[Compilation, WheelBytecode]:
    return {
        Compilation(runtime, Wanted(target=ARM, distribution=distribution(name))): bytecode(
            name, runtime, size
        )
        for name, runtime, size in rows
    }


def function(name: str, target: Target, *layers: str, size: int) -> FunctionPlan:
    return FunctionPlan(
        function=name,
        target=target,
        layers=layers,
        external_layers=0,
        external_size=0,
        code_size=0,
        needed_size=size,
        layers_size=size,
    )


# `shared` serves python3.12 and python3.13, `old` python3.12 alone.
WANTED = {
    "shared": tuple(Wanted(target=ARM, distribution=distribution(name)) for name in ("a", "b")),
    "old": (Wanted(target=ARM, distribution=distribution("c")),),
}
PLAN = LayerPlan(
    layers=(
        PlannedLayer(name="old", targets=(ARM,), items=(item_of(distribution("c")),)),
        PlannedLayer(
            name="shared", targets=(ARM, X86), items=tuple(item_of(distribution(n)) for n in ("a", "b"))
        ),
    ),
    functions=(function("arm", ARM, "old", "shared", size=300), function("x86", X86, "shared", size=200)),
)
MADE = made(
    ("a", "python3.12", 2090),
    ("a", "python3.13", 2095),
    ("b", "python3.12", 2080),
    ("b", "python3.13", 2085),
    ("c", "python3.12", 2200),
)


def shown(packs: object) -> dict[str, list[str]]:
    assert isinstance(packs, dict)
    return {f"{layer} {name}": [pack.sha256 for pack in held] for (layer, name), held in packs.items()}


def test_a_layer_is_compiled_for_each_of_its_runtimes() -> None:
    asked = compilations(PLAN, WANTED)
    assert {
        layer: [(one.wanted.distribution.name, one.runtime) for one in ones] for layer, ones in asked.items()
    } == {
        "old": [("c", "python3.12")],
        "shared": [
            ("a", "python3.12"),
            ("a", "python3.13"),
            ("b", "python3.12"),
            ("b", "python3.13"),
        ],
    }
    assert shown(place_bytecode(asked, MADE)) == {
        "old c": ["c-cpython-312"],
        "shared a": ["a-cpython-312", "a-cpython-313"],
        "shared b": ["b-cpython-312", "b-cpython-313"],
    }


def test_everything_goes_in_where_there_is_room() -> None:
    asked = compilations(PLAN, WANTED)
    assert fill_with_bytecode(PLAN, asked, MADE) == (place_bytecode(asked, MADE), ())


def test_what_has_no_room_is_left_out_by_runtime_and_told() -> None:
    limit = 300 + 2200 + 2095 + 2090
    plan = replace(PLAN, functions=tuple(replace(one, limit=limit) for one in PLAN.functions))
    packs, findings = fill_with_bytecode(plan, compilations(PLAN, WANTED), MADE)
    assert shown(packs) == {
        "old c": ["c-cpython-312"],
        "shared a": ["a-cpython-312", "a-cpython-313"],
    }
    assert findings == (
        Finding(
            severity=Severity.NOTE,
            code="bytecode-left-out",
            subject="shared",
            sentence="4.1 KB of bytecode has no room below the limit of a function that takes this layer, "
            "so it ships without",
            details=("b (python3.13)  2.0 KB", "b (python3.12)  2.0 KB"),
            hint='bytecode = "used" compiles only what handlers import (`layerforge verify` records it)',
        ),
    )


def test_bytecode_of_every_runtime_counts_for_whoever_takes_the_layer() -> None:
    layers = {"shared": {("a", "python3.12"): 50, ("a", "python3.13"): 40}}
    functions = {"arm": (("shared",), 60), "x86": (("shared",), 95)}
    assert choose_within_limits(layers, functions) == {("shared", ("a", "python3.12"))}
    assert len(choose_within_limits(layers, dict.fromkeys(functions, (("shared",), 90)))) == 2


def test_locks_grow_by_what_is_compiled_for_their_runtime() -> None:
    local = Distribution(name="own", version="1.0", local=LocalSource(path="libs/own"), unzipped_size=10)
    held = (distribution("a"), local)
    locks = [
        Lock(cohort=target.slug, target=target, distributions=held, functions=(), input_digest="")
        for target in (ARM, X86, X86_OLD)
    ]
    # What is built from source is another file for each target.
    own = {
        Compilation("python3.12", Wanted(target=ARM, distribution=local)): bytecode("own", "python3.12", 2070)
    }
    grown = with_bytecode_sizes(locks, {**MADE, **own})
    assert [[one.unzipped_size for one in lock.distributions] for lock in grown] == [
        [2190, 2080],
        [2195, 10],
        [2190, 10],
    ]
