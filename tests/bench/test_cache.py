from bench.cache import BOTH, HIT, KEY, READ, measured, namer, report
from bench.images import picture


def test_the_table_holds_medians_and_both_ratios() -> None:
    text = report({READ: [10.0, 8.0, 90.0], HIT: [12.0] * 3, KEY: [20.0] * 3, BOTH: [32.0] * 3})
    assert "| hit | 12.0 | 1.20 |" in text
    assert text.endswith("A hit is 1.20 of a plain read (goal 1.5), 3.20 with its name.")


def test_sides_take_turns_and_who_begins_changes() -> None:
    said: list[str] = []
    found = measured({name: lambda name=name: said.append(name) for name in "ab"}, 2)
    assert "".join(said[-4:]) in ("abba", "baab")
    assert [len(times) for times in found.values()] == [2, 2]


def test_the_name_is_the_gateways() -> None:
    one, other = picture(64, 10), picture(64, 11)
    assert namer(one)() == namer(one)() != namer(other)()
