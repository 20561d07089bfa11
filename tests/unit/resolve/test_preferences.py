from __future__ import annotations

import pytest

from layerforge.model.function import Function
from layerforge.model.lock import Archive, Distribution, FunctionRoots, Lock
from layerforge.model.requirement import Origin
from layerforge.model.target import Target
from layerforge.resolve.preferences import make_preferences

ARM = Target(runtime="python3.12", architecture="arm64")
X86 = Target(runtime="python3.13", architecture="x86_64")
X86_OLD = Target(runtime="python3.12", architecture="x86_64")
PURE = "py3-none-any"
ABI3 = "cp39-abi3-manylinux_2_17_x86_64"
NATIVE = "cp313-cp313-manylinux_2_17_x86_64"


def lock(
    target: Target, pin: str, tag: str = PURE, *, cohort: str = "", serves: tuple[str, ...] = ()
) -> Lock:
    name, _, version = pin.partition("==")
    filename = f"{name}-{version}-{tag}.whl"
    wheel = Archive(filename=filename, url=f"https://index.example/{filename}", sha256="x")
    return Lock(
        cohort=cohort or target.slug,
        target=target,
        distributions=(Distribution(name=name, version=version, wheel=wheel, unzipped_size=1),),
        functions=tuple(FunctionRoots(function=function, roots=()) for function in serves),
        input_digest="",
    )


def preferred(
    target: Target,
    *,
    previous: tuple[Lock, ...] = (),
    made: tuple[Lock, ...] = (),
    dropped: frozenset[str] = frozenset(),
) -> list[str]:
    functions = [
        Function(name=name, target=target, source=None, origin=Origin(path="template.yaml", line=1))
        for name in ("a", "b")
    ]
    pins = make_preferences(target, functions, previous=previous, made=made, dropped=dropped)
    return [f"{pin.name}=={pin.version}" for pin in pins]


@pytest.mark.parametrize(
    ("previous", "made", "expected"),
    [
        ((), (), []),
        # What was pinned for the target itself goes first, whatever the others do.
        ((lock(X86_OLD, "lib==1.0"), lock(ARM, "lib==2.0")), (lock(X86, "lib==3.0"),), ["lib==1.0"]),
        # Then what was pinned in this run, in a file that fits.
        ((lock(ARM, "lib==2.0"),), (lock(X86, "lib==3.0"),), ["lib==3.0"]),
        ((), (lock(X86, "lib==3.0", ABI3),), ["lib==3.0"]),
        ((), (lock(X86, "lib==3.0", "cp313-abi3-manylinux_2_17_x86_64"),), []),
        ((), (lock(ARM, "lib==3.0", "cp39-abi3-manylinux_2_17_aarch64"),), ["lib==3.0"]),
        ((), (lock(X86, "lib==3.0", NATIVE),), []),
        # Then what was pinned for others, in any file: the same runtime, the same architecture, the newest.
        (
            (lock(X86, "lib==3.0"), lock(ARM, "lib==2.0", "cp312-cp312-manylinux_2_17_aarch64")),
            (),
            ["lib==2.0"],
        ),
        ((lock(X86, "lib==3.0", NATIVE),), (), ["lib==3.0"]),
        (
            (
                lock(Target(runtime="python3.11", architecture="arm64"), "lib==1.0"),
                lock(Target(runtime="python3.13", architecture="arm64"), "lib==2.0"),
                lock(X86, "lib==3.0"),
            ),
            (),
            ["lib==3.0"],
        ),
        # Each name by itself.
        ((lock(X86_OLD, "lib==1.0"), lock(ARM, "other==2.0")), (), ["lib==1.0", "other==2.0"]),
    ],
)
def test_whose_pin_is_followed(
    previous: tuple[Lock, ...], made: tuple[Lock, ...], expected: list[str]
) -> None:
    assert preferred(X86_OLD, previous=previous, made=made) == expected
    assert preferred(X86_OLD, previous=previous[::-1], made=made) == expected


def test_the_lock_that_served_most_of_the_functions_goes_first() -> None:
    previous = (
        lock(X86, "lib==1.0", cohort="one", serves=("c",)),
        lock(X86, "lib==2.0", cohort="two", serves=("a", "b")),
    )
    assert preferred(X86, previous=previous) == ["lib==2.0"]


def test_what_is_to_be_upgraded_follows_this_run_alone() -> None:
    previous = (lock(X86, "lib==1.0"), lock(X86_OLD, "lib==2.0"))
    assert preferred(X86, previous=previous, dropped=frozenset({"lib"})) == []
    made = (lock(Target(runtime="python3.14", architecture="x86_64"), "lib==3.0"),)
    assert preferred(X86, previous=previous, made=made, dropped=frozenset({"lib"})) == ["lib==3.0"]
