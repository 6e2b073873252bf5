from bench.mirror import BOTO3, MIRROR, Round, make_image, results_table
from retouch.imaging.inspect import inspect_image


def test_mirror_report_shows_medians_and_the_highest_peak() -> None:
    text = results_table(
        {
            MIRROR: [Round(3.0, 1.0, 90), Round(2.0, 2.0, 95), Round(9.0, 3.0, 80)],
            BOTO3: [Round(2.0, 1.0, 200)] * 3,
        }
    )
    assert "| mirror | 3.00 | 50 | 2.00 | 95 |" in text
    assert text.endswith("Ratio 1.50 (goal 1.3), peak 95 MB (goal 200).")


def test_mirror_bench_images_are_valid_jpegs_and_differ() -> None:
    first, second = make_image(0), make_image(1)
    assert first != second
    assert len(first) == len(second) == 1_500_000
    assert inspect_image(first).format == "jpeg"
