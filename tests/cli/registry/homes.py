"""A home folder with the places where credentials are kept, and programs that keep them."""

import base64
import json
from pathlib import Path
from typing import Any

from cli.registry.credentials import Credentials

HUB = "https://index.docker.io/v1/"
SECRET = "s3cret-of-ada"
ADA = Credentials("ada", SECRET)


def auth(text: str = f"ada:{SECRET}") -> dict[str, str]:
    return {"auth": base64.b64encode(text.encode()).decode()}


def put(path: Path, document: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def got(path: Path) -> Any:
    return json.loads(path.read_text())


def quiet(error: Exception) -> None:
    assert SECRET not in str(error)
    assert base64.b64encode(SECRET.encode()).decode()[:10] not in str(error)
    assert "\n" not in str(error)


KEEPER = """#!/bin/sh
said=$(cat)
missing() { echo "credentials not found in native keychain"; exit 1; }
file() { printf 'KEPT/%s' "$(printf %s "$1" | tr / _)"; }
case $1 in
store) server=$(printf %s "$said" | sed 's/.*"ServerURL": "\\([^"]*\\)".*/\\1/'); printf %s "$said" >"$(file "$server")" ;;
get) cat "$(file "$said")" 2>/dev/null || missing ;;
erase) rm "$(file "$said")" 2>/dev/null || missing ;;
list) cd KEPT; printf '{'; comma=; for f in *; do [ -e "$f" ] && printf '%s"%s":"x"' "$comma" "$(echo "$f" | tr _ /)" && comma=,; done; printf '}' ;;
esac
"""


class Home:
    """A home folder with all the places that count, and programs on the PATH."""

    def __init__(self, folder: Path) -> None:
        self.runtime = folder / "run/containers/auth.json"
        self.config = folder / "home/.config/containers/auth.json"
        self.docker = folder / "home/.docker/config.json"
        self.other = folder / "other/config.json"
        self.programs = folder / "bin"
        self.kept = folder / "kept"
        for made in (folder / "run", folder / "home", self.programs, self.kept):
            made.mkdir()

    def program(self, name: str, script: str | None = None) -> None:
        """A program with one file for each server; or any other."""
        path = self.programs / f"docker-credential-{name}"
        path.write_text(script if script is not None else KEEPER.replace("KEPT", str(self.kept)))
        path.chmod(0o755)
