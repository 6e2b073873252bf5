import pytest

from retouch.core.credentials.sealed_text import open_text, seal_text


def test_sealed_text_is_opened_with_its_context_and_pepper():
    sealed = seal_text("whsec_ä", "we_1", "pepper")
    assert "whsec" not in sealed
    assert open_text(sealed, "we_1", "pepper") == "whsec_ä"


def test_same_text_is_sealed_differently_each_time():
    assert seal_text("a", "we_1", "pepper") != seal_text("a", "we_1", "pepper")


@pytest.mark.parametrize(
    ("context", "pepper"), [("we_2", "pepper"), ("we_1", "other")], ids=["context", "pepper"]
)
def test_text_with_another_context_or_pepper_cannot_be_opened(context, pepper):
    sealed = seal_text("a", "we_1", "pepper")
    with pytest.raises(ValueError, match="cannot be opened"):
        open_text(sealed, context, pepper)


@pytest.mark.parametrize("sealed", ["", "!", "QUJD", "A" * 80])
def test_changed_text_cannot_be_opened(sealed):
    with pytest.raises(ValueError, match="cannot be opened"):
        open_text(sealed, "we_1", "pepper")
