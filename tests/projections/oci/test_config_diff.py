"""Config differences: what is said of two configs is all that differs, and leads from one to the other and back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.oci.config import changed
from projections.oci.config_diff import ConfigDifference, change_to, differences, reverted

names = st.sampled_from(["A", "B", "C=D", ""])
texts = st.text(max_size=3)
named = st.dictionaries(names, texts, max_size=3)
variables = st.lists(st.sampled_from(["A=1", "A=2", "B=", "B", "=x", "C=1=2"]), max_size=3)
odd = st.one_of(st.none(), texts, st.booleans(), st.lists(st.integers(), max_size=2))
"""What no specification allows, and strangers' configs have."""
configs: Any = st.fixed_dictionaries({}, optional={
    "Env": variables | odd, "Labels": named | odd, "ExposedPorts": st.dictionaries(names, st.just({}), max_size=2) | odd,
    "Cmd": st.lists(texts, max_size=2) | odd, "User": texts, "Healthcheck": st.just({"Test": ["NONE"]}), "X-odd": odd,
})  # fmt: skip


@given(configs, configs)
def test_a_change_leads_to_the_wanted_config_to_the_letter(now: dict[str, Any], wanted: dict[str, Any]) -> None:
    change = change_to(now, wanted)
    assert (changed(now, change) if change is not None else now) == wanted
    assert change is None or not set(change.unset) & set(change.set or {})


@given(configs, configs)
def test_differences_are_the_same_both_ways(one: dict[str, Any], other: dict[str, Any]) -> None:
    there, back = list(differences(one, other)), list(differences(other, one))
    assert sorted(map(str, there)) == sorted(str(d._replace(before=d.after, after=d.before)) for d in back)
    assert not list(differences(one, one))
    assert all(text for found in there for _, text in found.lines())


@given(configs, configs)
def test_a_change_that_nothing_came_after_is_reverted_whole(before: dict[str, Any], after: dict[str, Any]) -> None:
    found = reverted(before, after, after)
    assert found.kept == []
    assert not [d for d in differences(before, found.config) if d.name is not None and {d.before, d.after} == {None}]
    again = reverted(before, after, found.config)
    assert list(differences(again.config, found.config)) == []


@pytest.mark.parametrize(
    ("before", "after", "letters", "lines"),
    [
        ({}, {"Env": ["A=a b"]}, "A", ["+ ENV A='a b'"]),
        ({"Env": ["A=1", "B=2"]}, {"Env": ["B=2", "A=1"]}, "C", ['- ENV ["A=1", "B=2"]', '+ ENV ["B=2", "A=1"]']),
        ({"Volumes": {"/a": {}}}, {"Volumes": {"/b": {}}}, "DA", ["- VOLUME /a", "+ VOLUME /b"]),
        ({"Cmd": ["a"]}, {"Cmd": None}, "D", ['- CMD ["a"]']),
        ({"User": ""}, {}, "", []),
        ({"Domainname": "x"}, {"Domainname": "y"}, "C", ["- Domainname x", "+ Domainname y"]),
        ({"Labels": 3}, {"Labels": {"a": "1"}}, "C", ["- LABEL 3", '+ LABEL {"a": "1"}']),
    ],
)
def test_each_kind_of_field(before: dict[str, Any], after: dict[str, Any], letters: str, lines: list[str]) -> None:
    found: list[ConfigDifference] = list(differences(before, after))
    assert "".join(d.letter for d in found) == letters
    assert [f"{mark} {text}" for d in found for mark, text in d.lines()] == lines
