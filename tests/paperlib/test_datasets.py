"""Datasets of episodes: what they take, what they refuse, what networks get."""

import numpy as np
import pytest
import torch

from paperlib import _dataset_checks, files
from paperlib.datasets import InteractionDataset
from paperlib.graphs import InteractionGraph


def make(**changed):
    """Two agents' four episodes of three steps, with some argument changed."""
    arguments = {
        "observations": np.arange(24.0).reshape(4, 3, 2),
        "actions": np.array([[0, 1, 2], [1, 1, 0], [2, 2, 2], [0, 0, 1]]),
        "agents": [7, 7, 2, 2],
    }
    return InteractionDataset.from_arrays(**arguments | changed)


def fields_of(data):
    return {name: value for name, value in vars(data).items() if isinstance(value, torch.Tensor)}


def test_fields_and_their_types():
    data = make(partners=[2, 2, 7, 7], returns=[1, 2, 3, 4], outcomes=[1, 0, 0, -1])
    types = {name: (value.dtype, tuple(value.shape)) for name, value in fields_of(data).items()}
    assert types == {
        "observations": (torch.float32, (4, 3, 2)),
        "actions": (torch.uint8, (4, 3)),
        "lengths": (torch.int64, (4,)),
        "agents": (torch.int64, (4,)),
        "partners": (torch.int64, (4,)),
        "returns": (torch.float32, (4,)),
        "outcomes": (torch.int8, (4,)),
    }
    assert data.partners.tolist() == [2, 2, 7, 7] and data.outcomes.tolist() == [1, 0, 0, -1]
    assert data.returns.tolist() == [1, 2, 3, 4]
    assert len(data) == 4 and data.agents.tolist() == [7, 7, 2, 2] and data.num_actions == 3
    assert (data.observation_size, data.action_size) == (2, 3)


def test_what_is_not_known():
    data = make()
    assert data.partners.tolist() == [-1] * 4 and data.outcomes.tolist() == [-128] * 4
    assert data.returns.isnan().all()


def test_episodes_of_different_lengths():
    data = InteractionDataset.from_arrays([[[1, 2]], [[3, 4], [5, 6]]], [[1], [0, 2]], [0, 1])
    assert data.lengths.tolist() == [1, 2]
    assert data.observations.tolist() == [[[1, 2], [0, 0]], [[3, 4], [5, 6]]]
    assert data.actions.tolist() == [[1, 0], [0, 2]]


def test_continuous_actions():
    data = make(actions=np.ones((4, 3, 5)))
    assert data.actions.dtype == torch.float32 and data.num_actions == 0 and data.action_size == 5


wrong_arguments = [
    ("observations", np.zeros((4, 3))),
    ("observations", np.zeros((0, 3, 2))),
    ("observations", []),
    ("observations", [np.zeros((3, 2))] * 3 + [np.zeros((3, 1))]),
    ("observations", np.full((4, 3, 2), np.nan)),
    ("observations", np.full((4, 3, 2), -np.inf)),
    ("observations", [[[1.0, 2.0], [1.0]]] * 4),
    ("observations", [[["a", "b"]] * 3] * 4),
    ("observations", [[["1", "2"]] * 3] * 4),
    ("observations", np.ones((4, 3, 2), complex)),
    ("observations", np.zeros((4, 3, 2), "datetime64[s]")),
    ("observations", np.ma.masked_greater(np.ones((4, 3, 2)), 0.5)),
    ("observations", [{}] * 4),
    ("actions", np.zeros((3, 3), int)),
    ("actions", np.zeros((4, 2), int)),
    ("actions", np.zeros((4, 3, 1), int)),
    ("actions", np.zeros((4, 3))),
    ("actions", np.zeros((4, 3, 2, 2))),
    ("actions", np.full((4, 3, 2), np.nan)),
    ("actions", np.full((4, 3, 2), 1e300)),
    ("actions", np.full((4, 3), -1)),
    ("actions", np.full((4, 3), 255)),
    ("actions", [[[1.0], [1.0, 2.0], [1.0]]] * 4),
    ("actions", [[["a"], ["b"], ["c"]]] * 4),
    ("agents", [0, 0, 1]),
    ("agents", [0, 0, -1, 1]),
    ("agents", [0.0, 0.0, 1.0, 1.0]),
    ("agents", np.full(4, 2**63, np.uint64)),
    ("partners", [0, 0, 1]),
    ("partners", [0, 0, -1, 1]),
    ("returns", [1.0, 2.0]),
    ("returns", [1.0, 2.0, 3.0, np.nan]),
    ("outcomes", [1, 0, 2, 1]),
    ("outcomes", [1, 0]),
    ("outcomes", [1, 0, np.nan, 1]),
    ("num_actions", 2.5),
    ("num_actions", 0),
    ("num_actions", True),
]


@pytest.mark.parametrize(("name", "value"), wrong_arguments)
def test_errors_name_the_argument(name, value, unchecked):
    with pytest.raises(ValueError, match=f"^{name}"):
        make(**{name: value})


def test_datasets_are_compared_by_identity():
    one, other = make(), make()
    assert one == one and one != other and len({one, other}) == 2


def test_tensors_with_gradients_are_taken():
    wanted = torch.ones(4, 3, 2, requires_grad=True)
    found = make(observations=wanted, returns=wanted[:, 0, 0])
    assert torch.equal(found.observations, torch.ones(4, 3, 2))
    assert torch.equal(found.returns, torch.ones(4))


def test_errors_name_the_episode():
    observations = np.zeros((4, 3, 2))
    observations[2, 1, 0] = np.nan
    with pytest.raises(ValueError, match="observations: episode 2"):
        make(observations=observations)
    actions = [np.zeros(3, int), np.zeros(3, int), np.zeros(3, int), np.zeros(2, int)]
    with pytest.raises(ValueError, match="actions: episode 3"):
        make(actions=actions)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("agents", [0, 0, -1, -2], "agents: ids must be integers >= 0, got -1 at index 2"),
        ("agents", [0, 0, 1.5, 1], "agents: ids must be integers >= 0, got float64"),
        ("partners", [-1, 0, 0, 1], "partners: ids must be integers >= 0, got -1 at index 0"),
        ("returns", [1, np.nan, 0, np.inf], "returns must be finite .*, got nan at index 1"),
        ("returns", [1, 2], r"returns must be 4 numbers, .* got shape \(2,\)"),
        ("outcomes", [1, 0, -1, 2], r"outcomes must be \+1 \(win\), .*, got 2 at index 3"),
        ("outcomes", [True, False, True, True], r"outcomes must be \+1 \(win\), .*, got bool"),
        ("actions", np.zeros((4, 3)), r"actions: episode 0 holds floats, has shape \(3,\) .*"),
        ("actions", np.zeros((4, 3), bool), r"actions: episode 0 holds bools, .*"),
        ("observations", np.zeros((4, 3)), r"observations must be .*, got \(3,\) in episode 0"),
        (
            "observations",
            [np.zeros((3, 2)), np.zeros((3, 1)), np.zeros((3, 2)), np.zeros((3, 1))],
            r"observations must be .*, got \(3, 2\) in episode 0 and \(3, 1\) in episode 1",
        ),
    ],
)
def test_errors_name_the_first_wrong_value(name, value, message, unchecked):
    with pytest.raises(ValueError, match=f"^{message}$"):
        make(**{name: value})


def test_actions_must_be_below_their_number():
    assert make(num_actions=5).action_size == 5
    with pytest.raises(ValueError, match=r"actions must lie in 0 to num_actions - 1 = 1 .* 0 to 2"):
        make(num_actions=2)


def test_batches_are_one_hot_and_masked(dataset):
    short = int(dataset.lengths.argmin())
    batch, length = dataset.batch(torch.tensor([[short]])), int(dataset.lengths[short])
    size = dataset.observations.shape[1]
    assert batch.observations.shape == (1, 1, size, 2) and batch.actions.shape == (1, 1, size, 3)
    assert (
        batch.step_weights[0, 0].tolist() == [1.0] * length + [0.0] * (size - length)
        and length < size
    )
    kinds = torch.eye(3)[dataset.actions[short, :length].long()]
    assert torch.equal(batch.actions[0, 0, :length], kinds)
    assert not batch.actions[0, 0, length:].any()


def test_batches_of_continuous_actions(continuous_dataset):
    batch = continuous_dataset.batch(torch.arange(4))
    assert torch.equal(batch.actions, continuous_dataset.actions[:4])
    assert torch.equal(batch.step_weights.sum(-1), continuous_dataset.lengths[:4].float())


def test_episodes_of_agents():
    order, starts, counts = make(agents=[7, 2, 7, 7]).episodes_of_agents()
    assert order.tolist() == [1, 0, 2, 3]
    assert starts.tolist() == [0, 1] and counts.tolist() == [1, 3]


def test_an_agent_with_too_few_episodes_is_named():
    data = make(agents=[7, 7, 3, 7])
    _dataset_checks.enough_episodes(data.agents, minimum=1)
    with pytest.raises(ValueError, match=r"agent 3 has 1 episode.* 2 are needed"):
        _dataset_checks.enough_episodes(data.agents, minimum=2)


def test_episodes_on_edges_from_either_side():
    data = make(agents=[0, 1, 0, 2], partners=[1, 0, 2, 1])
    graph = InteractionGraph.complete(3)
    assert data.on_edges(graph.with_edges([(0, 1)])).agents.tolist() == [0, 1]
    assert data.on_edges(graph).agents.tolist() == [0, 1, 0, 2]
    assert data.on_edges(graph.with_edges([(1, 2)])).partners.tolist() == [1]


def test_an_edge_without_episodes_is_named():
    data = make(agents=[0, 1, 0, 1], partners=[1, 0, 1, 0])
    with pytest.raises(ValueError, match=r"edge \(0, 2\)"):
        data.on_edges(InteractionGraph((0, 1, 2), ((0, 1), (0, 2))))
    with pytest.raises(ValueError, match=r"edge \(0, 1\)"):  # -1, not known, is nobody's number
        make(agents=[0, 0, 0, 0]).on_edges(InteractionGraph.complete(2))


def test_large_ids_cost_nothing():
    data = make(agents=[10**9, 0, 5, 5], partners=[0, 10**9, 0, 0])
    graph = InteractionGraph((0, 10**9), ((0, 10**9),))
    assert data.on_edges(graph).agents.tolist() == [10**9, 0]


def test_select_by_mask_and_by_index(dataset):
    chosen = dataset.select(dataset.agents == 2)
    assert chosen.agents.tolist() == [2, 2, 2] and chosen.num_actions == 3
    assert torch.equal(chosen.observations, dataset.select(torch.tensor([6, 7, 8])).observations)


def test_concatenation_joins_what_was_selected(dataset):
    parts = [dataset.select(dataset.agents == agent) for agent in range(4)]
    joined = InteractionDataset.concatenate(parts)
    for name, tensor in fields_of(dataset).items():
        assert torch.equal(getattr(joined, name), tensor), name


def test_concatenation_of_different_kinds(dataset, continuous_dataset):
    for datasets in ([dataset, continuous_dataset], []):
        with pytest.raises(ValueError, match="datasets: there must be at least one, all with"):
            InteractionDataset.concatenate(datasets)


def test_concatenation_of_other_lengths():
    long, short = (
        InteractionDataset.from_arrays(np.ones((2, t, 3)), np.ones((2, t), dtype=int), [0, 1])
        for t in (5, 2)
    )
    joined = InteractionDataset.concatenate([long, short])
    assert joined.lengths.tolist() == [5, 5, 2, 2]
    assert joined.observations.sum((1, 2)).tolist() == [15, 15, 6, 6]
    assert joined.first_steps(2).actions.shape == (4, 2)


def test_a_number_of_actions_for_floats():
    with pytest.raises(
        ValueError, match="num_actions is for integer actions; actions holds floats"
    ):
        InteractionDataset.from_arrays(
            np.ones((2, 3, 1)), np.ones((2, 3, 1)), [0, 1], num_actions=2
        )


@pytest.mark.parametrize("kind", ["dataset", "continuous_dataset"])
def test_a_dataset_outlives_its_file(kind, request, tmp_path):
    data = request.getfixturevalue(kind)
    data.save(tmp_path / "d.safetensors")
    again = InteractionDataset.load(tmp_path / "d.safetensors")
    assert again.num_actions == data.num_actions
    for name, tensor in fields_of(data).items():
        torch.testing.assert_close(getattr(again, name), tensor, rtol=0, atol=0, equal_nan=True)


def test_a_damaged_dataset_is_an_error(dataset, tmp_path):
    file = tmp_path / "d.safetensors"
    dataset.save(file)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"d\.safetensors is damaged"):
        InteractionDataset.load(file)


def test_a_file_without_a_dataset(tmp_path):
    files.save_tensors(tmp_path / "x.safetensors", {"agents": torch.zeros(1)}, {"num_actions": 1})
    with pytest.raises(ValueError, match=r"x\.safetensors holds no interaction dataset"):
        InteractionDataset.load(tmp_path / "x.safetensors")


def ragged():
    rows = [np.arange(2.0 * n).reshape(n, 2) + 100 * n for n in (3, 1, 5)]
    return InteractionDataset.from_arrays(rows, [r[:, :1] / 1000 for r in rows], [0, 1, 0])


def test_padding_takes_no_room_in_a_file(tmp_path):
    data = ragged()
    data.save(tmp_path / "d.safetensors")
    tensors, _ = files.load_tensors(tmp_path / "d.safetensors")
    assert tensors["observations"].shape == (9, 2) and tensors["actions"].shape == (9, 1)
    assert InteractionDataset.load(tmp_path / "d.safetensors").checksum() == data.checksum()


def with_partners(**changed):
    """Episodes of 3, 1 and 5 steps, whose partners see and do something of other sizes."""
    lengths = (3, 1, 5)
    steps = [np.arange(n) for n in lengths]
    arguments = {
        "partner_observations": [np.stack([n, -n, n], axis=1) for n in steps],
        "partner_actions": [n % 2 for n in steps],
        "num_partner_actions": 4,
    }
    rows = [np.ones((n, 2)) * np.arange(n)[:, None] for n in lengths]
    acts = [n.astype(float)[:, None] for n in steps]
    return InteractionDataset.from_arrays(rows, acts, [0, 1, 0], **arguments | changed)


def test_partners_are_seen_in_the_same_steps(generator):
    data = with_partners()
    for batch in (
        data.batch(torch.tensor([[2], [0]])),
        data.draw_steps(torch.tensor([[2], [0]]), 7, generator=generator),
        data.first_steps(2).select(torch.tensor([2, 0])).batch(torch.tensor([[0], [1]])),
    ):
        observed, acted = batch.partner
        assert torch.equal(observed[..., :2] * torch.tensor([1, -1]), batch.observations)
        assert acted.shape == (*batch.step_weights.shape, 4)
        assert torch.equal(acted.argmax(-1), batch.actions[..., 0].long() % 2)
        assert torch.equal(acted.sum(-1), (batch.step_weights > 0).float())
    assert make().batch(torch.arange(4)).partner is None


def test_partners_outlive_a_file_and_a_concatenation(tmp_path):
    data = with_partners()
    data.save(tmp_path / "d.safetensors")
    again = InteractionDataset.load(tmp_path / "d.safetensors")
    assert again.checksum() == data.checksum() != ragged().checksum()
    assert again.num_partner_actions == 4 and again.has_partner_steps
    joined = InteractionDataset.concatenate([again, data.select(torch.tensor([1]))])
    assert joined.partner_actions.shape == (4, 5)
    without = with_partners(
        partner_observations=None, partner_actions=None, num_partner_actions=None
    )
    with pytest.raises(ValueError, match="all or none with partners' steps"):
        InteractionDataset.concatenate([data, without])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("partner_observations", None),
        ("partner_actions", None),
        ("partner_observations", [np.zeros((2, 3))] * 3),
        ("partner_observations", [np.full((n, 3), np.nan) for n in (3, 1, 5)]),
        ("partner_actions", [np.full(n, 4) for n in (3, 1, 5)]),
        ("partner_actions", [np.zeros(2, int)] * 3),
    ],
)
def test_errors_name_the_partners_argument(name, value, unchecked):
    with pytest.raises(ValueError, match=f"{name}"):
        with_partners(**{name: value})


def test_errors_name_the_partners_episode():
    with pytest.raises(ValueError, match="episode 1 has 2 steps, but its observations have 1"):
        with_partners(partner_observations=[np.zeros((n, 3)) for n in (3, 2, 4)])
    with pytest.raises(ValueError, match="partner_observations: 2 episodes for 3 of observations"):
        with_partners(partner_observations=[np.zeros((n, 3)) for n in (3, 1)])


def test_first_steps():
    data = ragged()
    seen = data.first_steps(2)
    assert seen.lengths.tolist() == [2, 1, 2] and seen.observations.shape == (3, 2, 2)
    assert torch.equal(seen.observations, data.observations[:, :2])
    with pytest.raises(ValueError, match="num_time_steps"):
        data.first_steps(0)


def test_drawn_steps_are_steps_of_their_episode(generator):
    data = ragged()
    episodes = torch.tensor([[2, 1], [0, 2]])
    batch = data.draw_steps(episodes, 200, generator=generator)
    assert batch.observations.shape == (2, 2, 200, 2) and batch.actions.shape == (2, 2, 200, 1)
    for place in ((0, 0), (0, 1), (1, 0), (1, 1)):
        episode = int(episodes[place])
        real = data.observations[episode, : data.lengths[episode]]
        assert set(map(tuple, batch.observations[place].tolist())) == set(map(tuple, real.tolist()))
    torch.testing.assert_close(batch.actions[..., 0], batch.observations[..., 0] / 1000)


def test_drawn_steps_are_uniform_in_their_episode(generator):
    drawn = ragged().draw_steps(torch.arange(3), 3000, generator=generator).observations
    for episode, length in zip(drawn, (3, 1, 5), strict=True):
        _, counts = episode.unique(dim=0, return_counts=True)
        # 5 standard errors of a frequency are at most 5 * 0.5 / sqrt(3000) = 0.046
        expected = torch.full((length,), 1 / length)
        torch.testing.assert_close(counts / 3000, expected, rtol=0, atol=0.046)


def test_weights_of_drawn_steps_add_up_to_the_length(generator):
    data = ragged()
    batch = data.draw_steps(torch.arange(3), 7, generator=generator)
    torch.testing.assert_close(batch.step_weights.sum(-1), data.lengths.float())


def test_drawn_steps_of_categorical_actions(generator):
    data = InteractionDataset.from_arrays(
        [[[0.0], [1.0]], [[2.0]]], [[0, 1], [2]], [0, 1], num_actions=3
    )
    batch = data.draw_steps(torch.tensor([0, 1]), 50, generator=generator)
    assert torch.equal(batch.actions.argmax(-1), batch.observations[..., 0].long())
    assert (batch.actions.sum(-1) == 1).all()


def test_rows_on_edges_and_their_agents():
    data = InteractionDataset.from_arrays(
        np.zeros((6, 2, 1)),
        np.zeros((6, 2), dtype=int),
        [0, 1, 0, 2, 1, 2],
        partners=[1, 0, 2, 0, 2, 1],
    )
    rows = data.rows_on_edges(InteractionGraph((0, 1, 2), ((0, 1), (1, 2))))
    assert rows.tolist() == [0, 1, 4, 5]
    order, starts, counts = data.episodes_of_agents(rows)
    assert order.tolist() == [0, 1, 4, 5] and counts.tolist() == [1, 2, 1]
    assert starts.tolist() == [0, 1, 3]
    with pytest.raises(ValueError, match="agent 0 has 1 episode"):
        _dataset_checks.enough_episodes(data.agents[rows], minimum=2)
