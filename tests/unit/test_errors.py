from __future__ import annotations

import inspect
import re

import pytest

from shipway import errors
from shipway.errors import ShipwayError, SpecError, SpecErrors


def drawn():
    """Read class → parent out of the drawing in the docstring."""
    parents, open_at = {}, {}
    for line in inspect.getdoc(errors).splitlines():
        found = re.match(r"^ {4}([│ ├└─]*)([A-Z]\w+)", line)
        if found:
            depth = len(found[1]) // 4
            parents[found[2]] = open_at.get(depth - 1)
            open_at[depth] = found[2]
    return parents


def real():
    classes = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, ShipwayError)]
    return {kind.__name__: kind.__base__.__name__ if kind is not ShipwayError else None for kind in classes}


def test_the_tree_in_the_docstring_is_the_real_tree():
    assert drawn() == real()


def test_an_error_says_what_was_wrong_and_what_to_do_and_carries_both():
    error = ShipwayError("The door is shut.", hint="Open it.", door="front")
    assert str(error) == "The door is shut. Open it."
    assert (error.message, error.hint, error.data) == ("The door is shut.", "Open it.", {"door": "front"})


@pytest.mark.parametrize(("key", "place"), [("", "m.yaml: is empty."), ("a.b", "m.yaml: a.b: is empty.")])
def test_a_spec_error_starts_with_its_place(key, place):
    assert str(SpecError(file="m.yaml", key=key, problem="is empty.")) == place


def test_spec_errors_hold_one_line_for_each():
    first = SpecError(file="a", key="x", problem="is missing.", hint="Add it.")
    second = SpecError(file="b", key="", problem="cannot be read.")
    both = SpecErrors([first, second])
    assert str(both) == "a: x: is missing. Add it.\nb: cannot be read."
    assert both.errors == (first, second)
