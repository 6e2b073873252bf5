from bench.budgets import WITH, WITHOUT, measure, results_table


def test_budgets_report_shows_both_medians_and_what_budgets_add() -> None:
    report = results_table({WITHOUT: [1.0, 2.0, 3.0], WITH: [4.0, 6.0, 8.0]})
    assert f"| {WITHOUT} | 2.0 |" in report
    assert f"| {WITH} | 6.0 |" in report
    assert "Two budgets add 4.0 ms to an edit." in report


def test_budgets_measure_makes_orders_of_both_kinds(tmp_path) -> None:
    milliseconds = measure(str(tmp_path), 2)
    assert {name: len(times) for name, times in milliseconds.items()} == {WITHOUT: 2, WITH: 2}
