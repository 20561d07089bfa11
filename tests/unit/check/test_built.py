from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from layerforge.cache import Cache, sha256_of
from layerforge.check.built import judge_built
from layerforge.check.unused import Declared
from layerforge.check.verdicts import (
    BuiltVerdict,
    Judging,
    NativeSummary,
    recall_verdict,
    remember_verdict,
)
from layerforge.errors import BuildError
from layerforge.model.artifact import Artifact, CodeArtifact, Manifest, ManifestFunction
from layerforge.model.lock import Distribution, Root
from layerforge.model.requirement import Origin
from layerforge.native.runtime import ProbedRuntime
from layerforge.project.runtime_provided import SDK_FAMILY
from tests.elf_files import AARCH64, make_elf
from tests.fakes import RecordingProgress

MB = 2**20


class Output:
    """An output folder with zips, and the manifest that names them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cache = Cache(root / "cache")
        self.progress = RecordingProgress()
        self.layers: dict[str, Artifact] = {}
        self.functions: dict[str, ManifestFunction] = {}

    def layer(self, name: str, files: dict[str, bytes]) -> None:
        path = self._write(f"{name}.zip", files)
        self.layers[name] = Artifact(
            name=name,
            path=path.name,
            sha256=sha256_of(path),
            code_sha256="",
            zipped_size=0,
            unzipped_size=0,
            runtimes=(),
            architectures=(),
            distributions=(),
            input_digest="",
        )

    def function(
        self,
        name: str,
        *layers: str,
        code: dict[str, bytes] | None = None,
        target: str = "python3.13-x86_64",
        external: tuple[str, ...] = (),
    ) -> None:
        artifact = None
        if code is not None:
            path = self._write(f"code-{name}.zip", code)
            artifact = CodeArtifact(
                path=path.name,
                sha256=sha256_of(path),
                code_sha256="",
                zipped_size=0,
                unzipped_size=0,
                input_digest="",
            )
        self.functions[name] = ManifestFunction(
            target=target,
            layers=layers,
            external_layers=external,
            code=artifact,
            code_size=0,
            unzipped_size=0,
            carried_excess=0,
        )

    def _write(self, name: str, files: dict[str, bytes]) -> Path:
        path = self.root / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for inside, data in files.items():
                archive.writestr(zipfile.ZipInfo(inside), data)
        return path

    @property
    def manifest(self) -> Manifest:
        return Manifest(project="shop", layers=tuple(self.layers.values()), functions=self.functions)

    def judge(
        self, *, ignored: tuple[str, ...] = (), probed: dict[str, ProbedRuntime] | None = None
    ) -> BuiltVerdict:
        judging = Judging(folder=self.root, ignored=ignored, probed=probed)
        return judge_built(self.manifest, judging, self.cache, jobs=2, progress=self.progress)

    def told(self) -> list[tuple[str, str, tuple[str, ...]]]:
        return [(one.code, one.subject, one.details) for one in self.judge().findings]


@pytest.fixture
def output(tmp_path: Path) -> Output:
    return Output(tmp_path)


NEEDY = {"python/_x.abi3.so": make_elf(needed=["libGL.so.1"])}


def test_what_functions_share_is_told_once_with_all_of_them(output: Output) -> None:
    output.layer("shop-a", NEEDY)
    for name in ("orders", "billing", "reports"):
        output.function(name, "shop-a", code={"app.py": b""})
    assert output.told() == [
        ("missing-library", "shop-a", ("mounted by billing, orders, reports",)),
    ]
    assert [task.label for task in output.progress.tasks] == ["looking into 4 zips"]


def test_the_sdk_that_is_left_out_is_held_against_the_runtimes(output: Output) -> None:
    output.function("orders", code={"app.py": b"import boto3"})
    root = Root(name="boto3", specifier=">=1.42", origin=Origin(path="orders/r.in", line=2))
    declared = Declared(
        handler="app.handler",
        source="orders",
        roots=(root,),
        distributions={"boto3": Distribution(name="boto3", version="1.43", unzipped_size=1)},
        runtime_provided=SDK_FAMILY,
    )
    has = ProbedRuntime(image="x", libraries={}, distributions={"boto3": "1.40.4"})
    judging = Judging(folder=output.root, probed={"python3.13-x86_64": has})
    verdict = judge_built(
        output.manifest,
        judging,
        output.cache,
        jobs=1,
        progress=output.progress,
        declared={"orders": declared},
    )
    assert [(one.code, one.where) for one in verdict.findings] == [("sdk-too-old", "orders/r.in:2")]


def test_who_mounts_another_layer_too_has_no_problem(output: Output) -> None:
    output.layer("shop-a", NEEDY)
    output.layer("shop-gl", {"lib/libGL.so.1": make_elf()})
    output.function("orders", "shop-a")
    output.function("billing", "shop-a", "shop-gl")
    assert output.told() == [("missing-library", "shop-a", ("mounted by orders",))]


def test_targets_are_judged_each_for_themselves(output: Output) -> None:
    versions = {"libc.so.6": ["GLIBC_2.28"]}
    output.layer("shop-a", {"python/_x.abi3.so": make_elf(needed=["libc.so.6"], requires=versions)})
    output.function("new", "shop-a")
    output.function("old", "shop-a", target="python3.11-x86_64")
    assert output.told() == [("glibc-too-old", "shop-a", ("mounted by old",))]


def test_code_is_judged_with_its_layers_and_they_are_not_told_again(output: Output) -> None:
    output.layer("shop-a", {**NEEDY, "python/six.py": b""})
    output.function("orders", "shop-a", code={"_own.abi3.so": make_elf(machine=AARCH64), "six.py": b""})
    output.function("billing", "shop-a", code={"app.py": b""})
    assert output.told() == [
        ("wrong-architecture", "orders", ()),
        ("missing-library", "shop-a", ("mounted by billing, orders",)),
        ("module-shadowed", "orders", ()),
    ]


def test_the_code_of_a_function_may_complete_the_sdk(output: Output) -> None:
    output.layer("shop-a", {"python/boto3/__init__.py": b"", "python/botocore/__init__.py": b""})
    output.function("whole", "shop-a", code={"jmespath/__init__.py": b"", "s3transfer/__init__.py": b""})
    output.function("half", "shop-a", code={"app.py": b""})
    assert output.told() == [
        (
            "sdk-half-shadowed",
            "shop-a",
            ("python/boto3/__init__.py", "python/botocore/__init__.py", "mounted by half"),
        ),
    ]


def test_a_zip_that_nobody_can_read_is_told_and_the_others_are_judged(output: Output) -> None:
    output.layer("shop-a", NEEDY)
    output.function("orders", "shop-a", code={"a.py": b""})
    path = output.root / "code-orders.zip"
    path.write_bytes(b"this is no zip")
    code = output.functions["orders"].code
    assert code is not None
    changed = replace(code, sha256=sha256_of(path))
    output.functions["orders"] = replace(output.functions["orders"], code=changed)
    findings = output.judge().findings
    assert [(one.code, one.subject) for one in findings] == [
        ("missing-library", "shop-a"),
        ("unreadable-zip", "orders"),
    ]
    assert findings[1].sentence == (
        "code-orders.zip of the code of orders is not looked into: "
        "it is no zip archive, or its end is missing"
    )


def test_what_is_ignored_is_not_told(output: Output) -> None:
    output.layer("shop-a", NEEDY)
    output.function("orders", "shop-a")
    assert output.judge(ignored=("missing-library:libGL.*",)).findings == ()


def test_what_was_probed_counts(output: Output) -> None:
    output.layer("shop-a", NEEDY)
    output.function("orders", "shop-a")
    probed = ProbedRuntime(image="own", libraries={"libGL.so.1": ()})
    (finding,) = output.judge(probed={"python3.13-x86_64": probed}).findings
    assert finding.severity.value == "warning"


def test_native_code_is_summed_up(output: Output) -> None:
    library = make_elf(
        needed=["libc.so.6", "libstdc++.so.6"],
        requires={
            "libc.so.6": ["GLIBC_2.17", "GLIBC_2.2.5"],
            "libstdc++.so.6": ["GLIBCXX_3.4.9", "GLIBCXX_3.4.21", "CXXABI_1.3.9"],
        },
        padding=MB,
    )
    output.layer("shop-a", {"python/liba.so": library, "python/liba.so.1": library, "python/a.py": b""})
    output.layer("shop-b", {"python/b.py": b""})
    output.function("orders", "shop-a", "shop-b")
    assert output.judge().natives == (
        NativeSummary(
            zip="shop-a",
            files=2,
            size=2 * len(library),
            copied=len(library),
            machines=("x86_64",),
            highest=("GLIBC_2.17", "GLIBCXX_3.4.21", "CXXABI_1.3.9"),
        ),
    )


@pytest.mark.parametrize("target", ["python3.99-x86_64", "python3.13-riscv", "nonsense"])
def test_a_target_that_nobody_knows(output: Output, target: str) -> None:
    output.function("orders", target=target)
    with pytest.raises(BuildError, match=f"orders runs on '{target}', which is not known"):
        output.judge()


def test_verdicts_are_remembered_under_all_that_decides_them(output: Output) -> None:
    output.layer("shop-a", NEEDY)
    output.function("orders", "shop-a")
    verdict = output.judge()
    judging = Judging(folder=output.root)
    key = judging.key("00")
    assert recall_verdict(output.cache, key) is None
    remember_verdict(output.cache, key, verdict)
    assert recall_verdict(output.cache, key) == verdict
    probed = {"python3.13-x86_64": ProbedRuntime(image="own", libraries={})}
    keys = {
        key,
        judging.key("01"),
        replace(judging, ignored=("pth-file",)).key("00"),
        replace(judging, probed=probed).key("00"),
    }
    assert len(keys) == 4
    assert replace(judging, folder=output.root / "elsewhere").key("00") == key
    output.cache.write_facts("built", key, {"$": "BuiltVerdict"})
    assert recall_verdict(output.cache, key) is None
