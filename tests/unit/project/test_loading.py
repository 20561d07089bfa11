from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent

import pytest

from layerforge.errors import ConfigError
from layerforge.model.finding import Finding, Severity
from layerforge.model.function import ExternalLayer, Function, Project, ProjectSettings
from layerforge.model.requirement import IndexOptions, Origin, RequirementSet
from layerforge.model.target import Target
from layerforge.project.loading import load_project

TODAY = datetime.date(2026, 1, 1)
X86 = Target(runtime="python3.13", architecture="x86_64")
FUNCTION = "{Type: 'AWS::Serverless::Function', Properties: {CodeUri: src, Runtime: python3.13}}"


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))


def find(root: Path, source: str | None) -> tuple[str, ...]:
    return (f"{source}/requirements.in",) if source and (root / source / "requirements.in").exists() else ()


def read(
    root: Path,
    manifests: Sequence[str],
    *,
    extras: Sequence[str] = (),
    groups: Sequence[str] = (),
    project_options: IndexOptions,
) -> RequirementSet:
    return RequirementSet(files=(*manifests, *extras, *groups), options=project_options)


def load(root: Path, files: dict[str, str], *, today: datetime.date = TODAY) -> Project:
    write(root, files)
    return load_project(root, today=today, find_manifests=find, read_requirements=read)


def refused(root: Path, files: dict[str, str]) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(root, files)
    return caught.value


def by_name(project: Project) -> dict[str, Function]:
    return {function.name: function for function in project.functions}


def sentences(project: Project) -> list[tuple[str, str, str | None]]:
    return [(f.code, f.sentence, f.where) for f in project.findings]


def test_config_and_template(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    project = load(
        root,
        {
            "layerforge.toml": """\
                template = "template.yaml"
                [functions.Orders]
                layers = ["arn:aws:lambda:eu-west-1:123456789012:layer:other:7"]
                layer-sizes = { "arn:aws:lambda:eu-west-1:123456789012:layer:other" = 1234 }
                extras = ["fast"]
                [functions.job]
                source = "job/"
                runtime = "python3.12"
                architecture = "arm64"
                requirements = ["./job/../common.in"]
                """,
            "template.yaml": f"Resources:\n  Orders: {FUNCTION}\n",
            "src/requirements.in": "",
            "common.in": "",
            "job/app.py": "",
        },
    )
    assert project == Project(
        root=root,
        settings=ProjectSettings(name="shop"),
        functions=(
            Function(
                name="Orders",
                target=X86,
                source="src",
                manifests=("src/requirements.in",),
                requirements=RequirementSet(files=("src/requirements.in", "fast")),
                external_layers=(
                    ExternalLayer(
                        arn="arn:aws:lambda:eu-west-1:123456789012:layer:other:7", unzipped_size=1234
                    ),
                ),
                origin=Origin(path="template.yaml", line=2),
            ),
            Function(
                name="job",
                target=Target(runtime="python3.12", architecture="arm64"),
                source="job",
                manifests=("common.in",),
                requirements=RequirementSet(files=("common.in",)),
                origin=Origin(path="layerforge.toml", line=6),
            ),
        ),
        config_file="layerforge.toml",
        templates=("template.yaml",),
        inputs=("common.in", "fast", "layerforge.toml", "src/requirements.in", "template.yaml"),
    )


def test_nothing_but_a_template(tmp_path: Path) -> None:
    project = load(tmp_path, {"template.yaml": f"Resources:\n  A: {FUNCTION}\n", "src/requirements.in": ""})
    assert project.findings == (
        Finding(
            severity=Severity.NOTE,
            code="discovered",
            subject="template.yaml",
            sentence="found template.yaml with 1 function",
            hint="`layerforge init` writes down what is found",
        ),
    )
    assert project.config_file is None


def test_nested_functions_are_counted_apart(tmp_path: Path) -> None:
    nested = "{Type: AWS::Serverless::Application, Properties: {Location: inner/template.yaml}}"
    project = load(
        tmp_path,
        {
            "template.yaml": f"Resources:\n  A: {FUNCTION}\n  App: {nested}\n",
            "inner/template.yaml": f"Resources:\n  B: {FUNCTION}\n",
            "src/requirements.in": "",
            "inner/src/requirements.in": "",
        },
    )
    assert sentences(project) == [
        ("discovered", "found template.yaml with 1 function", None),
        ("discovered", "found 1 function in nested applications: inner/template.yaml", None),
    ]


def test_missing_requirement_file_is_told_with_the_key_that_names_it(tmp_path: Path) -> None:
    config = 'runtime = "python3.12"\n[functions.a]\nsource = "a"\nrequirements = "a/reqs.txt"\n'
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, {"layerforge.toml": config, "a/app.py": ""})
    assert caught.value.headline == (
        "layerforge.toml: functions.a.requirements: the requirement file a/reqs.txt does not exist"
    )


def test_nothing_but_folders(tmp_path: Path) -> None:
    project = load(tmp_path, {"functions/a/requirements.in": "", "lambdas/b/requirements.in": ""})
    assert [(f.name, f.target, f.source, f.manifests, f.origin) for f in project.functions] == [
        ("a", X86, "functions/a", ("functions/a/requirements.in",), Origin(path="functions/a")),
        ("b", X86, "lambdas/b", ("lambdas/b/requirements.in",), Origin(path="lambdas/b")),
    ]
    assert sentences(project) == [
        ("discovered", "found 2 function folders: functions/a and lambdas/b", None),
        ("runtime-assumed", "nothing says which runtime a and b have: python3.13 is assumed", None),
    ]


def test_folders_take_the_defaults_of_the_config(tmp_path: Path) -> None:
    config = 'runtime = "python3.12"\narchitecture = "arm64"\n'
    project = load(tmp_path, {"layerforge.toml": config, "functions/a/requirements.in": ""})
    assert project.functions[0].target == Target(runtime="python3.12", architecture="arm64")
    assert [f.code for f in project.findings] == ["discovered"]


def test_nothing_at_all(tmp_path: Path) -> None:
    error = refused(tmp_path, {"readme.txt": ""})
    assert (error.headline, error.hint) == (
        "no Lambda functions were found here",
        (
            "run this where template.yaml or functions/*/requirements.txt lie, or write a "
            'layerforge.toml with [functions.NAME] and source = "FOLDER"'
        ),
    )


def test_nothing_here_but_a_config_above(tmp_path: Path) -> None:
    write(tmp_path, {"layerforge.toml": ""})
    assert refused(tmp_path / "a" / "b", {"x": ""}).hint == (
        "there is a ../../layerforge.toml: go there, or give it with --config"
    )


def test_a_template_that_cannot_be_parsed(tmp_path: Path) -> None:
    broken = "# AWS::Lambda::Function\na: [\n"
    sentence = (
        "it is neither YAML nor JSON that CloudFormation would read: did not find expected node content"
    )
    # Found, and all there is.
    assert refused(tmp_path / "1", {"template.yaml": broken}).headline == f"template.yaml:3: {sentence}"
    # Asked for.
    named = {
        "template.yaml": broken,
        "layerforge.toml": 'template = "template.yaml"\n[functions.a]\nsource = "."\n',
    }
    assert refused(tmp_path / "2", named).headline == f"template.yaml:3: {sentence}"
    # Found beside a config that names functions.
    config = 'runtime = "python3.13"\n[functions.a]\nsource = "src"\nrequirements = []\n'
    project = load(tmp_path / "3", {"template.yaml": broken, "layerforge.toml": config, "src/a.py": ""})
    assert [f.name for f in project.functions] == ["a"]
    assert sentences(project) == [
        ("unreadable-template", f"the template template.yaml is passed over: {sentence}", "template.yaml:3"),
        (
            "no-requirements",
            "no requirement file was found for a: no layers are built for it",
            None,
        ),
    ]


def test_what_is_passed_over_is_told_once_per_reason(tmp_path: Path) -> None:
    lines = [
        f"  Image{n}: {{Type: 'AWS::Lambda::Function', Properties: {{PackageType: Image}}}}" for n in range(8)
    ]
    lines += [f"  Node{n}: {FUNCTION.replace('python3.13', 'nodejs22.x')}" for n in (1, 2)]
    lines += [f"  Old: {FUNCTION.replace('python3.13', 'python3.9')}", f"  New: {FUNCTION}"]
    lines += [f"  Built: {FUNCTION[:-1]}, Metadata: {{SkipBuild: true}}}}"]
    text = "\n".join(["Resources:", *lines, ""])
    project = load(
        tmp_path,
        {"template.yaml": text, "src/requirements.in": "", "layerforge.toml": 'template = "template.yaml"'},
    )
    assert [f.name for f in project.functions] == ["New"]
    assert sentences(project) == [
        (
            "passed-over",
            "Built is passed over: SkipBuild says that the code is built elsewhere",
            "template.yaml:14",
        ),
        (
            "passed-over",
            (
                "Image0, Image1, Image2, Image3, Image4 and 3 more "
                "are passed over: container images take no layers"
            ),
            "template.yaml:2",
        ),
        (
            "passed-over",
            "Node1 and Node2 are passed over: nodejs22.x is not a Python runtime",
            "template.yaml:10",
        ),
        (
            "unsupported-runtime",
            "Old is passed over: python3.9 is not a runtime that layers are built for",
            "template.yaml:12",
        ),
    ]
    assert project.findings[-1].severity is Severity.WARNING
    assert project.findings[-1].hint == (
        "supported are python3.10, python3.11, python3.12, python3.13, python3.14, python3.15"
    )


def test_only_functions_that_take_no_layers(tmp_path: Path) -> None:
    error = refused(
        tmp_path, {"template.yaml": f"Resources:\n  A: {FUNCTION.replace('python3.13', 'java21')}\n"}
    )
    assert (error.headline, error.details) == (
        "none of the functions here can take layers that are built for Python",
        ("A is passed over: java21 is not a Python runtime",),
    )


OPEN = """\
    Parameters: {Version: {Type: String}, Arch: {Type: String}}
    Resources:
      A:
        Type: AWS::Serverless::Function
        Properties: {CodeUri: src, Runtime: !Ref Version, Architectures: [!Ref Arch]}
      B:
        Type: AWS::Serverless::Function
        Properties: {CodeUri: src, Runtime: !Ref Version, Architectures: [arm64]}
    """


def test_a_runtime_that_nobody_knows(tmp_path: Path) -> None:
    error = refused(tmp_path, {"template.yaml": OPEN, "src/requirements.in": ""})
    assert error.headline == "template.yaml:3: the runtime of A and B cannot be known"
    assert error.details == ("A (template.yaml:3)", "B (template.yaml:6)")
    assert error.hint == 'set runtime = "python3.13" at the top of layerforge.toml, or under [functions.A]'


def test_a_runtime_that_the_config_knows(tmp_path: Path) -> None:
    config = 'template = "template.yaml"\nruntime = "python3.12"\n[functions.B]\nruntime = "python3.14"\n'
    project = load(tmp_path, {"template.yaml": OPEN, "src/requirements.in": "", "layerforge.toml": config})
    assert [f.target.name for f in project.functions] == ["python3.12-x86_64", "python3.14-arm64"]
    assert sentences(project) == [
        (
            "unknown-runtime",
            "the runtime of A is not known before deployment (!Ref Version): python3.12 is taken",
            "template.yaml:3",
        ),
        (
            "unknown-architecture",
            "the architecture of A is not known before deployment (!Ref Arch): x86_64 is taken",
            "template.yaml:3",
        ),
    ]


def test_an_architecture_that_does_not_exist(tmp_path: Path) -> None:
    text = f"Resources:\n  A: {FUNCTION.replace('CodeUri', 'Architectures: [aarch64], CodeUri')}\n"
    error = refused(tmp_path, {"template.yaml": text})
    assert error.headline == "the architecture of a function is not one that Lambda has"
    assert error.details == (
        "A (template.yaml:2): unexpected architecture 'aarch64' (expected 'x86_64' or 'arm64')",
    )


def test_a_default_architecture_that_lambda_will_not_use(tmp_path: Path) -> None:
    config = 'template = "template.yaml"\narchitecture = "arm64"\n'
    files = {
        "template.yaml": f"Resources:\n  A: {FUNCTION}\n",
        "src/requirements.in": "",
        "layerforge.toml": config,
    }
    project = load(tmp_path, files)
    assert project.functions[0].target.architecture == "arm64"
    assert sentences(project) == [
        (
            "architecture-default",
            "the template gives A no Architectures, so Lambda takes x86_64, but layerforge.toml says arm64",
            "template.yaml:2",
        )
    ]


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (datetime.date(2026, 10, 30), []),
        (
            datetime.date(2026, 10, 31),
            ["python3.10 is deprecated since 2026-10-31; functions on it can be updated until 2027-01-15"],
        ),
        (
            datetime.date(2027, 1, 15),
            ["python3.10 is deprecated since 2026-10-31; functions on it cannot be updated since 2027-01-15"],
        ),
    ],
)
def test_deprecated_runtimes(tmp_path: Path, today: datetime.date, expected: list[str]) -> None:
    config = 'template = []\n[functions.a]\nsource = "src"\nruntime = "python3.10"\n'
    project = load(tmp_path, {"layerforge.toml": config, "src/requirements.in": ""}, today=today)
    assert [f.sentence for f in project.findings if f.code == "runtime-deprecated"] == expected
    assert len(project.findings) == len(expected)


def test_an_unconfirmed_runtime(tmp_path: Path) -> None:
    config = 'template = []\n[functions.a]\nsource = "src"\nruntime = "python3.15"\n'
    project = load(tmp_path, {"layerforge.toml": config, "src/requirements.in": ""})
    assert sentences(project) == [
        (
            "runtime-unconfirmed",
            "AWS has not confirmed what python3.15 runs on: Amazon Linux 2023 is assumed",
            None,
        )
    ]


@pytest.mark.parametrize(
    ("entry", "headline", "hint"),
    [
        (
            '[functions.Ordres]\nhandler = "x"',
            (
                "layerforge.toml: functions.Ordres: no template has a function of this name, "
                "and neither source nor requirements is given"
            ),
            "did you mean Orders?",
        ),
        (
            '[functions.zzz]\nhandler = "x"',
            (
                "layerforge.toml: functions.zzz: no template has a function of this name, "
                "and neither source nor requirements is given"
            ),
            'say where its code lies: source = "functions/orders"',
        ),
        (
            '[functions.orders]\nsource = "src"',
            "layerforge.toml:2: the functions orders and Orders (template.yaml:2) differ in case alone",
            "rename one of them",
        ),
    ],
)
def test_entries_that_mean_nothing(tmp_path: Path, entry: str, headline: str, hint: str) -> None:
    files = {
        "template.yaml": f"Resources:\n  Orders: {FUNCTION}\n",
        "layerforge.toml": f'name = "x"\n{entry}\n',
    }
    error = refused(tmp_path, files)
    assert (error.headline, error.hint) == (headline, hint)


def test_an_entry_for_a_name_that_two_templates_have(tmp_path: Path) -> None:
    text = f"Resources:\n  Orders: {FUNCTION}\n"
    error = refused(
        tmp_path, {"a.yaml": text, "b.yaml": text, "layerforge.toml": '[functions.Orders]\nhandler = "x"\n'}
    )
    assert (error.headline, error.hint) == (
        "layerforge.toml: functions.Orders: several templates have a function Orders",
        "say which one: a-Orders and b-Orders",
    )


def test_layers_of_the_template_are_measured(tmp_path: Path) -> None:
    project = load(
        tmp_path,
        {
            "template.yaml": """\
                Resources:
                  Shared: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layers/shared}}
                  Built:
                    Type: AWS::Serverless::LayerVersion
                    Properties: {ContentUri: b}
                    Metadata: {BuildMethod: x}
                  Gone: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: gone}}
                  A:
                    Type: AWS::Serverless::Function
                    Properties:
                      Runtime: python3.13
                      CodeUri: src
                      Layers: [!Ref Shared, !Ref Built, !Ref Gone, !ImportValue common, 'arn:x:layer:y:1']
                """,
            "layers/shared/python/money.py": "12345",
            "b/requirements.txt": "",
            "src/requirements.in": "",
            "layerforge.toml": 'template = "template.yaml"\n'
            '[layer-sizes]\n"!ImportValue common" = 5\nBuilt = 7\n',
        },
    )
    assert project.functions[0].external_layers == (
        ExternalLayer(arn="!Ref Shared", unzipped_size=5),
        ExternalLayer(arn="!Ref Built", unzipped_size=7),
        ExternalLayer(arn="!Ref Gone"),
        ExternalLayer(arn="!ImportValue common", unzipped_size=5),
        ExternalLayer(arn="arn:x:layer:y:1"),
    )
    assert "layers/shared/python/money.py" in project.inputs


def test_code_that_is_not_there_or_not_known(tmp_path: Path) -> None:
    text = (
        f"Resources:\n  A: {FUNCTION}\n  B: {FUNCTION.replace('src', '!Ref Where')}\n"
        f"  C: {FUNCTION.replace('src', 's3://x/y')}\n"
    )
    project = load(tmp_path, {"template.yaml": text, "layerforge.toml": 'template = "template.yaml"\n'})
    assert [f.source for f in project.functions] == ["src", None, None]
    assert sentences(project) == [
        ("code-missing", "the code of A is not there: src does not exist", "template.yaml:2"),
        (
            "unknown-code",
            (
                "the code of B is not known before deployment (!Ref Where): it counts as 0 bytes, "
                "and no requirements are looked for"
            ),
            "template.yaml:3",
        ),
    ]


def test_many_functions_that_share_a_folder_are_read_once(tmp_path: Path) -> None:
    asked: list[tuple[str, ...]] = []

    def counting(root: Path, manifests: Sequence[str], **rest: object) -> RequirementSet:
        asked.append(tuple(manifests))
        return RequirementSet()

    lines = [f"  F{n}: {FUNCTION}" for n in range(50)]
    write(tmp_path, {"template.yaml": "\n".join(["Resources:", *lines, ""]), "src/requirements.in": ""})
    project = load_project(tmp_path, today=TODAY, find_manifests=find, read_requirements=counting)
    assert len(project.functions) == 50
    assert asked == [("src/requirements.in",)]


def test_folders_that_sam_built_are_not_discovered(tmp_path: Path) -> None:
    built = f"Resources:\n  A: {FUNCTION}\n"
    project = load(
        tmp_path, {"template.yaml": built, ".aws-sam/build/template.yaml": built, "src/app.py": ""}
    )
    assert [str(f.origin) for f in project.functions] == ["template.yaml:2"]


def test_a_name_from_the_folder(tmp_path: Path) -> None:
    root = tmp_path / "my shop (new)"
    project = load(root, {"functions/a/requirements.in": ""})
    assert project.settings.name == "my-shop-new"


def test_requirement_files_are_really_read(tmp_path: Path) -> None:
    write(tmp_path, {"functions/a/requirements.in": "Six>=1\n"})
    (function,) = load_project(tmp_path, today=TODAY).functions
    assert [(r.name, str(r.origin)) for r in function.requirements.requirements] == [
        ("six", "functions/a/requirements.in:1")
    ]


def test_wishes_for_layers_that_exclude_each_other_are_refused_before_anything_is_locked(
    tmp_path: Path,
) -> None:
    error = refused(
        tmp_path,
        {
            "layerforge.toml": """\
                template = "template.yaml"
                [plan]
                apart = [["numpy", "scipy"]]
                [plan.layers.data]
                distributions = ["scipy", "numpy"]
                """,
            "template.yaml": f"Resources:\n  Orders: {FUNCTION}\n",
        },
    )
    assert error.headline == (
        "layerforge.toml: plan.apart[0]: numpy and scipy are to be kept apart, "
        "and plan.layers.data.distributions puts both into one layer"
    )
