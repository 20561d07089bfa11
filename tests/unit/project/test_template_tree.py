from __future__ import annotations

from pathlib import Path

import pytest

from layerforge.errors import ConfigError
from layerforge.model.finding import Finding, Severity
from layerforge.project.template_tree import TemplateTree, unique_names

FUNCTION = "{Type: 'AWS::Serverless::Function', Properties: {CodeUri: src, Runtime: python3.13}}"


def application(location: str, parameters: str = "{}") -> str:
    properties = f"{{Location: {location}, Parameters: {parameters}}}"
    return f"{{Type: 'AWS::Serverless::Application', Properties: {properties}}}"


def read(root: Path, templates: dict[str, str], *paths: str) -> TemplateTree:
    for name, text in templates.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    tree = TemplateTree(root=root)
    for path in paths:
        tree.add(path)
    return tree


def named(tree: TemplateTree) -> list[tuple[str, str]]:
    return [(name, str(located.function.origin)) for name, located in unique_names(tree.functions)]


def passed_over(name: str, line: int, reason: str) -> Finding:
    return Finding(
        severity=Severity.NOTE,
        code="nested-application",
        subject=name,
        sentence=f"the nested application {name} is passed over: {reason}",
        where=f"template.yaml:{line}",
    )


def test_nested_applications_are_followed(tmp_path: Path) -> None:
    tree = read(
        tmp_path,
        {
            "template.yaml": f"Resources:\n  A: {FUNCTION}\n  App: {application('apps/b.yaml')}\n",
            "apps/b.yaml": f"Resources:\n  B: {FUNCTION}\n  Deep: {application('../c.yaml')}\n",
            "c.yaml": f"Resources:\n  C: {FUNCTION}\n",
        },
        "template.yaml",
    )
    assert [(f.function.logical_id, f.function.source, f.function.application) for f in tree.functions] == [
        ("A", "src", ()),
        ("B", "apps/src", ("App",)),
        ("C", "src", ("App", "Deep")),
    ]
    assert (tree.files, tree.top_templates) == (["template.yaml", "apps/b.yaml", "c.yaml"], ["template.yaml"])


def test_what_cannot_be_followed_is_told(tmp_path: Path) -> None:
    tree = read(
        tmp_path,
        {
            "template.yaml": "Resources:\n"
            f"  Self: {application('template.yaml')}\n"
            f"  Gone: {application('gone.yaml')}\n"
            f"  Built: {application('.aws-sam/build/x.yaml')}\n"
            f"  Far: {application('https://me:hunter2@apps.example/x.yaml')}\n"
            f"  Broken: {application('broken.yaml')}\n"
            f"  Open: {application('!Ref Where')}\n"
            f"  A: {FUNCTION}\n",
            "broken.yaml": "a: [\n",
            ".aws-sam/build/x.yaml": f"Resources: {{X: {FUNCTION}}}\n",
        },
        "template.yaml",
    )
    assert tree.findings == [
        passed_over("Self", 2, "template.yaml leads back to itself"),
        passed_over("Gone", 3, "there is no file gone.yaml; it may have to be built first"),
        passed_over("Built", 4, ".aws-sam/build/x.yaml lies in a build folder"),
        passed_over("Far", 5, "https://****@apps.example/x.yaml is not a file in this project"),
        passed_over(
            "Broken",
            6,
            "broken.yaml:2: it is neither YAML nor JSON that CloudFormation would read: "
            "did not find expected node content",
        ),
        passed_over("Open", 7, "!Ref Where is not a file in this project"),
    ]
    assert named(tree) == [("A", "template.yaml:8")]


def test_a_circle_of_two(tmp_path: Path) -> None:
    tree = read(
        tmp_path,
        {
            "template.yaml": f"Resources:\n  A: {FUNCTION}\n  App: {application('b.yaml')}\n",
            "b.yaml": f"Resources:\n  B: {FUNCTION}\n  Back: {application('template.yaml')}\n",
        },
        "template.yaml",
        "b.yaml",
    )
    assert named(tree) == [("A", "template.yaml:2"), ("B", "b.yaml:2")]


@pytest.mark.parametrize("order", [("template.yaml", "apps/b.yaml"), ("apps/b.yaml", "template.yaml")])
def test_a_template_that_is_named_and_nested_counts_once(tmp_path: Path, order: tuple[str, str]) -> None:
    function = FUNCTION.replace("python3.13", "!Ref Version")
    tree = read(
        tmp_path,
        {
            "template.yaml": f"Resources:\n  App: {application('apps/b.yaml', '{Version: python3.12}')}\n",
            "apps/b.yaml": f"Parameters: {{Version: {{Type: String}}}}\nResources:\n  B: {function}\n",
        },
        *order,
    )
    assert [(f.function.logical_id, f.function.runtime) for f in tree.functions] == [("B", "python3.12")]
    assert tree.top_templates == ["template.yaml"]


def test_one_logical_id_in_several_templates(tmp_path: Path) -> None:
    text = f"Resources:\n  Orders: {FUNCTION}\n"
    paths = ("template.yaml", "services/api/template.yaml", "services/jobs.yaml", "my app/template.yaml")
    tree = read(tmp_path, dict.fromkeys(paths, text), *paths)
    assert named(tree) == [
        ("Orders", "template.yaml:2"),
        ("services-api-Orders", "services/api/template.yaml:2"),
        ("services-jobs-Orders", "services/jobs.yaml:2"),
        ("my-app-Orders", "my app/template.yaml:2"),
    ]


def test_names_that_differ_in_case_alone_are_told_apart(tmp_path: Path) -> None:
    tree = read(
        tmp_path,
        {"a.yaml": f"Resources: {{orders: {FUNCTION}}}\n", "b.yaml": f"Resources: {{Orders: {FUNCTION}}}\n"},
        "a.yaml",
        "b.yaml",
    )
    assert [name for name, _ in named(tree)] == ["a-orders", "b-Orders"]


def test_one_template_nested_twice(tmp_path: Path) -> None:
    function = FUNCTION.replace("python3.13", "!Ref Version")
    tree = read(
        tmp_path,
        {
            "template.yaml": "Resources:\n"
            f"  New: {application('b.yaml', '{Version: python3.13}')}\n"
            f"  Old: {application('b.yaml', '{Version: python3.12}')}\n",
            "b.yaml": "Parameters: {Version: {Type: String}}\n"
            f"Resources:\n  B: {function}\n  C: {FUNCTION}\n",
        },
        "template.yaml",
    )
    assert [name for name, _ in named(tree)] == ["b-New-B", "C", "b-Old-B"]


def test_a_logical_id_that_would_be_a_path(tmp_path: Path) -> None:
    tree = read(tmp_path, {"a.yaml": f"Resources: {{'../../x': {FUNCTION}, '..': {FUNCTION}}}\n"}, "a.yaml")
    assert [name for name, _ in named(tree)] == ["x", "function"]


@pytest.mark.parametrize(
    ("content", "headline"),
    [
        (None, "t.yaml: the template cannot be read (No such file or directory)"),
        (b"a: \xff\n", "t.yaml: the template is not UTF-8"),
        (
            b"#" * 9_000_000,
            "t.yaml: a template of 9,000,000 bytes cannot be read (CloudFormation takes at most 1 MB)",
        ),
    ],
)
def test_files_that_are_no_templates(tmp_path: Path, content: bytes | None, headline: str) -> None:
    if content is not None:
        (tmp_path / "t.yaml").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        TemplateTree(root=tmp_path).add("t.yaml")
    assert caught.value.headline == headline


def test_a_loop_without_end(tmp_path: Path) -> None:
    items = ", ".join(f"'{n}'" for n in range(100))
    loop = (
        f"Fn::ForEach::A: [A, [{items}], {{Fn::ForEach::B: [B, [{items}], {{'F${{A}}${{B}}': {FUNCTION}}}]}}]"
    )
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, {"t.yaml": f"Resources:\n  {loop}\n"}, "t.yaml")
    assert caught.value.headline == "t.yaml: its Fn::ForEach give more resources than a template may have"
