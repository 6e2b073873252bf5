import pytest

from retouch.core.settings import InvalidSetting, Settings
from retouch.webhooks.schedule import retry_pause
from tests.support.webhooks import SCHEDULE


def test_pauses_of_the_schedule_follow_the_number_of_failures():
    pauses = [retry_pause(n, SCHEDULE, None, 0.5) for n in range(1, 10)]
    assert pauses == [*SCHEDULE, None]


@pytest.mark.parametrize(("fraction", "pause"), [(0.0, 270), (1.0, 330)])
def test_pause_varies_by_ten_percent(fraction, pause):
    assert retry_pause(2, SCHEDULE, None, fraction) == pause


@pytest.mark.parametrize(
    ("retry_after", "pause"), [(600, 600), (10, 300), (1_000_000, 86_400), (0, 300)]
)
def test_later_time_of_the_receiver_wins_up_to_a_day(retry_after, pause):
    assert retry_pause(2, SCHEDULE, retry_after, 0.5) == pause


def test_receiver_cannot_prolong_a_schedule_that_is_over():
    assert retry_pause(2, (1,), 600, 0.5) is None


def test_schedule_is_read_from_text():
    settings = Settings.from_env({"RETOUCH_WEBHOOK_SCHEDULE": "1, 20,300"})
    assert settings.webhook_schedule == (1, 20, 300)


@pytest.mark.parametrize("text", ["a", "1,", "-1", "0", "1.5", "1 2", "604801", "٣"])
def test_text_that_is_no_schedule_stops_the_gateway(text):
    with pytest.raises(InvalidSetting, match="whole numbers"):
        Settings.from_env({"RETOUCH_WEBHOOK_SCHEDULE": text})
