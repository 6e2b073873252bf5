"""Links of the gateway's own: they work until their date, whatever signs what they lead to."""

import pytest

from retouch.errors import Gone, NotFound
from retouch.links import follow, links, token
from tests.support.door import edit, knock, png
from tests.support.events import event
from tests.support.house import Shelf, build_house
from tests.support.pictures import hole, photo

PEPPER, KEY, NOW = "pepper", "results/abc.png", 1_000


def sign(key, seconds):
    return f"https://bucket.example/{key}?for={seconds}"


def test_without_an_address_or_a_secret_the_bucket_signs():
    assert links("", PEPPER, NOW + 60, NOW, sign)(KEY) == sign(KEY, 60)
    assert links("https://gw.example", "", NOW + 60, NOW, sign)(KEY) == sign(KEY, 60)


def test_a_link_leads_to_a_fresh_one_until_its_date():
    link = links("https://gw.example/prod", PEPPER, NOW + 86_400, NOW, sign)(KEY)
    assert link.startswith("https://gw.example/prod/v1/files/")
    assert link.endswith(".png")
    found = link.rpartition("/")[2]
    assert follow(found, PEPPER, NOW, sign) == sign(KEY, 300)
    assert follow(found, PEPPER, NOW + 86_399, sign) == sign(KEY, 1)
    with pytest.raises(Gone):
        follow(found, PEPPER, NOW + 86_400, sign)


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "x",
        token(KEY, NOW + 60, "another pepper"),
        token("results/other.png", NOW + 60, PEPPER).partition(".")[0]
        + "."
        + token(KEY, NOW + 60, PEPPER).partition(".")[2],
        token(KEY, NOW + 60, PEPPER).replace(".", "", 1),
        "\u00e9",
        "\u00e9.\u00e9.png",
        "x.\ud800",
        token(KEY, NOW + 60, PEPPER).replace(".png", "\u00e9.png"),
        token(KEY, NOW + 60, PEPPER).replace(".", ".\u00e9", 1),
    ],
    ids=ascii,
)
def test_a_link_we_never_made_leads_nowhere(broken):
    with pytest.raises(NotFound):
        follow(broken, PEPPER, NOW, sign)


def test_without_a_pepper_no_link_is_ours():
    with pytest.raises(NotFound):
        follow(token(KEY, NOW + 60, ""), "", NOW, sign)


def test_through_the_door():
    shelf = Shelf()
    house = build_house({"RETOUCH_BUCKET": "b"}, bucket=shelf, secrets={"RETOUCH_PEPPER": PEPPER})
    fields = {"prompt": "p", "image": png(photo()), "mask": png(hole()), "response_format": "url"}
    direct = edit(fields, house=house)
    assert direct.json["data"][0]["url"].startswith("https://results.example/")

    house = build_house(
        {"RETOUCH_BUCKET": "b", "RETOUCH_BASE_URL": "https://gw.example/prod/"},
        bucket=shelf,
        secrets={"RETOUCH_PEPPER": PEPPER},
    )
    answer = edit(fields, house=house)
    url = answer.json["data"][0]["url"]
    assert url.startswith("https://gw.example/prod/v1/files/")
    assert "GMT" in answer.headers["x-retouch-url-expires"]
    path = url.removeprefix("https://gw.example/prod")
    followed = knock(event(method="GET", path=path), house=house)
    assert followed.status == 302
    assert followed.headers["location"] in shelf.kept
    for forgery in ("x.", ".\u00e9"):
        forged = knock(event(method="GET", path=path.replace(".", forgery, 1)), house=house)
        assert (forged.status, forged.json["error"]["code"]) == (404, "not_found")
