"""Checks of texts and metadata, at their limits and beyond."""

import pytest

from retouch.guardrails import Subject
from retouch.routing.problems import InvalidConfig

PAID = Subject("Sky", metadata={"plan": "paid", "team": "web"})


@pytest.mark.parametrize(
    ("name", "parameters", "prompt", "passes"),
    [
        ("characterCount", {"maxCharacters": 3}, "abc", True),
        ("characterCount", {"maxCharacters": 3}, "abcd", False),
        ("characterCount", {"minCharacters": 3}, "abc", True),
        ("characterCount", {"minCharacters": 3}, "ab", False),
        ("characterCount", {"minCharacters": 1, "maxCharacters": 3, "not": True}, "abc", False),
        ("characterCount", {"minCharacters": 1, "maxCharacters": 3, "not": True}, "abcd", True),
        ("wordCount", {"maxWords": 2}, " two\n words ", True),
        ("wordCount", {"maxWords": 2}, "three words now", False),
        ("wordCount", {"minWords": 2}, "one", False),
        ("contains", {"words": ["red", "blue"], "operator": "any"}, "so blue", True),
        ("contains", {"words": ["red", "blue"], "operator": "any"}, "so Blue", False),
        ("contains", {"words": ["rEd"], "ignoreCase": True}, "so REd", True),
        ("contains", {"words": ["STRASSE"], "ignoreCase": True}, "straße", True),
        ("contains", {"words": ["red", "blue"], "operator": "all"}, "so blue", False),
        ("contains", {"words": ["red", "blue"], "operator": "all"}, "blueish red", True),
        ("contains", {"words": ["red", "blue"], "operator": "none"}, "green", True),
        ("contains", {"words": ["red", "blue"], "operator": "none"}, "hundred", False),
        ("contains", {"words": ["red"], "operator": "none", "not": True}, "red", True),
        ("regexMatch", {"rule": r"\bred\b"}, "so red.", True),
        ("regexMatch", {"rule": r"\bred\b"}, "hundred", False),
        ("regexMatch", {"regex": r"\bred\b", "not": True}, "so red.", False),
        ("regexMatch", {"regex": r"\bred\b", "not": True}, "hundred", True),
    ],
)
def test_prompts(ask, name, parameters, prompt, passes):
    assert ask(name, parameters, Subject(prompt))["verdict"] is passes


@pytest.mark.parametrize(
    ("name", "parameters", "passes"),
    [
        ("requiredMetadataKeys", {"metadataKeys": ["plan", "team"]}, True),
        ("requiredMetadataKeys", {"metadataKeys": ["plan", "user"]}, False),
        ("requiredMetadataKeys", {"metadataKeys": ["plan", "user"], "operator": "any"}, True),
        ("requiredMetadataKeys", {"metadataKeys": ["user"], "operator": "any"}, False),
        ("requiredMetadataKeys", {"metadataKeys": ["user"], "operator": "none"}, True),
        ("requiredMetadataKeys", {"metadataKeys": ["plan", "x"], "operator": "none"}, False),
        ("metadata", {"pairs": {"plan": "paid", "team": "web"}}, True),
        ("metadata", {"pairs": {"plan": "free", "team": "web"}}, False),
        ("metadata", {"pairs": {"plan": "free", "team": "web"}, "operator": "any"}, True),
        ("metadata", {"pairs": {"plan": "paid"}, "not": True}, False),
        ("metadata", {"pairs": {"plan": "free"}, "operator": "none"}, True),
    ],
)
def test_metadata(ask, name, parameters, passes):
    assert ask(name, parameters, PAID)["verdict"] is passes


def test_what_is_missing_is_told(ask):
    data = ask("requiredMetadataKeys", {"metadataKeys": ["plan", "user"]}, PAID)["data"]
    assert data["missing_metadata_keys"] == ["user"]
    assert "plan, user" in data["explanation"]


def test_counts_and_words_are_told_and_the_prompt_is_not(ask):
    subject = Subject("my secret prompt")
    count = ask("wordCount", {"maxWords": 2}, subject)
    assert count["data"] == {
        "explanation": "The text has 3 words; it must have at most 2.",
        "wordCount": 3,
    }
    found = ask("contains", {"words": ["secret", "x"], "operator": "none"}, subject)
    assert found["data"]["foundWords"] == ["secret"]
    assert "prompt" not in str(found["data"]["foundWords"])


@pytest.mark.parametrize(
    ("name", "parameters", "verdict"),
    [
        ("contains", {"words": ["passport"], "operator": "none"}, False),
        ("contains", {"words": ["red", "passport"], "operator": "all"}, True),
        ("contains", {"words": ["red\nand"], "operator": "none"}, True),  # of two fields
        ("regexMatch", {"rule": "pass.?port", "not": True}, False),
        ("wordCount", {"maxWords": 4}, True),
        ("wordCount", {"maxWords": 3}, False),
        ("characterCount", {"maxCharacters": 18}, True),
        ("characterCount", {"maxCharacters": 17}, False),
    ],
)
def test_all_that_the_provider_reads_is_looked_at(ask, name, parameters, verdict):
    subject = Subject("red", words=("", "a passport", "sky"))
    assert ask(name, parameters, subject)["verdict"] is verdict


def test_a_request_without_a_prompt_has_other_words(ask):
    rule = {"words": ["cat"], "operator": "none"}
    assert ask("contains", rule, Subject("", words=("cat",)))["verdict"] is False


@pytest.mark.parametrize(
    "text",
    [
        "a pass\u200bport",
        "a pass\u00adport",
        "a p\u2060a\ufeffssport",
        "a ｐａｓｓｐｏｒｔ",
        "a p\u0338a\u0338ssport",
        "a pa\u0301ssport",
        "a pásspört",
        "a pass\U000e0070port",
        "a pass\ufe0fport",
        "a 𝐩𝐚𝐬𝐬𝐩𝐨𝐫𝐭",
        "a pass\x08port",
    ],
    ids=ascii,
)
@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("contains", {"words": ["passport"], "operator": "none"}),
        ("contains", {"words": ["pass\u00adport"], "operator": "none"}),
        ("contains", {"words": ["PÁSSPORT"], "operator": "none", "ignoreCase": True}),
        ("regexMatch", {"rule": "(?i)PASSPORT", "not": True}),
    ],
)
def test_words_cannot_be_hidden(ask, name, parameters, text):
    assert ask(name, parameters, Subject(text))["verdict"] is False


@pytest.mark.parametrize("text", ["café", "cafe\u0301", "ca\u200bfe\u0301", "ｃａｆé"], ids=ascii)
@pytest.mark.parametrize("written", ["café", "cafe\u0301"], ids=ascii)
def test_accents_are_found_however_either_side_writes_them(ask, text, written):
    for name, parameters in (("contains", {"words": [written]}), ("regexMatch", {"rule": written})):
        assert ask(name, parameters, Subject(text))["verdict"] is True


@pytest.mark.parametrize("hidden", ["\u200b", "\u00ad", "\u0301"], ids=ascii)
def test_hidden_characters_can_be_looked_for(ask, hidden):
    rules = (
        ("contains", {"words": [hidden], "operator": "none"}),
        ("regexMatch", {"rule": f"[{hidden}]", "not": True}),
    )
    for name, parameters in rules:
        assert ask(name, parameters, Subject("sky"))["verdict"] is True
        assert ask(name, parameters, Subject(f"s{hidden}ky"))["verdict"] is False


def test_a_pattern_is_tried_on_the_whole_text_or_not_at_all(ask):
    rule = {"rule": "gun$", "not": True}
    whole = ask("regexMatch", rule, Subject("x" * 31_996, words=("y" * 8_000 + "gun",)))
    assert (whole["verdict"], whole["error"]) == (False, None)
    for text in ("x" * 40_000 + "g", "\ufdfa" * 3_000):  # which is short for 18 letters
        late = ask("regexMatch", rule, Subject(text))
        assert late["verdict"] is False
        assert "at most 40000 characters" in late["error"]["message"]


@pytest.mark.parametrize(
    ("name", "parameters", "said"),
    [
        ("characterCount", {}, "needs minCharacters or maxCharacters"),
        ("wordCount", {"minWords": 3, "maxWords": 2}, "minWords must not be above maxWords"),
        ("wordCount", {"minWords": -1}, "must be from 0"),
        ("wordCount", {"maxWords": "3"}, "must be a number"),
        ("contains", {"operator": "none"}, "words must be 1 to 200 texts"),
        ("contains", {"words": ["a", ""]}, "words must be 1 to 200 texts"),
        ("contains", {"words": ["a"] * 201}, "words must be 1 to 200 texts"),
        ("contains", {"words": ["a" * 201]}, "of 1 to 200 characters"),
        ("contains", {"words": "gun"}, "must be a list of texts"),
        ("contains", {"words": ["a"], "operator": "some"}, "must be one of any, all, none"),
        ("regexMatch", {}, "needs 'rule'"),
        ("regexMatch", {"rule": "a", "regex": "b"}, "needs 'rule'"),
        ("regexMatch", {"rule": "("}, "rule is not a valid pattern"),
        ("regexMatch", {"rule": r"(a)\1"}, "is not offered"),
        ("requiredMetadataKeys", {}, "metadataKeys must be 1 to 200 texts"),
        ("metadata", {}, "pairs must be an object of texts"),
        ("metadata", {"pairs": {"a": 1}}, "pairs must be an object of texts"),
    ],
)
def test_parameters_that_make_no_sense(ask, name, parameters, said):
    with pytest.raises(InvalidConfig) as refused:
        ask(name, parameters)
    assert said in str(refused.value)
