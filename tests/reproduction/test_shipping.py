"""Encoders on their way from results into the package."""

import hashlib

import pytest
import torch
from sources import ROOT

from paperlib import files, pretrained
from paperlib.embeddings import PolicyEmbedder
from reproduction import comparison_files, listeners, publishing, results, shipping
from reproduction.comparisons import Choice

CARD = "\n".join(["above", *shipping.MARKS, "below\n"])


@pytest.fixture
def learned(comparison, tmp_path):
    """Folders of results and of a package, and the encoders of two seeds."""
    methods = comparison_files.METHODS
    choice = dict(zip(methods, (0.0, float("inf"), 0.1), strict=True))
    cases = [("weak", method, seed) for method in methods for seed in comparison.seeds]
    comparison.learn({case: Choice(choice[case[1]], 0.01, 20) for case in cases})
    measured = {f"weak {m} ratio, 1 episodes": [0.4, 0.5] for m in methods}
    measured |= {"weak Emb-Im, other weights ratio, 1 episodes": [0.0, 0.0]}
    values = {"measured": measured, "losses": comparison.learning_curves(["weak"], methods)}
    run = results.Run("table_9", {"x": 1})
    run.save(tmp_path / "table_9", values, seeds=comparison.seeds)
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights/README.md").write_text(CARD)
    return tmp_path / "table_9", comparison.folder, tmp_path / "weights"


def ship(learned, **changed):
    results_dir, encoders, weights = learned
    options = {"world": "toy", "seed": 5, "kinds": ["weak"], "weights": weights, **changed}
    return shipping.ship(results_dir, encoders, **options)


def test_encoders_go_with_their_provenance(learned):
    paths = ship(learned)
    stems = [path.relative_to(learned[2]).as_posix() for path in paths]
    assert stems == [f"toy/emb-{m}-weak.safetensors" for m in ("im", "id", "hyb")]
    original = PolicyEmbedder.load(learned[1] / "weak_Emb-Hyb_5.safetensors")
    shipped = PolicyEmbedder.load(paths[2])
    for name, tensor in original.state_dict().items():
        assert torch.equal(shipped.state_dict()[name], tensor)
    assert shipped.source["measured"] == {"ratio, 1 episodes": 0.5}
    kept = ("key", "data", "objective", "edges")
    assert [shipped.source[k] for k in kept] == [original.source[k] for k in kept]
    assert [shipped.source[k] for k in ("notebook", "seed", "split", "method")] == [
        "table_9",
        5,
        "weak",
        "Emb-Hyb",
    ]


def test_card_and_checksums(learned):
    ship(learned)
    text = " ".join((learned[2] / "README.md").read_text().split())
    assert text.startswith("above") and text.endswith("below")
    assert "| `toy/emb-hyb-weak` | hybrid, λ = 0.1 | 0.01 | 20 | 0.50 | – (–) | table_9," in text
    assert "| `toy/emb-id-weak` | identification |" in text
    for line in (learned[2] / "SHA256SUMS").read_text().splitlines():
        checksum, _, name = line.partition("  ")
        assert hashlib.sha256((learned[2] / name).read_bytes()).hexdigest() == checksum


def test_what_is_not_behind_the_results_is_refused(learned):
    with pytest.raises(ValueError, match=r"seed: .*table_9 has \[3, 5\], not 4"):
        ship(learned, seed=4)
    other = learned[1] / "weak_Emb-Id_5.safetensors"
    model = PolicyEmbedder.load(other)
    model.losses = model.losses + 1
    model.save(other)
    with pytest.raises(ValueError, match="weak Emb-Id 5 is not the one behind table_9"):
        ship(learned)
    assert not (learned[2] / "toy").exists()


def test_command_line_names_what_is_missing(tmp_path):
    options = ["--results", str(tmp_path), "--encoders", str(tmp_path)]
    with pytest.raises(SystemExit, match="no such file"):
        shipping.main([*options, "--world", "toy", "--seed", "0"])


def test_the_card_of_the_package_is_that_of_its_files():
    begin, end = shipping.MARKS
    text = (shipping.WEIGHTS / "README.md").read_text()
    assert text == publishing.between(text, (begin, end), shipping.table(shipping.WEIGHTS))


@pytest.mark.parametrize("weights", [shipping.WEIGHTS, ROOT / "paperlib/agents/weights"])
def test_checksums_are_those_of_the_files(weights):
    lines = (weights / shipping.CHECKSUMS).read_text().splitlines()
    listed = dict(reversed(line.split("  ")) for line in lines)
    there = {p.relative_to(weights).as_posix(): p for p in weights.rglob("*.safetensors")}
    assert there and listed == {name: files.file_checksum(path) for name, path in there.items()}


def test_shipped_encoders_are_those_of_the_published_runs():
    manifest = files.load_json(ROOT / "figures/manifest.json")["items"]
    for name in pretrained.names():
        if "/emb-" in name:
            source = pretrained.provenance(name)
            published = manifest[source["notebook"]]
            assert source["seed"] in published["seeds"]
            assert source["parameters"] == published["parameters"]


@pytest.mark.slow
def test_shipped_encoders_reach_their_numbers_on_test_episodes():
    """Population, episodes and splits are drawn anew from what the package holds."""
    source = pretrained.provenance("particleworld/emb-hyb-weak")
    names = ("episodes_per_edge", "num_validation", "num_test")
    run = listeners.make_run(
        source["seed"],
        population=pretrained.load(f"particleworld/population-{source['seed']}"),
        **{name: source["parameters"][name] for name in names},
    )
    for kind in ("weak", "strong"):
        rows = run.dataset.rows_on_edges(run.splits[kind].test)
        for method in ("im", "id", "hyb"):
            model = pretrained.load(f"particleworld/emb-{method}-{kind}")
            quality = listeners.quality(
                model.embed(run.dataset, rows),
                run.dataset.agents[rows],
                num_episodes=1,
                seed=source["seed"],
                max_per_agent=source["parameters"]["max_per_agent"],
            )
            assert quality["ratio"] == pytest.approx(model.source["measured"]["ratio 1"], abs=0.01)
