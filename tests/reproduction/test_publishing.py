"""What is published: files, a manifest, a page of numbers, claims in the README."""

import re

import pytest
from samples import squeezed

from paperlib import files
from reproduction import publishing, results, tables

BEGIN, END = publishing.CLAIMS_MARKS
README = f"before\n{BEGIN}\nold\n{END}\nafter"


@pytest.fixture
def readme(tmp_path):
    (tmp_path / "README.md").write_text(f"{README}\n")
    return tmp_path / "README.md"


def test_files_are_copied_with_checksums(results_dir, tmp_path):
    figures = tmp_path / "figures"
    tables.save_runs(results_dir / "table_9", "table_9", [{"seed": 0, "quantity": "x", "value": 1}])
    publishing.publish(results_dir, figures)
    entry = files.load_json(figures / "manifest.json")["items"]["table_9"]
    assert entry["parameters"] == {"count": 2}
    for name, checksum in entry["files"].items():
        assert files.file_checksum(figures / name) == checksum
    made = {"table_9.csv", "table_9.md", "table_9.tex", "table_9.png", "table_9_runs.csv"}
    assert made == set(entry["files"])


def test_page_of_numbers(results_dir, tmp_path):
    publishing.publish(results_dir, tmp_path / "figures")
    text = squeezed((tmp_path / "figures/README.md").read_text())
    assert "profile `laptop`" in text and re.findall("^## (.+)$", text, re.MULTILINE) == [
        "`figure_9`",
        "`table_9`",
    ]
    assert "| IICR, λ_1 | 0.45 | 0.50 [0.40, 0.60] | 5 | agrees |" in text
    assert "![table_9](table_9.png)" in text and "[table_9.tex](table_9.tex)" in text
    assert "](/" not in text and str(tmp_path) not in text


def test_page_links_to_the_notebooks_of_the_repository():
    entry = {"rows": [], "files": {}, "versions": {"commit": "abc"}}
    entry["machine"] = {"cores": 2, "cpu": "Z80"}
    manifest = {"profile": "long", "items": {"table_2": {**entry, "wall_time_seconds": 90}}}
    text = publishing.numbers_page(manifest, results.ROOT / "figures/long")
    assert "## [`table_2`](../../notebooks/table_2.ipynb)" in text
    assert "Commit `abc`, 1.5 min on 2 cores (Z80)." in text


def test_claims_go_to_the_readme(results_dir, tmp_path, readme):
    table = "| claim | verdict | evidence | runs |\n|---|---|---|---|\n| C1 | no | 0 of 4 | 5 |\n"
    (results_dir / "table_9/claims.md").write_text(table)
    publishing.publish(results_dir, tmp_path / "figures", readme)
    short = "| claim | verdict |\n|---|---|\n| C1 | no |"
    assert readme.read_text() == f"{README}\n".replace("old", short)
    assert (tmp_path / "figures/claims.md").read_text() == table


def test_claims_of_another_profile_are_not_published(results_dir, tmp_path, readme):
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures/claims.md").write_text("another\n")
    publishing.publish(results_dir, tmp_path / "figures", readme)
    assert "another" not in readme.read_text()


def test_publish_refuses_before_it_writes(results_dir, tmp_path, readme):
    readme.write_text("no marks\n")
    with pytest.raises(ValueError, match="must hold"):
        publishing.publish(results_dir, tmp_path / "figures", readme)
    assert not (tmp_path / "figures").exists()


def test_files_that_no_item_makes_any_more_are_deleted_and_no_others(results_dir, tmp_path):
    figures = tmp_path / "figures"
    publishing.publish(results_dir, figures)
    (figures / "mine.png").write_bytes(b"picture")
    (results_dir / "table_9").rename(results_dir / "table_8")
    (results_dir / "table_8/table_9.csv").rename(results_dir / "table_8/table_8.csv")
    publishing.publish(results_dir, figures)
    assert list(files.load_json(figures / "manifest.json")["items"]) == ["figure_9", "table_8"]
    there = {path.name for path in figures.iterdir()}
    made = {"table_8.csv", "table_9.md", "table_9.png", "table_9.tex"}
    assert there == made | {"README.md", "manifest.json", "mine.png"}


def test_publish_some_items_beside_the_others(results_dir, tmp_path, capsys):
    figures = tmp_path / "figures/long"
    command = ["--results", str(results_dir), "--to", str(figures), "--items"]
    publishing.main([*command, "table_9"])
    assert list(files.load_json(figures / "manifest.json")["items"]) == ["table_9"]
    assert (figures / "table_9.md").exists() and not list(figures.glob("figure_9*"))
    with pytest.raises(SystemExit, match="holds no results of table_8"):
        publishing.main([*command, "table_8"])
    results.Run("figure_9", {}).save(results_dir / "figure_9", {"rows": []}, seeds=[0])
    (results_dir / "figure_9/figure_9.png").write_bytes(b"picture")
    publishing.main([*command, "figure_9"])
    assert list(files.load_json(figures / "manifest.json")["items"]) == ["figure_9", "table_9"]
    (results_dir / "table_9/table_9.png").unlink()
    publishing.main([*command, "table_9"])
    there = {path.name for path in figures.iterdir()}
    assert "figure_9.png" in there and "table_9.png" not in there and "table_9.md" in there
    text = (figures / "README.md").read_text()
    assert "## `table_9`" in text and "## `figure_9`" in text
