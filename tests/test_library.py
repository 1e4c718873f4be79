"""The packages as a library: what they offer, what importing them costs, and archives without a command line."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

from cli.distribution import load, save
from eventstore import Context, LayerlogError, Store, writing
from projections import resolve_image
from tests.cli.archived import archived
from tests.cli.running import ROOT, python
from tests.conftest import ADA
from tests.images import image
from tests.test_architecture import HEAVY

PACKAGES = ("eventstore", "projections", "cli.distribution")


@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_offered_is_there(package: str) -> None:
    """As type checkers are told; and under no folder's name, as Python would put the folder in its place."""
    module, folder = import_module(package), ROOT / package.replace(".", "/")
    tree = ast.parse((folder / "__init__.py").read_text())
    told = [alias.name for block in tree.body if isinstance(block, ast.If) for node in block.body
            if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert sorted(told) == sorted(module.__all__)
    assert all(getattr(module, name) for name in module.__all__)
    assert not [name for name in module.__all__ if (folder / name).exists() or (folder / f"{name}.py").exists()]
    with pytest.raises(AttributeError, match="has no attribute 'nonesuch'"):
        module.nonesuch  # noqa: B018


def test_importing_the_packages_imports_nothing_heavy() -> None:
    heavy = {*HEAVY, "click", "datetime", "subprocess"}
    assert python(f"import sys, {', '.join(PACKAGES)}; print(*set(sys.modules) & {heavy!r})").stdout == "\n"


def test_loading_and_saving_know_no_command_line() -> None:
    known = {"click", "cli.command_line", "cli.session.session", "cli.display.output"}
    assert python(f"import sys; from cli.distribution import load, save; print(*set(sys.modules) & {known!r})").stdout == "\n"


def test_an_archive_comes_in_and_goes_out(store: Store, tmp_path: Path) -> None:
    source = archived(tmp_path, image("gzip", names=("localhost/far:1",)))
    with writing(store, Context(ADA.actor, ("test",), known="imported")) as writer:
        found = load(writer, source)
        assert [resolve_image(store.log, "far:1", int)] == [one.id for one in found]
        save(writer, [one.id for one in found], str(tmp_path / "again.tar"))
        assert load(writer, str(tmp_path / "again.tar")) == found
        with pytest.raises(LayerlogError):
            load(writer, __file__)
        with pytest.raises(LayerlogError):
            save(writer, ["0" * 64], str(tmp_path / "never.tar"))
    assert not (tmp_path / "never.tar").exists()
