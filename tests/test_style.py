"""The sizes that files keep to, and the forms they do without."""

import ast

import pytest
from sources import ROOT, modules, name_of, parse

LIBRARY = modules("paperlib")
REPRODUCTION = modules("reproduction")
NOTEBOOKS = modules("notebooks")
WORKFLOW = modules("workflow")
EVERYTHING = [*LIBRARY, *REPRODUCTION, *NOTEBOOKS, *WORKFLOW]
MAX_LINES, MAX_CLASS_LINES = 300, 200
# Modules without a test file of their own, and the one that tests them
TESTED_ELSEWHERE = {}


def each(paths):
    return pytest.mark.parametrize("path", paths, ids=name_of)


@each(EVERYTHING)
def test_files_and_classes_are_short(path):
    assert len(path.read_text().splitlines()) <= MAX_LINES
    classes = [node for node in ast.walk(parse(path)) if isinstance(node, ast.ClassDef)]
    lengths = {node.name: node.end_lineno - node.lineno + 1 for node in classes}
    assert {name: n for name, n in lengths.items() if n > MAX_CLASS_LINES} == {}


@each([*LIBRARY, *REPRODUCTION, *WORKFLOW])
def test_docstrings_begin_with_one_sentence(path):
    docstring = ast.get_docstring(parse(path))
    assert docstring, "no docstring"
    sentence = docstring.split("\n\n")[0].replace("\n", " ")
    assert sentence.endswith((".", ":", "``.")), sentence
    assert ". " not in docstring.splitlines()[0].replace("et al. ", ""), "more than one"


def unpacked_literals(tree):
    """Lines with ``*(…)``, ``*[…]`` or ``**{…}``, which could stand there without."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Starred) and isinstance(node.value, ast.Tuple | ast.List):
            yield node.lineno
        elif isinstance(node, ast.keyword) and node.arg is None:
            if isinstance(node.value, ast.Dict):
                yield node.value.lineno
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if key is None and isinstance(value, ast.Dict):
                    yield value.lineno


@each(EVERYTHING)
def test_no_literal_is_unpacked_where_it_stands(path):
    assert list(unpacked_literals(parse(path))) == []


def test_unpacked_literals_are_found():
    code = "f(*(1, 2), *rest, **{'a': 1}, **more)\nx = [*[1], *y]\ny = {**{'a': 1}, **z}"
    assert sorted(unpacked_literals(ast.parse(code))) == [1, 1, 2, 3]


@each(EVERYTHING)
def test_no_globals(path):
    names = [node.id for node in ast.walk(parse(path)) if isinstance(node, ast.Name)]
    assert "globals" not in names


def mirrored(path):
    """Where the tests of a module stand."""
    place = path.relative_to(ROOT)
    return ROOT / "tests" / place.parent / f"test_{place.name}"


@each([path for path in (*LIBRARY, *REPRODUCTION) if not path.name.startswith("_")])
def test_every_module_has_tests(path):
    test = TESTED_ELSEWHERE.get(name_of(path))
    assert (ROOT / test if test else mirrored(path)).is_file()
    assert not (test and mirrored(path).is_file()), "no longer tested elsewhere alone"


@each([p for p in modules("tests/paperlib", "tests/reproduction") if p.name != "conftest.py"])
def test_tests_stand_where_their_module_does(path):
    place = path.relative_to(ROOT / "tests")
    module = ROOT / place.parent / place.name.removeprefix("test_")
    assert module.is_file() or name_of(path) in TESTED_ELSEWHERE.values()
