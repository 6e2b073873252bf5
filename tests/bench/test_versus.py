import pytest

from bench import paths, versus


def make_record(**cpu_ms: float) -> dict[str, object]:
    return {
        name.replace("_", " "): {"cpu_ms": {"worker": ms, "front": 1.0}, "p50_ms": 2 * ms}
        for name, ms in cpu_ms.items()
    }


def test_versus_render_shows_the_ratio_of_the_working_tree_to_the_base() -> None:
    targets = make_record(base=2.0, working_tree=1.0)
    deployed = {
        name + versus.DEPLOYED_SUFFIX: value
        for name, value in make_record(base=2.0, working_tree=3.0).items()
    }
    starts = {name: {"ms": 100.0, "rss_mb": {"worker": 40.0}} for name in (*targets, *deployed)} | {
        "working tree": {"ms": 50.0, "rss_mb": {"worker": 30.0}}
    }
    cells = [{"label": "row", "targets": targets | deployed}]
    text = versus.render(cells, starts, "main")
    assert "| row | 0.50x | 0.50x | 1.50x | 1.50x |" in text
    assert "| process start to first edit | 0.50x | 1.00x |" in text
    assert "| memory after it | 0.75x | 1.00x |" in text


def test_versus_exits_for_an_unknown_revision() -> None:
    with pytest.raises(SystemExit, match="git rev-parse"), versus.checkout("no-such-revision"):
        pass


def test_versus_checkout_is_removed_in_the_end() -> None:
    paths.create_folders()
    with versus.checkout("HEAD") as folder:
        assert (folder / "template.yaml").exists()
    assert not folder.exists()
