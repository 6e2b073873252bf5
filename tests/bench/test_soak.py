import pytest

from bench import soak

MIB = 1 << 20


def test_soak_growth_is_the_slope_of_the_second_half() -> None:
    warm_up = [(100, 10.0), (200, 60.0)]
    samples = [*warm_up, (300, 80.0), (400, 80.0 + 100_000 / MIB)]
    assert soak.growth_bytes_per_request(samples) == pytest.approx(1000)


def test_soak_render_marks_growth_above_the_goal() -> None:
    flat = [(count, 70.0) for count in range(100, 500, 100)]
    assert "0 bytes per request (goal ≤ 256 ✓). 0 failed." in soak.render(flat, [])
    rising = [(count, count / 10) for count in range(100, 500, 100)]
    text = soak.render(rising, ["503 busy"])
    assert "✗" in text
    assert "1 failed, first: 503 busy" in text
