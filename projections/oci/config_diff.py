"""What differs between two run configs, field by field: a variable, a label, a command; and how one becomes the other."""

import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from eventstore.model.facts import ConfigChange
from projections.oci.documents import Json

NAMED = ("Env", "Labels", "ExposedPorts", "Volumes")
_WORDS = {
    "Cmd": "CMD", "Entrypoint": "ENTRYPOINT", "Env": "ENV", "ExposedPorts": "EXPOSE", "Healthcheck": "HEALTHCHECK",
    "Labels": "LABEL", "OnBuild": "ONBUILD", "Shell": "SHELL", "StopSignal": "STOPSIGNAL", "User": "USER", "Volumes": "VOLUME",
    "WorkingDir": "WORKDIR",
}  # fmt: skip
_NOTHING: tuple[object, ...] = (None, "", [], {}, False)
"""What says no more than a missing field."""


class ConfigDifference(NamedTuple):
    """`field` is OCI's name of it; `name` that of the variable, label, port or volume in it, None where it is taken whole.

    `before` and `after` are as the config has them, None where it was, or is, not there.
    """

    field: str
    name: str | None
    before: object
    after: object

    @property
    def letter(self) -> str:
        return "A" if self.before is None else "D" if self.after is None else "C"

    @property
    def label(self) -> str:
        """What it is about: ENV PORT, CMD."""
        word = _WORDS.get(self.field, self.field)
        return word if self.name is None else f"{word} {self.name}"

    def lines(self) -> Iterator[tuple[str, str]]:
        """Yield what is gone (-) and what has come (+), each as an instruction says it."""
        if self.before is not None:
            yield "-", instruction(self.field, self.name, self.before)
        if self.after is not None:
            yield "+", instruction(self.field, self.name, self.after)


def differences(before: Json, after: Json) -> Iterator[ConfigDifference]:
    """Yield what differs, by field and name; a field in which the order alone differs as a whole."""
    for field in sorted(before.keys() | after.keys()):
        old, new = (_parts(field, config.get(field)) for config in (before, after))
        if None in old or None in new:  # one of them has no names
            old, new = (_whole(config.get(field)) for config in (before, after))
        found = [
            ConfigDifference(field, name, old.get(name), new.get(name))
            for name in sorted(old.keys() | new.keys(), key=lambda name: name or "")
            if old.get(name) != new.get(name)
        ]
        yield from found
        if not found and old and before.get(field) != after.get(field):
            yield ConfigDifference(field, None, before.get(field), after.get(field))


def change_to(now: Json, wanted: Json) -> ConfigChange | None:
    """Return what makes *wanted* of *now*, to the letter; None where they are equal."""
    changed = {field: value for field, value in wanted.items() if field not in now or now[field] != value}
    gone = tuple(sorted(now.keys() - wanted.keys()))
    if not changed and not gone:
        return None
    return ConfigChange(tuple(map(_made_by, differences(now, wanted))), changed, gone)


class Reverted(NamedTuple):
    """A config without a change, and what of the change stays in it, as something newer changed that too."""

    config: Json
    kept: list[ConfigDifference]


def reverted(before: Json, after: Json, now: Json) -> Reverted:
    """Return *now* with what led from *before* to *after* taken back, wherever it still is as that left it."""
    config, kept = dict(now), []
    for found in differences(before, after):
        current = _value(config, found.field, found.name)
        nameless = found.name is not None and None in _parts(found.field, config.get(found.field))
        if current == found.after and not nameless:
            _put(config, found)
        elif current != found.before:
            kept.append(found)
    return Reverted(config, kept)


def instruction(field: str, name: str | None, value: object) -> str:
    """Return a field's value, or one named value in it, as a Dockerfile's instruction says it, else as JSON."""
    word = _WORDS.get(field, field)
    if name is None:
        return f"{word} {value if isinstance(value, str) else json.dumps(value)}"
    return f"{word} {name}={_quoted(value)}" if field in ("Env", "Labels") else f"{word} {name}"


def _made_by(found: ConfigDifference) -> str:
    """Return the instruction that makes such a difference."""
    field, name, _, after = found
    if after is not None:
        return instruction(field, name, after)
    return f"UNSET {_WORDS.get(field, field)}" + ("" if name is None else f"={name}")


def _quoted(value: object) -> str:
    import shlex  # noqa: PLC0415 - few commands show a difference

    return shlex.quote(value) if isinstance(value, str) else json.dumps(value)


def _parts(field: str, value: object) -> Mapping[str | None, object]:
    """The value by its names, or whole (None) where it has none or is not as the specification has it."""
    if value in _NOTHING:
        return {}
    if field == "Env" and isinstance(value, list) and all(isinstance(item, str) for item in value):
        variables: dict[str | None, object] = dict(item.partition("=")[::2] for item in value)
        return variables if len(variables) == len(value) else {None: value}
    return dict(value) if field in NAMED and isinstance(value, dict) else _whole(value)


def _whole(value: object) -> Mapping[str | None, object]:
    return {} if value in _NOTHING else {None: value}


def _value(config: Json, field: str, name: str | None) -> object:
    held = config.get(field)
    if name is None:
        return _whole(held).get(None)
    return _parts(field, held).get(name)


def _put(config: Json, found: ConfigDifference) -> None:
    """Give *config* what was there before *found*; a field of which nothing is left goes."""
    held: object = found.before
    if found.name is not None:
        put = {**_parts(found.field, config.get(found.field)), found.name: found.before}
        parts = {name: value for name, value in put.items() if value is not None}
        held = [f"{name}={value}" for name, value in parts.items()] if found.field == "Env" else parts
    if held in _NOTHING:
        config.pop(found.field, None)
    else:
        config[found.field] = held
