from bench.mirror import BOTO3, MIRROR, Round, picture, report
from retouch.pixels.inspect import inspect


def test_the_table_holds_medians_and_the_highest_peak() -> None:
    text = report(
        {
            MIRROR: [Round(3.0, 1.0, 90), Round(2.0, 2.0, 95), Round(9.0, 3.0, 80)],
            BOTO3: [Round(2.0, 1.0, 200)] * 3,
        }
    )
    assert "| mirror | 3.00 | 50 | 2.00 | 95 |" in text
    assert text.endswith("Ratio 1.50 (goal 1.3), peak 95 MB (goal 200).")


def test_pictures_are_pictures_and_no_two_are_the_same() -> None:
    first, second = picture(0), picture(1)
    assert first != second
    assert len(first) == len(second) == 1_500_000
    assert inspect(first).format == "jpeg"
