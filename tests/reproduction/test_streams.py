"""The random streams of the reproduction."""

from reproduction.streams import Stream


def test_numbers_leave_room_for_pairs_of_particleworld():
    """They train on (seed, pair, attempt)."""
    assert min(Stream) >= 100
