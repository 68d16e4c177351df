"""The embedding explorer: its points and episodes, and how it reacts to a reader."""

import base64
import io
import json
import re
from contextlib import closing

import mujoco
import numpy as np
import pytest
import torch
from browsing import Browser, needs_browser
from drawing import needs_opengl
from PIL import Image
from samples import make_dataset

from paperlib import streams
from paperlib.datasets import InteractionDataset
from paperlib.environments.particleworld import EPISODE_LENGTH, ParticleWorld
from paperlib.environments.robosumo import RoboSumo
from paperlib.environments.robosumo_models import make_spec
from reproduction.site import explorer

pytestmark = pytest.mark.xdist_group("explorer")  # they share a page, a browser and a match


def spread(places):
    """Distances between all pairs."""
    return np.linalg.norm(places[:, None] - places, axis=-1)


def test_pca_keeps_distances_of_what_has_three_dimensions(generator):
    turned = torch.linalg.qr(torch.randn(10, 10, generator=generator))[0][:3]
    vectors = torch.randn(40, 3, generator=generator) @ turned * 7 + 3
    maps = explorer.make_maps(vectors, perplexity=5.0, seed=0)
    assert maps["kept"] == pytest.approx(1)
    ratio = spread(maps["PCA"]) / (spread(vectors.numpy()) + np.eye(40))
    assert ratio[~np.eye(40, dtype=bool)] == pytest.approx(ratio[0, 1], rel=2e-3)


def test_maps_are_centred_and_as_large_as_each_other(generator):
    vectors = torch.randn(60, 8, generator=generator) + 5
    vectors[0] *= 100  # an outlier alone does not decide how large a map is
    maps = explorer.make_maps(vectors, perplexity=5.0, seed=0)
    assert 1 / 8 < maps["kept"] <= 1
    for name in ("PCA", "t-SNE"):
        assert maps[name].shape == (60, 3) and np.abs(maps[name].mean(0)).max() < 1e-3
        assert (np.linalg.norm(maps[name], axis=1) <= 1).sum() == 57


def test_t_sne_keeps_clusters_apart_and_repeats(generator):
    groups = torch.arange(60) % 3
    vectors = 20 * torch.eye(3)[groups] + torch.randn(60, 3, generator=generator)
    maps, same = (explorer.make_maps(vectors, perplexity=8.0, seed=1) for _ in range(2))
    np.testing.assert_array_equal(maps["t-SNE"], same["t-SNE"])
    near = explorer.nearest(torch.from_numpy(maps["t-SNE"]), 5)
    assert (groups[near] == groups[:, None]).float().mean() > 0.99


def test_nearest_is_what_all_distances_say(generator):
    vectors = torch.randn(30, 4, generator=generator)
    distances = spread(vectors.numpy()) + 1e9 * np.eye(30)
    np.testing.assert_array_equal(explorer.nearest(vectors, 3), distances.argsort(1)[:, :3])


@pytest.mark.parametrize("dynamics", ["mpe2", "2018"])
def test_particle_episodes_are_the_true_ones(generator, dynamics):
    world = ParticleWorld(50, generator=generator, dynamics=dynamics)
    seen, places, rewards = [world.reset().listener], [world.state.position], []
    messages = torch.randint(2, (EPISODE_LENGTH, 50, 3), generator=generator).float()
    for message in messages:
        kinds = torch.randint(5, (50,), generator=generator)
        observations, reward = world.step(message, torch.nn.functional.one_hot(kinds, 5).float())
        rewards.append(reward)
        seen.append(observations.listener)
        places.append(world.state.position)
    heard = torch.cat([torch.zeros(1, 50, 3), messages])
    for row in range(50):
        observations = torch.stack(seen[:-1])[:, row]
        found = explorer.particle_episode(
            observations, sum(reward[row].item() for reward in rewards)
        )
        start = places[0][row]
        true = torch.stack(places[:-1])[:, row] - start
        np.testing.assert_allclose(found["path"], true, atol=1e-3)
        np.testing.assert_allclose(
            found["landmarks"], world.state.landmarks[row] - start, atol=1e-3
        )
        assert found["target"] == world.state.target[row]
        words = ["".join(str(int(bit)) for bit in word[row]) for word in heard[:-1]]
        assert found["messages"] == words


@pytest.fixture(scope="module")
def match():
    """A match of agents 4 and 7 as a dataset holds it, and its states, (T, nq)."""
    env = RoboSumo([3], num_threads=1, auto_reset=False)
    rng, num_places = np.random.default_rng(0), env.physics.batch.model.nq
    seen, states, actions = [env.reset()], [env.state()[0]], []
    while len(actions) < 30 and env.playing.all():
        actions.append([rng.uniform(-1, 1, (1, 8)) for _ in range(2)])
        seen.append(env.step(actions[-1]).observations)
        states.append(env.state()[0])
    dataset = InteractionDataset.from_arrays(
        [[time[side][0] for time in seen[:-1]] for side in (0, 1)],
        [[time[side][0] for time in actions] for side in (0, 1)],
        [4, 7],
        partners=[7, 4],
        outcomes=[0, 0],
    )
    return dataset, np.array(states)[:-1, :num_places]


def test_matches_stand_as_they_were_fought(match):
    dataset, states = match
    steps = np.array([0, 7, 29])
    found = explorer.match_positions(dataset, 0, steps)
    np.testing.assert_allclose(found, states[steps], atol=1e-5)
    half = states.shape[1] // 2
    other = explorer.match_positions(dataset, 1, steps)  # the other one comes first
    np.testing.assert_array_equal(other, np.roll(found, half, axis=1))


def test_a_posed_model_gives_back_what_was_observed(match):
    dataset, _ = match
    model = make_spec().compile()
    data = mujoco.MjData(model)
    (data.qpos[:],) = explorer.match_positions(dataset, 1, np.array([20]))
    mujoco.mj_forward(model, data)
    env = RoboSumo([0], num_threads=1)
    env.reset()
    env.physics.batch.bind("qpos")[0] = data.qpos
    env.physics.batch.forward(np.array([0]))
    own, other = env._observe()
    poses = slice(0, 7 + 8)  # position, orientation, joint angles
    np.testing.assert_allclose(own[0, poses], dataset.observations[1, 20, poses], atol=1e-5)
    np.testing.assert_allclose(other[0, poses], dataset.observations[0, 20, poses], atol=1e-5)
    feet = [geom for geom in range(model.ngeom) if "tibia" in model.geom(geom).name]
    assert len(feet) == 8 and data.geom_xpos[feet, 2].min() > 0.5  # above the tatami


def test_neighbours_that_are_no_views_of_one_match_are_refused():
    with pytest.raises(ValueError, match="episodes 0 and 1 are not two views of one match"):
        explorer.match_positions(make_dataset(continuous=True), 0, np.array([0]))


def opened(film):
    """The picture that a page holds."""
    head, _, text = film.partition(",")
    assert head == "data:image/jpeg;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("RGB")).astype(int)


@needs_opengl
def test_film_of_a_match(match):
    with closing(explorer.Camera()) as camera:
        films = [explorer.match_episode(match[0], row, camera, num_frames=3) for row in range(2)]
    assert films[0]["times"] == [0.0, 0.7, 1.45] == films[1]["times"]
    pictures = [opened(film["film"]) for film in films]
    assert pictures[0].shape == (2 * 120 + 2, 2 * 160 + 2, 3)
    assert max(len(film["film"]) for film in films) < 20_000
    first, last = pictures[0][:120, :160], pictures[0][122:, :160]
    assert np.abs(first - last).mean() > 3  # something happened
    assert (pictures[0][124:, 164:] > 240).all()  # three pictures in four places
    places = []
    for picture in pictures:  # orange is whose view it is: the robots change places, not the scene
        red, green, blue = np.moveaxis(picture[:120, :160], -1, 0)
        masks = [(red > blue + 80) & (red > green + 30), blue > red + 50]
        assert min(mask.sum() for mask in masks) > 50
        places.append([np.argwhere(mask).mean(0) for mask in masks])
    np.testing.assert_allclose(places[0], places[1][::-1], atol=6)


HOSTILE = "</script><script>alert(1)</script><!--<b>&amp;"
METHODS = ("Emb-Im", "Emb-Id", "Emb-Hyb")


def picture(number):
    """A film that no other point has."""
    stream = io.BytesIO()
    Image.new("RGB", (32, 24), (8 * number, 40, 200 - 8 * number)).save(stream, "jpeg")
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"


def make_split(world, seed):
    """Twelve points of three agents, who never meet the same partner twice."""
    generator, count = streams.make_generator(seed, len(world)), 12
    agents, partners = torch.arange(count) % 3, 3 + torch.arange(count) // 3
    vectors = {m: torch.randn(count, 6, generator=generator) for m in METHODS}
    sumo = world == "RoboSumo"
    walk = torch.randn(25, 11, generator=generator)
    walk[:, 8:] = 1
    particle = explorer.particle_episode(walk, -1.0)
    return {
        "rows": list(range(count)),
        "num_test": 7,
        "agents": agents,
        "partners": partners,
        "outcomes": (agents - 1 if sumo else torch.full((count,), -128)),
        "returns": torch.arange(count) - 20.0 if not sumo else torch.full((count,), torch.nan),
        "lengths": 20 * (1 + torch.arange(count)),
        "methods": {
            m: {
                **explorer.make_maps(v, perplexity=3.0, seed=0),
                "ratio": 0.5,
                "neighbours": explorer.nearest(v, 2),
            }
            for m, v in vectors.items()
        },
        "episodes": [
            {"film": picture(k), "times": [0.0, 1.0]} if sumo else particle for k in range(count)
        ],
    }


def make_content():
    names = [f"agent {number}" for number in range(7)]
    names[1] = HOSTILE
    styles = {"RoboSumo": {"styles": list("aabbcca")}, "ParticleWorld": {}}
    return {
        "profile": "smoke",
        "commit": "unknown",
        "worlds": {
            world: {
                "names": names,
                **styles[world],
                "seed": 3,
                "splits": {k: make_split(world, n) for n, k in enumerate(("weak", "strong"))},
            }
            for world in styles
        },
    }


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / explorer.FILE_NAME
    path.write_text(explorer.make_page(make_content()))
    return path


def test_page_holds_everything_and_asks_for_nothing(page):
    text = page.read_text()
    found = re.search(r'<script type="application/json" id="content">(.*?)</script>', text, re.S)
    content = json.loads(found[1])
    assert content["profile"] == "smoke" and content["worlds"]["RoboSumo"]["names"][1] == HOSTILE
    assert content["worlds"]["RoboSumo"]["splits"]["weak"]["returns"] == [None] * 12
    assert text.count("<script") == 2 and "alert(1)</script>" not in text
    assert "default-src 'none'" in text  # the browser itself keeps it from asking
    assert not re.search(r"(src|href)\s*=\s*[\"']?(https?:)?//|url\(|@import|fetch\(", text)


@pytest.fixture(scope="module")
def window(tmp_path_factory):
    with closing(Browser(tmp_path_factory.mktemp("browser"), height=800)) as browser:
        calm = [{"name": "prefers-reduced-motion", "value": "reduce"}]
        browser.call("Emulation.setEmulatedMedia", features=calm)
        yield browser


@pytest.fixture
def reader(window, page):
    """A browser that has just opened the page; it must not complain of anything."""
    window.events.clear()
    window.open(page)
    window.wait("document.querySelectorAll('#facts dd').length === 4")
    yield window
    assert window.complaints() == []


def cloud(reader):
    """The cloud of points as drawn."""
    return reader.ask("document.querySelector('#cloud').toDataURL()")


def facts(reader):
    """What the page says of the episode: agent, partner, ending, part."""
    return reader.ask("[...document.querySelectorAll('#facts dd')].map(it => it.textContent)")


def choose(reader, name, value):
    reader.press(f'input[name="{name}"][value="{value}"]')


def find_point(reader, *, but=""):
    """Moves the mouse over the cloud, outwards, until a tip (another than ``but``) appears."""
    reader.middle("#cloud")
    left, top, width, height = reader.ask(
        "(box => [box.x, box.y, box.width, box.height])"
        "(document.querySelector('#cloud').getBoundingClientRect())"
    )
    lines = np.arange(top + 30, top + height - 60, 14), np.arange(left + 30, left + width - 30, 14)
    places = np.stack(np.meshgrid(*lines), axis=-1).reshape(-1, 2)
    away = np.linalg.norm(places - places.mean(0), axis=1)
    for y, x in places[away.argsort()].tolist():
        reader.mouse("Moved", x, y)
        tip = reader.ask("document.querySelector('#tip:not([hidden])')?.textContent")
        if tip and tip != but:
            return x, y, tip
    raise AssertionError("no point was found")


@needs_browser
def test_everything_that_can_be_chosen_changes_the_cloud(reader):
    options = {
        "world": ("ParticleWorld", "RoboSumo"),
        "split": ("strong", "weak"),
        "method": METHODS,
        "map": ("t-SNE", "PCA"),
        "colour": ("partner", "ending", "split", "style", "agent"),
    }
    for name, values in options.items():
        for value in values:
            before = cloud(reader)
            checked = reader.ask(f"document.querySelector('input[name={name}]:checked').value")
            choose(reader, name, value)
            assert (cloud(reader) != before) == (checked != value), (name, value)
            now = reader.ask(f"document.querySelector('input[name={name}]:checked').value")
            assert now == value
    assert METHODS[-1] in reader.ask("document.querySelector('#sentence').textContent")


@needs_browser
def test_pixels_have_the_colours_of_the_legend(reader):
    choose(reader, "colour", "ending")
    assert reader.ask("document.querySelector('#legend').innerText.split('\\n')") == [
        *("won", "drawn", "lost")
    ]
    reader.press("#next")
    reader.press("#next")
    assert facts(reader)[2].startswith("won")  # what is pinned never fades
    count = """(colour => { const it = document.querySelector('#cloud');
        const copy = new OffscreenCanvas(it.width, it.height);
        const pen = copy.getContext('2d', {willReadFrequently: true});
        pen.drawImage(it, 0, 0);
        const data = pen.getImageData(0, 0, it.width, it.height).data;
        let found = 0;
        for (let k = 0; k < data.length; k += 4)
          found += data[k + 3] > 50 && colour.every((c, m) => Math.abs(c - data[k + m]) < 40);
        return found; })"""
    assert reader.ask(f"{count}([0, 114, 178])") > 30  # won
    assert reader.ask(f"{count}([213, 94, 0])") > 30  # lost
    reader.press("#legend button:nth-child(1)")
    assert reader.ask(f"{count}([0, 114, 178])") > 30
    assert reader.ask(f"{count}([213, 94, 0])") == 0  # faded: only those who won stand out
    assert reader.ask("document.querySelector('#legend button').ariaPressed") == "true"
    reader.press("#legend button:nth-child(1)")
    assert reader.ask(f"{count}([213, 94, 0])") > 30


@needs_browser
def test_a_point_tells_of_its_episode_and_a_click_shows_it(reader):
    split = make_content()["worlds"]["RoboSumo"]["splits"]["weak"]
    names = make_content()["worlds"]["RoboSumo"]["names"]
    agent, partner, *_ = facts(reader)
    x, y, tip = find_point(reader, but=f"{agent} against {partner}: lost after 1.0 s")
    assert facts(reader)[:2] == [agent, partner]  # pinned is what was clicked, not what is below
    reader.click(x, y)
    agent, partner, ending, part = facts(reader)
    assert tip == f"{agent} against {partner}: {ending}"
    (k,) = (
        k
        for k, pair in enumerate(zip(split["agents"], split["partners"], strict=True))
        if [names[who] for who in pair] == [agent, partner]
    )
    assert reader.ask("document.querySelector('#stage img').src") == split["episodes"][k]["film"]
    assert reader.ask("document.querySelector('#stage img').naturalWidth") == 32
    ends = {1: "won", 0: "drawn", -1: "lost"}
    seconds = 0.05 * split["lengths"][k]
    assert ending == f"{ends[int(split['outcomes'][k])]} after {seconds:.1f} s"
    assert part == ("test, weak split" if k < 7 else "the encoder learned from it")
    reader.mouse("Moved", 3, 3)
    assert reader.ask("document.querySelector('#tip').hidden")


@needs_browser
def test_neighbours_lead_to_their_episodes(reader):
    before = facts(reader)
    near = make_content()["worlds"]["RoboSumo"]["splits"]["weak"]["methods"]["Emb-Hyb"]
    assert reader.ask("document.querySelectorAll('#neighbours button').length") == 2
    title = reader.ask("document.querySelector('#neighbours button').textContent")
    reader.press("#neighbours button")
    agent, partner, ending, _ = facts(reader)
    assert title == f"{agent} against {partner}: {ending}" and facts(reader) != before
    k = near["neighbours"][0][0]
    films = make_content()["worlds"]["RoboSumo"]["splits"]["weak"]["episodes"]
    assert reader.ask("document.querySelector('#stage img').src") == films[k]["film"]


@needs_browser
def test_dragging_turns_and_the_first_view_comes_back(reader):
    before, told = cloud(reader), facts(reader)
    x, y = reader.middle("#cloud")
    reader.drag(x, y, 90, -40)
    turned = cloud(reader)
    assert turned != before and facts(reader) == told
    reader.drag(x, y, 60, 0)
    assert cloud(reader) not in (before, turned)
    reader.press("#reset")
    reader.mouse("Moved", 3, 3)
    assert cloud(reader) == before


@needs_browser
@pytest.mark.parametrize(("right", "down", "axis"), [(80, 0, 1), (0, 80, 0)])
def test_a_drag_turns_about_an_axis_of_the_screen(reader, right, down, axis):
    """A drag to the right turns about the vertical, however the cloud was turned before."""
    x, y = reader.middle("#cloud")
    reader.drag(x, y, 60, 110)
    before = np.array(reader.ask("view.turn"))  # rows: right, up, to the reader
    reader.drag(x, y, right, down)
    after = np.array(reader.ask("view.turn"))
    np.testing.assert_allclose(after @ after.T, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(after[axis], before[axis], atol=1e-9)
    assert 0.7 < (after[1 - axis] * before[1 - axis]).sum() < 0.9  # cos 0.64
    nearest = before[2] * 0.5  # a point in front follows the mouse
    moved = (after - before) @ nearest
    assert moved[1 - axis] * (1 if right else -1) > 0.1


@needs_browser
def test_a_drag_is_no_click_wherever_it_ends(reader):
    told = facts(reader)
    x, y, tip = find_point(reader, but=f"{told[0]} against {told[1]}: {told[2]}")
    reader.mouse("Pressed", x, y, button="left", buttons=1, clickCount=1)
    for place in (x + 60, x):
        reader.mouse("Moved", place, y, buttons=1)
    reader.mouse("Released", x, y, button="left", clickCount=1)
    reader.mouse("Moved", x, y)
    assert reader.ask("document.querySelector('#tip').textContent") == tip  # it ended on the point
    assert facts(reader) == told


@needs_browser
def test_a_turn_by_hand_moves_points_as_a_ball_would(reader):
    reader.press("#legend button")
    x, y, tip = find_point(reader)
    reader.mouse("Moved", 3, 3)
    middle = reader.middle("#cloud")
    half_turn = np.pi / 0.008  # pixels
    reader.drag(*middle, half_turn, 0, steps=50)
    reader.drag(*middle, -half_turn, 0, steps=25)
    reader.mouse("Moved", x, y)
    assert reader.ask("document.querySelector('#tip').textContent") == tip


@needs_browser
def test_wheel_zooms(reader):
    before, (x, y) = cloud(reader), reader.middle("#cloud")
    reader.mouse("Wheel", x, y, deltaX=0, deltaY=-300)
    larger = cloud(reader)
    assert larger != before
    reader.mouse("Wheel", x, y, deltaX=0, deltaY=600)
    assert cloud(reader) not in (before, larger)
    reader.ask("new Promise(done => setTimeout(done, 300))")
    assert reader.ask("document.body.scrollHeight > innerHeight && scrollY === 0")


@needs_browser
def test_two_fingers_zoom_and_one_shows_an_episode(reader):
    before, (x, y) = cloud(reader), reader.middle("#cloud")

    def touch(kind, *places):
        points = [{"x": u, "y": v, "id": k} for k, (u, v) in enumerate(places)]
        reader.call("Input.dispatchTouchEvent", type=f"touch{kind}", touchPoints=points)

    told = facts(reader)
    touch("Start", (x - 30, y), (x + 30, y))
    for reach in (40, 60, 80):
        touch("Move", (x - reach, y), (x + reach, y))
    touch("End")
    assert cloud(reader) != before and facts(reader) == told
    u, v, tip = find_point(reader, but=f"{told[0]} against {told[1]}: {told[2]}")
    touch("Start", (u, v))
    touch("End")
    assert tip.startswith(" against ".join(facts(reader)[:2])) and facts(reader) != told


@needs_browser
def test_keys_turn_zoom_and_go_from_point_to_point(reader):
    reader.ask("document.querySelector('#cloud').focus()")
    pictures = [cloud(reader)]
    for key in ("ArrowLeft", "ArrowUp", "+"):
        reader.key(key, text="+" if key == "+" else "")
        pictures.append(cloud(reader))
    assert len(set(pictures)) == 4
    before = facts(reader)
    reader.key("n", "n")
    assert facts(reader) != before
    reader.key("p", "p")
    assert facts(reader) == before
    reader.press("#previous")
    assert facts(reader)[3] == "the encoder learned from it"  # the last one
    reader.press("#next")
    assert facts(reader) == before


@needs_browser
def test_around_the_point(reader):
    """Centred, the pinned point is in the middle, however far one zooms."""
    reader.press("#centre")
    x, y = reader.middle("#cloud")
    for _ in range(4):
        reader.mouse("Wheel", x, y, deltaX=0, deltaY=-300)
    reader.mouse("Moved", x + 1, y + 1)
    agent, partner, *_ = facts(reader)
    tip = reader.ask("document.querySelector('#tip:not([hidden])')?.textContent")
    assert tip.startswith(f"{agent} against {partner}")


@needs_browser
def test_particle_episodes_are_played(reader):
    choose(reader, "world", "ParticleWorld")
    stage = "document.querySelector('#stage canvas').toDataURL()"
    moment = "document.querySelector('#moment').textContent"
    last, pictures = reader.ask(moment), [reader.ask(stage)]
    assert last == "step 25"  # readers who want no motion see the whole way
    reader.ask("document.querySelector('#time').focus()")
    reader.key("Home")
    assert reader.ask(moment) == "step 1"
    pictures.append(reader.ask(stage))
    reader.press("#play")
    reader.wait(f"{moment} === 'step 6'")
    reader.press("#play")
    pictures.append(reader.ask(stage))
    assert len(set(pictures)) == 3
    stopped = reader.ask(moment)
    reader.ask("new Promise(done => setTimeout(done, 300))")
    assert reader.ask(moment) == stopped
    assert facts(reader)[2].startswith("−20")


@needs_browser
def test_names_are_text(reader):
    legend = reader.ask("[...document.querySelectorAll('#legend button')].map(b => b.textContent)")
    assert sorted(legend) == sorted([HOSTILE, "agent 0", "agent 2"])
    assert reader.ask("document.querySelectorAll('script').length") == 2


@needs_browser
def test_run_is_named_and_labels_are_there(reader):
    run = reader.ask("document.querySelector('#run').textContent")
    assert "profile smoke" in run and "seed 3 of Table 1" in run
    unnamed = """[...document.querySelectorAll('button, input, canvas[role]')].filter(it =>
        !(it.textContent.trim() || it.labels?.length || it.ariaLabel)).length"""
    assert reader.ask(unnamed) == 0
    assert reader.ask("document.querySelectorAll('fieldset legend').length") == 5
    assert reader.ask("document.querySelector('nav').hidden")  # no links outside the book


@needs_browser
def test_a_narrow_window_holds_it(reader):
    metrics = {"width": 400, "height": 800, "deviceScaleFactor": 2, "mobile": False}
    reader.call("Emulation.setDeviceMetricsOverride", **metrics)
    try:
        assert reader.ask("document.documentElement.scrollWidth") <= 400
        size = (
            "[document.querySelector('#cloud').width, document.querySelector('#cloud').clientWidth]"
        )
        reader.wait(f"(([inner, outer]) => inner === 2 * outer)({size})")  # as sharp as the screen
        x, y, tip = find_point(reader)
        reader.click(x, y)
        assert tip.startswith(" against ".join(facts(reader)[:2]))
    finally:
        reader.call("Emulation.clearDeviceMetricsOverride")


@needs_browser
def test_it_stays_sharp_where_only_the_density_changes(window, page):
    # Chromium emulates a density that changes alone, but tells no page of it: the test tells it.
    keep = """window.asked = []; const ask = matchMedia;
        matchMedia = (query) => (asked.push(ask(query)), asked.at(-1))"""
    kept = window.call("Page.addScriptToEvaluateOnNewDocument", source=keep)["identifier"]
    metrics = {"width": 400, "height": 800, "mobile": False}
    width = "document.querySelector('#cloud').width"
    try:
        window.call("Emulation.setDeviceMetricsOverride", deviceScaleFactor=1, **metrics)
        window.open(page)
        narrow = window.ask("document.querySelector('#cloud').clientWidth")
        for before, density in ((1, 2), (2, 3), (3, 1)):  # a window that goes from screen to screen
            window.call("Emulation.setDeviceMetricsOverride", deviceScaleFactor=density, **metrics)
            window.wait(f"devicePixelRatio === {density}")
            assert window.ask("asked.at(-1).media") == f"(resolution: {before}dppx)"
            window.ask("asked.at(-1).dispatchEvent(new Event('change'))")
            assert window.ask(width) == density * narrow
    finally:
        window.call("Emulation.clearDeviceMetricsOverride")
        window.call("Page.removeScriptToEvaluateOnNewDocument", identifier=kept)


@needs_browser
def test_points_glide_to_where_another_map_has_them(window, page, reader):
    choose(reader, "method", "Emb-Im")
    there = cloud(reader)
    window.call("Emulation.setEmulatedMedia", features=[])
    try:
        window.open(page)
        window.ask("performance.now = () => 0; window.waiting = []; 0")  # time stands still
        window.ask("window.requestAnimationFrame = (step) => waiting.push(step); 0")
        pictures = [cloud(window)]
        choose(window, "method", "Emb-Im")
        for milliseconds in (225, 500):
            window.ask(f"waiting.pop()({milliseconds})")
            pictures.append(cloud(window))
        assert len(set(pictures)) == 3 and pictures[-1] == there
        assert window.ask("waiting.length") == 0
    finally:
        calm = [{"name": "prefers-reduced-motion", "value": "reduce"}]
        window.call("Emulation.setEmulatedMedia", features=calm)
