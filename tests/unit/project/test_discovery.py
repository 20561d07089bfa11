from __future__ import annotations

from pathlib import Path

from layerforge.project.discovery import find_function_folders, find_templates, name_folders

SAM = "Resources: {A: {Type: AWS::Serverless::Function}}\n"


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_templates_nearest_first(tmp_path: Path) -> None:
    taken = ("template.yaml", "api.yml", "services/a/template.json", "infra/stack.template")
    passed = (
        ".aws-sam/build/template.yaml",
        "cdk.out/stack.template.json",
        "node_modules/x/template.yaml",
        ".hidden/template.yaml",
        "tests/template.yaml",
        "a/b/c/template.yaml",
        "packaged.yaml",
        "packaged-template.yml",
        "template-packaged.yaml",
        "notes.txt",
    )
    write(tmp_path, **dict.fromkeys((*taken, *passed), SAM))
    write(tmp_path, **{"config.yaml": "kind: Component\n", "services/package.json": "{}"})
    found = find_templates(tmp_path)
    assert found.paths == ("template.yaml", "api.yml", "infra/stack.template", "services/a/template.json")
    assert set(found.looked_at) == {*found.paths, "config.yaml", "services/package.json"}


def test_a_template_yaml_of_something_else(tmp_path: Path) -> None:
    write(tmp_path, **{"template.yaml": "apiVersion: scaffolder\nkind: Template\n"})
    assert find_templates(tmp_path).paths == ()


def test_function_folders(tmp_path: Path) -> None:
    write(
        tmp_path,
        **{
            "functions/orders/requirements.in": "",
            "functions/billing/pyproject.toml": "",
            "functions/plain/app.py": "",
            "functions/__pycache__/requirements.txt": "",
            "lambdas/auth/requirements.txt": "",
            "lambda/one/pylock.toml": "",
            "src/shop/__init__.py": "",
            "src/job/requirements.txt": "",
            "other/x/requirements.txt": "",
        },
    )
    assert find_function_folders(tmp_path) == (
        "functions/billing",
        "functions/orders",
        "lambdas/auth",
        "lambda/one",
        "src/job",
    )


def test_names_of_folders() -> None:
    folders = ("functions/orders", "lambdas/Orders", "functions/my function", "src/übung", "src/é")
    assert name_folders(folders) == [
        ("functions-orders", "functions/orders"),
        ("lambdas-Orders", "lambdas/Orders"),
        ("my-function", "functions/my function"),
        ("bung", "src/übung"),
        ("function", "src/é"),
    ]
