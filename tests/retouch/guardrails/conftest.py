from dataclasses import dataclass, field

import pytest

from retouch.guardrails import Subject, Tools, judge, read


@dataclass
class Still:
    """A clock that advances only when it is told to."""

    seconds: float = 100.0

    def now(self):
        return self.seconds

    def unix(self):
        return 1_795_327_200


@dataclass
class Elsewhere:
    """What the tools were asked, and what they answer; an exception is raised."""

    webhook: object = b'{"verdict": true}'
    bedrock: object = field(default_factory=lambda: {"action": "NONE"})
    letters: list = field(default_factory=list)
    reviews: list = field(default_factory=list)
    clock: Still = field(default_factory=Still)

    def tools(self):
        return Tools(
            lambda letter: self.answer(self.letters, letter, self.webhook),
            lambda review: self.answer(self.reviews, review, self.bedrock),
            self.clock,
        )

    def answer(self, asked, question, answer):
        asked.append(question)
        self.clock.seconds += 0.25
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def elsewhere():
    return Elsewhere()


@pytest.fixture
def ask(elsewhere):
    """One check by its short form -> its result, in Portkey's form."""

    def ask(name, parameters, subject=None, where="input_guardrails"):
        found = read({where: [{name: parameters}]})
        subject = subject or Subject("Make the sky blue")
        report = judge(found.before + found.after, subject, elsewhere.tools())
        return report.results[0]["checks"][0]

    return ask
