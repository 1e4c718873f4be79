"""The audit names a container as it was called when the thing was done, whatever it, or another, is called now."""

import csv
import io
import random

import pytest

from tests.cli.invoking import Layerlog

NAMES = ("ada", "bob", "cat", "dog")


def done_at_random(ll: Layerlog, seed: int) -> list[tuple[str, str, str | None]]:
    """Rename, commit, remove and bring back containers; return (what, the name then, the name before of a rename) of each."""
    chance, deeds = random.Random(seed), list[tuple[str, str, str | None]]()
    living, gone = ["ada", "bob"], list[str]()
    for name in living:
        ll("create", "--name", name, "scratch")
    for _ in range(14):
        free = [name for name in NAMES if name not in (*living, *gone)]
        what = chance.choice(["commit", "rename", "rename", "remove", "undelete"])
        if what in ("commit", "rename") and living:
            name = chance.choice(living)
            if what == "commit":
                ll("commit", "--allow-empty", name)
                deeds.append((what, name, None))
            elif free:
                ll("rename", name, free[0])
                living[living.index(name)] = free[0]
                deeds.append((what, free[0], name))
        elif what == "remove" and living:
            gone.append(living.pop())
            ll("rm", gone[-1])
            deeds.append((what, gone[-1], None))
        elif what == "undelete" and gone:
            name, new = gone.pop(), chance.choice([None, *free])
            ll("undelete", *(("--name", new) if new else ()), name)
            living.append(new or name)
            deeds += [("rename", new, name)] if new else []
            deeds.append((what, new or name, None))
    return deeds


@pytest.mark.parametrize("seed", range(4))
def test_every_deed_names_its_container_as_it_was_called_then(ll: Layerlog, seed: int) -> None:
    first = len(ll.json("audit"))
    deeds = done_at_random(ll, seed)
    rows = ll.json("audit")[first:]
    assert [(row["what"], row["name"], row["before"]) for row in rows] == deeds
    sheet = list(csv.DictReader(io.StringIO(ll.raw("audit", "--format", "csv").decode())))[first:]
    assert [(row["what"], row["name"]) for row in sheet] == [deed[:2] for deed in deeds]
    assert all(row["before"] == before for row, (_, _, before) in zip(sheet, deeds, strict=True) if before)
    page = ll("audit", "--format", "html")
    points = [f">{name}@" for _, name, _ in reversed(deeds)]
    at = 0
    for point in points:  # in this order, though perhaps with others between
        at = page.index(point, at) + 1


def test_a_name_that_another_has_now_does_not_mislead(ll: Layerlog) -> None:
    """The commit of web is said to be web's, in the table too, when web is called old and another is web."""
    ll("commit", "--allow-empty", "-m", "sealed by the first", "web")
    ll("rename", "web", "old")
    ll("create", "--name", "web", "scratch")
    ll("commit", "--allow-empty", "-m", "sealed by the second", "web")
    table = ll.lines("audit")
    column = table[0].index("CONTAINER")
    said = {line.rpartition("  ")[2]: line[column:].split()[0] for line in table[-3:]}
    assert said == {"sealed by the first": "web", "web": "old", "sealed by the second": "web"}
    first, second = (row["container"] for row in ll.json("audit", "--commits")[-2:])
    assert first != second
    page = ll("audit", "--format", "html")
    assert page.index(f'title="{second}@') < page.index(f'title="{first}@')


def test_what_is_about_no_container_names_none(ll: Layerlog) -> None:
    ll("commit", "--allow-empty", "web", "app:9")
    ll("rmi", "app:9")
    rows = ll.json("audit")
    assert {row["what"] for row in rows if row["name"] is None} >= {"tag", "untag"}
    assert all((row["name"] is None) == (row["what"] in ("tag", "untag", "load", "remove")) for row in rows[-4:])


def test_audit_of_one_container_lists_its_renames(ll: Layerlog) -> None:
    ll("create", "--name", "other", "scratch")
    ll("rename", "other", "another")
    ll("rename", "web", "site")
    assert [row["name"] for row in ll.json("audit", "site") if row["what"] == "rename"] == ["site"]
