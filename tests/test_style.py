"""The sizes that files keep to, and the forms they do without."""

import ast

from sources import ROOT, modules, name_of, parse

LIBRARY = modules("paperlib")
REPRODUCTION = modules("reproduction")
NOTEBOOKS = modules("notebooks")
WORKFLOW = modules("workflow")
EVERYTHING = [*LIBRARY, *REPRODUCTION, *NOTEBOOKS, *WORKFLOW]
MAX_LINES, MAX_CLASS_LINES = 300, 200


def violations(find, paths):
    """What ``find`` reports on each file, files without violations left out."""
    assert paths
    return {name_of(path): wrong for path in paths if (wrong := find(path))}


def test_files_and_classes_are_short():
    def too_long(path):
        classes = [node for node in ast.walk(parse(path)) if isinstance(node, ast.ClassDef)]
        lengths = {node.name: node.end_lineno - node.lineno + 1 for node in classes}
        found = {name: length for name, length in lengths.items() if length > MAX_CLASS_LINES}
        num_lines = len(path.read_text().splitlines())
        return found | ({"lines": num_lines} if num_lines > MAX_LINES else {})

    assert violations(too_long, EVERYTHING) == {}


def test_docstrings_begin_with_one_sentence():
    def odd_docstring(path):
        docstring = ast.get_docstring(parse(path))
        if not docstring:
            return "no docstring"
        if ". " in docstring.splitlines()[0].replace("et al. ", ""):
            return "more than one"
        sentence = docstring.split("\n\n")[0].replace("\n", " ")
        return "" if sentence.endswith((".", ":", "``.")) else sentence

    assert violations(odd_docstring, [*LIBRARY, *REPRODUCTION, *WORKFLOW]) == {}


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


def test_no_literal_is_unpacked_where_it_stands():
    assert violations(lambda path: [*unpacked_literals(parse(path))], EVERYTHING) == {}


def test_unpacked_literals_are_found():
    code = "f(*(1, 2), *rest, **{'a': 1}, **more)\nx = [*[1], *y]\ny = {**{'a': 1}, **z}"
    assert sorted(unpacked_literals(ast.parse(code))) == [1, 1, 2, 3]


def test_no_globals():
    def uses(path):
        nodes = ast.walk(parse(path))
        return [
            node.lineno for node in nodes if isinstance(node, ast.Name) and node.id == "globals"
        ]

    assert violations(uses, EVERYTHING) == {}


def mirrored(path):
    """Where the tests of a module stand."""
    place = path.relative_to(ROOT)
    return ROOT / "tests" / place.parent / f"test_{place.name}"


def test_every_module_has_tests():
    public = [path for path in (*LIBRARY, *REPRODUCTION) if not path.name.startswith("_")]
    assert [name_of(path) for path in public if not mirrored(path).is_file()] == []


def test_tests_stand_where_their_module_does():
    def has_no_module(path):
        place = path.relative_to(ROOT / "tests")
        return not (ROOT / place.parent / place.name.removeprefix("test_")).is_file()

    tests = modules("tests/paperlib", "tests/reproduction")
    assert violations(has_no_module, [p for p in tests if p.name != "conftest.py"]) == {}
