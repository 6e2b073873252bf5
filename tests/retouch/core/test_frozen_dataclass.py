"""Tests of frozen_dataclass: the frozen dataclass of the standard library is the reference."""

import copy
import pickle
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import pytest

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.frozen_dataclass import replace as replace_fields


@frozen_dataclass
class Shape:
    """A class with every kind of field."""

    sides: int
    name: str = "square"
    key: str = field(default="k", repr=False)
    note: str = field(default="", compare=False)
    extra: Any = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reference:
    """The same class of the standard library."""

    sides: int
    name: str = "square"
    key: str = field(default="k", repr=False)
    note: str = field(default="", compare=False)
    extra: Any = field(default_factory=dict)


@frozen_dataclass(kw_only=True)
class KeywordShape:
    """A class whose fields are named by the caller."""

    sides: int
    name: str = ""

    def __repr__(self):
        return "a shape"


@frozen_dataclass
class Nothing:
    """A class without fields."""


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ((), {}),
        ((4,), {}),
        ((4, "x", "y", "z", ()), {}),
        ((4,), {"extra": ()}),
        ((), {"sides": 4, "note": "n"}),
        ((4,), {"sides": 4}),
        ((4,), {"colour": "red"}),
        ((4, "x", "y", "z", (), "more"), {}),
    ],
)
def test_initializer_accepts_the_values_that_a_dataclass_accepts(values, named):
    results: list[Any] = []
    for cls in (Shape, Reference):
        try:
            results.append(asdict(cls(*values, **named)))
        except TypeError as error:
            results.append(str(error).replace("Reference", "Shape"))
    assert results[0] == results[1]


def test_class_without_fields_takes_no_value():
    untyped: Any = Nothing
    assert Nothing() == Nothing()
    with pytest.raises(TypeError):
        untyped(1)


def test_initializer_is_generated_with_the_first_object_only():
    @frozen_dataclass
    class Late:
        """A class that no object was made of."""

        value: int

    before: Any = vars(Late)["__init__"]
    assert Late(1).value == 1
    first: Any = vars(Late)["__init__"]
    assert Late(2).value == 2
    assert before is not first
    assert vars(Late)["__init__"] is first


def test_subclass_without_decorator_is_initialized_like_its_base():
    class Named(Shape):
        """A subclass that adds no fields."""

    assert [Named(4, "x").name, Named(5, "y").name] == ["x", "y"]


def test_representation_equals_that_of_a_dataclass_and_hides_the_same_fields():
    representation = repr(Shape(4, key="secret", note="n"))
    expected = repr(Reference(4, key="secret", note="n"))
    assert representation == expected.replace("Reference", "Shape")
    assert "secret" not in representation


@pytest.mark.parametrize(
    "values",
    [{"sides": 5}, {"name": "x"}, {"key": "x"}, {"note": "x"}, {"extra": {"a": 1}}],
)
def test_two_objects_are_equal_as_two_of_a_dataclass_are(values):
    changed = {"sides": 4, **values}
    expected = Reference(4) == Reference(**changed)
    assert (Shape(4) == Shape(**changed)) is expected
    assert (Shape(4) != Shape(**changed)) is not expected


def test_object_is_equal_to_no_object_of_another_class():
    other: Any = Reference(4)
    assert Shape(4) != other
    assert Shape(4).__eq__(Reference(4)) is NotImplemented


def test_equal_objects_have_one_hash():
    shape, same = (Shape(4, note=note, extra=()) for note in ("", "other"))
    assert hash(shape) == hash(same)
    assert len({shape, same, Shape(5, extra=())}) == 2
    with pytest.raises(TypeError):
        hash(Shape(4))  # a dictionary has no hash


def test_functions_of_dataclasses_take_the_object():
    unknown: dict[str, Any] = {"colour": "red"}
    assert replace(Shape(4), name="rhombus") == Shape(4, "rhombus")
    assert asdict(Shape(4)) == asdict(Reference(4))
    assert [f.name for f in fields(Shape)] == [f.name for f in fields(Reference)]
    assert Shape.__match_args__ == Reference.__match_args__
    with pytest.raises(TypeError):
        replace(Shape(4), **unknown)


def test_object_has_slots_and_can_be_copied():
    assert not hasattr(Shape(4), "__dict__")
    assert copy.deepcopy(Shape(4)) == pickle.loads(pickle.dumps(Shape(4))) == Shape(4)


def test_default_of_one_object_is_not_shared():
    assert Shape(4).extra is not Shape(4).extra


def test_keyword_class_takes_no_positional_values_and_keeps_its_own_methods():
    untyped: Any = KeywordShape
    with pytest.raises(TypeError):
        untyped(4)
    assert repr(KeywordShape(sides=4)) == "a shape"
    assert KeywordShape(sides=4) == KeywordShape(sides=4, name="")


@pytest.mark.parametrize(
    "changes", [{}, {"sides": 5}, {"note": "n", "key": "x", "extra": None, "name": "y", "sides": 0}]
)
def test_replaced_fields_are_those_that_dataclasses_replaces(changes):
    shape, reference = Shape(4, note="m", extra=[1]), Reference(4, note="m", extra=[1])
    assert asdict(replace_fields(shape, **changes)) == asdict(replace(reference, **changes))
    assert asdict(shape) == asdict(reference)


def test_copy_has_the_same_field_values_as_objects():
    extra = [1]
    assert replace_fields(Shape(4, extra=extra), sides=5).extra is extra


def test_unknown_field_cannot_be_replaced():
    for _ in range(2):  # the first call generates the method
        with pytest.raises(TypeError, match="colour"):
            replace_fields(Shape(4), colour="red")


def test_fields_of_a_class_with_keywords_are_replaced():
    assert replace_fields(KeywordShape(sides=4), name="x").name == "x"
    assert isinstance(replace_fields(Nothing()), Nothing)
