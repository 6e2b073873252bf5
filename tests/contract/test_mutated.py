"""Whatever stands in a field of a good answer: no picture is lost to a side fact, and no failure is taken for success.

One JSON value of one answer at a time is replaced; all other answers of the conversation stay good.
"""

import json
from dataclasses import replace
from itertools import count

import pytest

from retouch.faults import fault, told
from retouch.messages import Reply
from retouch.plan.connect import lone_target
from tests.contract.corridor import ask, house_of
from tests.contract.enrolled import PAID, failures_of, name_of, standin
from tests.contract.orders import Wanted
from tests.support.pictures import b64, hole, opened, photo
from tests.support.upstream import as_json

PAGE = b64(
    b"<html>We are sorry, but something went wrong.</html>" * 9
)  # a long text, and base64 too
OTHERS = (None, "", 0, [], {}, ["x", None, 3], PAGE)
# Where pictures lie, and what leads to them or says whether there are any; all else stands beside.
PICTURES = {"b64_json", "images", "image", "data", "sample", "output"}
LEADING = {
    "content",
    "finish_reason",
    "id",
    "polling_url",
    "request_id",
    "response_url",
    "result",
    "status",
    "status_url",
    "type",
}
# A model for each way of answering, with what the order has beside a picture and words.
CASES = {
    "openai": ("openai/gpt-image-2", {"n": 2}),
    "openai-stream": ("openai/gpt-image-2", {"stream": True, "partial_images": 1}),
    "azure-openai": ("azure-openai/gpt-image-2", {}),
    "stability-ai": ("stability-ai/image-to-image", {}),
    "stability-ai-later": ("stability-ai/replace-background-and-relight", {}),
    "bedrock": ("bedrock/inpaint", {"mask": True}),
    "google": ("google/gemini-nano-banana-2.1", {}),
    "vertex-ai": ("vertex-ai/gemini-nano-banana-2.1", {}),
    "fireworks-ai": ("fireworks-ai/flux-kontext-pro", {}),
    "segmind-text": ("segmind/qwen-image-edit", {}),
    "segmind-other": ("segmind/flux-fill-pro", {"mask": True}),
    "black-forest-labs": ("black-forest-labs/flux-kontext-pro", {}),
    "reka-ai": ("reka-ai/reka-flash", {}),
}
PROVIDERS = {provider.name: provider for provider in PAID}


def order_of(case):
    model, more = CASES[case]
    params = dict(more)
    n, mask = params.pop("n", 1), hole(96, 96) if params.pop("mask", False) else None
    return Wanted(case, model, (photo(96, 96),), mask, "make it magenta", n, params)


class Answers:
    """A stand-in's answers as documents, all good but for one change of one of them."""

    def __init__(self, server):
        self.good, server.respond = server.respond, self.respond
        self.documents = []  # of the conversation so far
        self.numbers, self.change = count(), None

    def again(self, change=None):
        """From the first answer on; a change is (number of the answer, path, value)."""
        self.documents, self.numbers, self.change = [], count(), change

    def respond(self, received):
        answer = self.good(received)
        document = read(answer)
        self.documents.append(document)
        number, path, value = self.change or (None, (), None)
        return (
            answer
            if next(self.numbers) != number
            else written(changed(document, path, value), answer)
        )


def read(answer):
    """The JSON of an answer; a list of it for events; nothing for a file."""
    if answer.pieces is not None:
        return [json.loads(piece.partition(b"data: ")[2]) for piece in answer.pieces]
    return json.loads(answer.body) if "json" in answer.headers["content-type"] else None


def written(document, answer):
    if answer.pieces is not None:
        answer.pieces = [b"data: %b\n\n" % json.dumps(event).encode() for event in document]
        return answer
    return as_json(document, answer.status)


def paths(value, path=()):
    """The path of every value inside, those of objects and lists too."""
    yield path
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for name, one in inner:
        yield from paths(one, (*path, name))


def changed(document, path, value):
    """A copy in which one value is another."""
    if not path:
        return value
    copy = document.copy()
    copy[path[0]] = changed(copy[path[0]], path[1:], value)
    return copy


def at(document, path):
    for name in path:
        document = document[name]
    return document


def named(path):
    return next((name for name in reversed(path) if isinstance(name, str)), "")


def needed(document, path):
    """Whether a change at the path may cost the picture."""
    leaves = [p for p in paths(document) if not isinstance(at(document, p), dict | list)]
    # An interim picture of a thinking model is none, and neither is a preview.
    leaves = [p for p in leaves if not aside(document, p)]
    hit = [p for p in leaves if p[: len(path)] == path]
    pictures = [p for p in leaves if named(p) in PICTURES]
    lost = bool(pictures) and all(p in hit for p in pictures)
    return lost or any(named(p) in LEADING for p in hit)


def aside(document, path):
    around = [at(document, path[:depth]) for depth in range(len(path))]
    marks = [one for one in around if isinstance(one, dict)]
    return any(one.get("thought") or "partial_image_index" in one for one in marks)


def complaint(outcome, order, may_fail):
    """What is wrong with an outcome, if anything."""
    if outcome.error is None:
        shown = [opened(data).size for data in outcome.pictures]
        enough = 1 if may_fail or order.n > 1 else order.n
        return "" if len(shown) >= enough else "a success without a picture"
    if outcome.error["code"] == "internal_error":
        return "our own failure"
    if outcome.headers["x-retouch-billed"] == "no":
        return "the order was answered, but is said to cost nothing"
    return "" if may_fail else f"the picture was lost: {outcome.error}"


def test_every_provider_is_mutated():
    assert {model.partition("/")[0] for model, _ in CASES.values()} == PROVIDERS.keys()


@pytest.mark.parametrize("case", CASES)
def test_any_value_of_an_answer_may_be_another(case):
    order = order_of(case)
    complaints = []
    with standin(PROVIDERS[order.model.partition("/")[0]]) as server:
        answers = Answers(server)
        outcome = ask(order, house=house_of(server))
        assert outcome.error is None
        documents = answers.documents
        assert any(document is not None for document in documents)
        changes = [(k, p) for k, d in enumerate(documents) if d is not None for p in paths(d)]
        for number, path in changes:
            for value in OTHERS:
                if answers_events(case) and not path:
                    continue
                answers.again((number, path, value))
                outcome = ask(order, house=house_of(server))
                wrong = complaint(outcome, order, needed(documents[number], path))
                if wrong:
                    complaints.append((number, path, value, wrong))
    assert complaints == []


def answers_events(case):
    """A list of events is no document, so it cannot be another as a whole."""
    return case.endswith("-stream")


# What tells one failure from another; what else stands in an error may be anything.
TELLING = {
    "code",
    "detail",
    "details",
    "error",
    "error_message",
    "errors",
    "fault",
    "faultstring",
    "innererror",
    "inner_error",
    "message",
    "msg",
    "name",
    "quotaId",
    "reason",
    "status",
    "type",
    "violations",
}
REFUSALS = [
    (provider, name, failure.answers[0])
    for provider in PAID
    for name, failure in failures_of(provider).items()
    if failure.answers[0].status >= 400
    and "json" in failure.answers[0].headers.get("content-type", "")
]


@pytest.mark.parametrize(("provider", "name", "answer"), REFUSALS, ids=name_of)
def test_any_value_of_an_error_may_be_another(provider, name, answer):
    target = replace(lone_target(provider), key="k", key_is_callers=True)
    document = json.loads(answer.body)
    whole = told(provider, reply_of(answer, document))
    for path in paths(document):
        for value in OTHERS:
            reply = reply_of(answer, changed(document, path, value))
            judged = fault(target, reply)
            assert judged.status >= 400, (path, value)
            assert str(judged), (path, value)
            assert {type(judged.code), type(judged.param)} <= {str, type(None)}, (path, value)
            if named(path) not in TELLING and path:
                assert told(provider, reply).kind == whole.kind, (path, value)


def reply_of(answer, document):
    return Reply(answer.status, answer.headers, json.dumps(document).encode())
