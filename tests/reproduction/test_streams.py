"""The random streams of the reproduction."""

from reproduction.streams import Stream, device_source


def test_numbers_leave_room_for_pairs_of_particleworld():
    """They train on (seed, pair, attempt)."""
    assert min(Stream) >= 100


def test_a_device_other_than_the_cpu_is_recorded():
    assert device_source("cpu") == {}
    for device in ("cuda", "cuda:1"):
        assert device_source(device) == {"device": "cuda"}
