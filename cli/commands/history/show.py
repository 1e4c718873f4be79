"""`show`: one commit, one layer, or one event."""

import re

import click

from cli.commands.history.log import changes_row, compared, config_changes
from cli.display import history
from cli.display.diff_lines import print_changes, print_config
from cli.display.output import json_line
from cli.options import completion
from cli.options.changes import changes_options, text_or_json
from cli.options.sizes_and_times import date_option
from cli.session.session import Session, session
from eventstore.errors import InvalidError, NotFoundError
from eventstore.model.events import Event, Kind
from eventstore.model.paths import shown
from projections.events.records import Record, Records
from projections.events.rows import event_row
from projections.history import commits, logbook, origins
from projections.history.logbook import Item
from projections.images import images
from projections.refs import references, tags, targets
from projections.refs.points import Points
from projections.tree.symlinks import follow


@click.command()
@click.argument("what", metavar="COMMIT|LAYER|POSITION|REF[@POINT][:PATH]", shell_complete=completion.references)
@changes_options
@date_option()
@text_or_json
def show(what: str, shape: str, ways: list[str], context: int) -> None:
    r"""Show one commit with the paths it added (A), changed (C) and deleted (D) and its changes of the config, or one event
    with all that is known of it.

    A commit is an id, a tag, or a container (its last one). An event is its position in the log, or its place in a
    container: web@42. A layer from elsewhere, by its id or as the uppermost of an image or its ~N, shows what its image says of
    it, how it came, where it is, and what it changes of the layers below it there.

    REF:PATH is git's: what `cat` prints of a file, and `ls` of a directory.

    \b
      layerlog show mytomcat:1.0
      layerlog show -p 3f2a9c
      layerlog show web@42
      layerlog show tomcat~1
    """
    if ":/" in what:
        if shape == "json" or ways:
            place = shown(what)
            raise InvalidError(f"{place} is shown as it is; `layerlog stat --format json {place}` says what is known of it")
        _show_path(what)
        return
    with session() as s:
        found = _found(s, what)
        if not isinstance(found, Record):
            (_show_commit if found.commit else _show_layer)(s, found, shape, ways, context)
        elif shape == "json":
            print(json_line(event_row(found) | {"events_in_changeset": found.changeset.events}))
        else:
            print(*history.event_lines(found, Points(s.log)), sep="\n")


def _show_path(what: str) -> None:
    """Print what `cat` prints of a file, and `ls` of a directory."""
    from cli.commands.files.read import cat, ls

    with session() as s:
        view, path = s.view_or_layer_of(what)
        is_dir = view.get(follow(view, path)).is_dir
    click.get_current_context().invoke(ls if is_dir else cat, places=(what,))


def _found(s: Session, what: str) -> Item | Record:
    layer = None if s.event_at(what) else logbook.of_layer_alone(s.log, s.store.content, what)
    if layer is not None:
        return layer
    records = Records(s.log)
    target = s.event_or_target(what)
    if isinstance(target, Event):
        return records.of(target)
    if target.container is None:
        layers = origins.image_layers_under(s.log, s.store.content, target)
        return logbook.of_layer(layers[0]) if layers else records.of(targets.event_of(s.log, target))
    if target.image is None and re.search(r"@\d+\Z", what):
        return records.of(targets.event_of(s.log, target))
    seal = s.log.latest(Kind.COMMITTED, s.log.existing("container", target.container).id, target.version)
    if seal is None:
        raise NotFoundError(f"{shown(what)} has no commit yet; `layerlog show {shown(what)}@1` shows its first event")
    return logbook.of_commit(commits.of_seal(records, seal))


def _show_layer(s: Session, item: Item, shape: str, ways: list[str], context: int) -> None:
    layer = item.layer
    assert layer is not None
    trees = references.trees_ending_with(s.log, layer.diff_id)
    names = tags.now(s.log, layer.image) if layer.number == layer.total else []
    if shape == "json":
        row = history.item_row(item, names, [], touched=False) | {"config": []} | changes_row(s, None, item)
        print(json_line(row | {"trees": trees}))
    else:
        print(*history.layer_lines(layer, names, trees), sep="\n")
        print_changes(ways or ["topmost"], lambda: compared(s, None, item)._replace(context=context))


def _show_commit(s: Session, item: Item, shape: str, ways: list[str], context: int) -> None:
    commit = item.commit
    assert commit is not None
    names, signed = tags.now(s.log, commit.id), commits.signatures(Records(s.log), [commit.id]).get(commit.id, [])
    if shape == "json":
        config = images.instructions(s.log, s.log.existing("container", commit.container).id, commit.first, commit.last)
        row = history.item_row(item, names, signed, touched=False) | {"config": config}
        print(json_line(row | changes_row(s, None, item) | {"trees": None}))
    else:
        print(*history.commit_lines(commit, names, signed), sep="\n")
        print_config(ways or ["topmost"], config_changes(s, item))
        print_changes(ways or ["topmost"], lambda: compared(s, None, item)._replace(context=context))
