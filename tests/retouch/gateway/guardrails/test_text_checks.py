"""Tests of text and metadata checks, at their limits and beyond."""

import pytest

from retouch.gateway.config_reader import InvalidConfig
from retouch.gateway.guardrails.types import GuardrailInput

INPUT_WITH_METADATA = GuardrailInput("Sky", metadata={"plan": "paid", "team": "web"})


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
def test_text_check_of_prompt_gives_verdict(run_check, name, parameters, prompt, passes):
    assert run_check(name, parameters, GuardrailInput(prompt))["verdict"] is passes


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
def test_metadata_check_gives_verdict(run_check, name, parameters, passes):
    assert run_check(name, parameters, INPUT_WITH_METADATA)["verdict"] is passes


def test_failed_metadata_check_names_missing_keys(run_check):
    data = run_check(
        "requiredMetadataKeys", {"metadataKeys": ["plan", "user"]}, INPUT_WITH_METADATA
    )["data"]
    assert data["missing_metadata_keys"] == ["user"]
    assert "plan, user" in data["explanation"]


def test_check_data_holds_counts_and_words_but_not_the_prompt(run_check):
    subject = GuardrailInput("my secret prompt")
    count_check = run_check("wordCount", {"maxWords": 2}, subject)
    assert count_check["data"] == {
        "explanation": "The text has 3 words; it must have at most 2.",
        "wordCount": 3,
    }
    contains_check = run_check("contains", {"words": ["secret", "x"], "operator": "none"}, subject)
    assert contains_check["data"]["foundWords"] == ["secret"]
    assert "prompt" not in str(contains_check["data"]["foundWords"])


@pytest.mark.parametrize(
    ("name", "parameters", "verdict"),
    [
        ("contains", {"words": ["passport"], "operator": "none"}, False),
        ("contains", {"words": ["red", "passport"], "operator": "all"}, True),
        ("contains", {"words": ["red\nand"], "operator": "none"}, True),  # spans two fields
        ("regexMatch", {"rule": "pass.?port", "not": True}, False),
        ("wordCount", {"maxWords": 4}, True),
        ("wordCount", {"maxWords": 3}, False),
        ("characterCount", {"maxCharacters": 18}, True),
        ("characterCount", {"maxCharacters": 17}, False),
    ],
)
def test_text_check_reads_all_texts_sent_to_provider(run_check, name, parameters, verdict):
    subject = GuardrailInput("red", other_texts=("", "a passport", "sky"))
    assert run_check(name, parameters, subject)["verdict"] is verdict


def test_text_check_without_prompt_reads_other_texts(run_check):
    rule = {"words": ["cat"], "operator": "none"}
    assert run_check("contains", rule, GuardrailInput("", other_texts=("cat",)))["verdict"] is False


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
def test_word_disguised_with_unicode_is_found(run_check, name, parameters, text):
    assert run_check(name, parameters, GuardrailInput(text))["verdict"] is False


@pytest.mark.parametrize("text", ["café", "cafe\u0301", "ca\u200bfe\u0301", "ｃａｆé"], ids=ascii)
@pytest.mark.parametrize("written", ["café", "cafe\u0301"], ids=ascii)
def test_accented_word_matches_in_any_unicode_form(run_check, text, written):
    for name, parameters in (("contains", {"words": [written]}), ("regexMatch", {"rule": written})):
        assert run_check(name, parameters, GuardrailInput(text))["verdict"] is True


@pytest.mark.parametrize("hidden", ["\u200b", "\u00ad", "\u0301"], ids=ascii)
def test_hidden_character_can_be_searched_for(run_check, hidden):
    rules = (
        ("contains", {"words": [hidden], "operator": "none"}),
        ("regexMatch", {"rule": f"[{hidden}]", "not": True}),
    )
    for name, parameters in rules:
        assert run_check(name, parameters, GuardrailInput("sky"))["verdict"] is True
        assert run_check(name, parameters, GuardrailInput(f"s{hidden}ky"))["verdict"] is False


def test_pattern_check_of_too_long_text_fails(run_check):
    rule = {"rule": "gun$", "not": True}
    matched = run_check(
        "regexMatch", rule, GuardrailInput("x" * 31_996, other_texts=("y" * 8_000 + "gun",))
    )
    assert (matched["verdict"], matched["error"]) == (False, None)
    for text in ("x" * 40_000 + "g", "\ufdfa" * 3_000):  # one character that stands for 18 letters
        rejected = run_check("regexMatch", rule, GuardrailInput(text))
        assert rejected["verdict"] is False
        assert "at most 40000 characters" in rejected["error"]["message"]


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("characterCount", {}, "needs minCharacters or maxCharacters"),
        ("wordCount", {"minWords": 3, "maxWords": 2}, "minWords must not be above maxWords"),
        ("wordCount", {"minWords": -1}, "must be from 0"),
        ("wordCount", {"maxWords": "3"}, "must be a number"),
        ("contains", {"operator": "none"}, "words must be 1 to 200 strings"),
        ("contains", {"words": ["a", ""]}, "words must be 1 to 200 strings"),
        ("contains", {"words": ["a"] * 201}, "words must be 1 to 200 strings"),
        ("contains", {"words": ["a" * 201]}, "of 1 to 200 characters"),
        ("contains", {"words": "gun"}, "must be a list of strings"),
        ("contains", {"words": ["a"], "operator": "some"}, "must be one of any, all, none"),
        ("regexMatch", {}, "needs 'rule'"),
        ("regexMatch", {"rule": "a", "regex": "b"}, "needs 'rule'"),
        ("regexMatch", {"rule": "("}, "rule is not a valid pattern"),
        ("regexMatch", {"rule": r"(a)\1"}, "is not offered"),
        ("requiredMetadataKeys", {}, "metadataKeys must be 1 to 200 strings"),
        ("metadata", {}, "pairs must be an object of strings"),
        ("metadata", {"pairs": {"a": 1}}, "pairs must be an object of strings"),
    ],
)
def test_invalid_text_check_parameters_raise_invalid_config(run_check, name, parameters, message):
    with pytest.raises(InvalidConfig) as exc_info:
        run_check(name, parameters)
    assert message in str(exc_info.value)
