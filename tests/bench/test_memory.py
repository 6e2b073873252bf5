from bench import memory
from bench.memory import Case


def test_memory_table_shows_cpu_and_peak_of_a_worker_that_edits_an_image() -> None:
    row = memory.run([Case("a result as the original", "result.png", mask="")]).splitlines()[-1]
    label, cpu_seconds, peak_mb, mark = (cell.strip() for cell in row.strip("|").split("|"))
    assert label == "a result as the original"
    assert float(cpu_seconds) > 0
    assert 20 < int(peak_mb) <= memory.MAX_MB
    assert mark == "✓"


def test_memory_table_shows_the_status_of_a_refused_edit() -> None:
    case = Case("a model that does not exist", "result.png", "", {"model": "openai/none"})
    assert memory.run([case]).splitlines()[-1].endswith("| – | status 404 | ✗ |")
