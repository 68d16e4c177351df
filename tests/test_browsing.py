"""How tests find a browser."""

import browsing
import pytest


@pytest.fixture
def path(tmp_path, monkeypatch):
    """The only folder on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("PAPERLIB_NEEDS_BROWSER", raising=False)
    return tmp_path


@pytest.mark.parametrize("name", ["chromium", "google-chrome"])
def test_a_browser_is_found(path, name):
    (path / name).touch(mode=0o755)
    assert browsing.find() == str(path / name)


def test_where_there_is_none_tests_are_skipped_unless_one_is_needed(path, monkeypatch):
    assert browsing.find() is None
    monkeypatch.setenv("PAPERLIB_NEEDS_BROWSER", "1")
    with pytest.raises(RuntimeError, match="PATH has none of"):
        browsing.find()
