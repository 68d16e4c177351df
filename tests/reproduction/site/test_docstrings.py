"""Our docstrings as reStructuredText."""

import pytest

from reproduction.site import docstrings


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("plain, `name` and ``a | b *c``", "plain, `name` and ``a | b *c``"),
        ("what is *known* of it", "what is *known* of it"),
        ("e*, of agent i, and r* - r-", r"e\*, of agent i, and r\* - r-"),
        ("1/|e| Σ (*batch, D) -> (*batch, T)", r"1/\|e\| Σ (\*batch, D) -> (\*batch, T)"),
        ("two `ParallelEnv`s", r"two `ParallelEnv`\ s"),
        ("    num_agents: N.", r"    num_agents: \N."),
        ("    num_agents: N. At least two.", r"    num_agents: \N. At least two."),
        ("    method: how.", "    method: how."),
    ],
)
def test_what_looks_like_markup(line, expected):
    assert docstrings.escape(line) == expected


def test_tables():
    table = ["| a    | size |", "|------|------|", "| one  | 3    |", "|      | 4    |"]
    grid = docstrings.grid(table)
    assert grid[0] == "+-----+--------+" and grid[1] == "| a   | size   |"
    rows = [line for line in grid if line.startswith("|")]
    assert rows[1:] == ["| one | 3      |", "|     | 4      |"]


def test_cells_that_go_on():
    table = ["| a | what     | n |", "|---|----------|---|", "| x | position | 3 |"]
    table.append("|   | of it    |   |")
    assert "position of it" in docstrings.grid(table)[3]


def test_a_table_in_its_place():
    lines = ["Says |e|.", "", "| a |", "|---|", "| b |", "", "After."]
    made = list(docstrings.convert(lines))
    assert made[0] == r"Says \|e\|." and made[-2] == "After."
    assert made[3].startswith("+--") and made[2] == ""
