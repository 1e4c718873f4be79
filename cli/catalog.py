"""Every command: where it lives and what `layerlog --help` says of it, known without importing it."""

from typing import NamedTuple


class Entry(NamedTuple):
    module: str
    attribute: str
    help: str


IMAGES = "cli.commands.images.images"
LOAD = "cli.commands.images.load"
NAMES = "cli.commands.images.names"
CONTAINERS = "cli.commands.containers.containers"
LIFECYCLE = "cli.commands.containers.lifecycle"
RUN = "cli.commands.containers.run"
COMMIT = "cli.commands.containers.commit"
CONFIG = "cli.commands.containers.config"
FILES = "cli.commands.files.read"
CHANGES = "cli.commands.files.change"
DIFF = "cli.commands.files.diff"
VIEWS = "cli.commands.files.export"
UNDO = "cli.commands.history.undo"
STORE = "cli.commands.store.store"
ERASE = "cli.commands.store.erase"
COPIES = "cli.commands.store.copies"
PROOF = "cli.commands.store.proof"

HEADINGS: dict[str, dict[str, Entry]] = {
    "Images": {
        "images": Entry(IMAGES, "images", "List images"),
        "inspect": Entry(IMAGES, "inspect", "Show all that is known of an image or a container"),
        "history": Entry(IMAGES, "history", "List the layers of an image, newest first"),
        "tag": Entry(NAMES, "tag", "Give an image one more name"),
        "reflog": Entry("cli.commands.images.reflog", "reflog", "List what tags named before, and who moved them"),
        "rmi": Entry(NAMES, "rmi", "Remove an image (undelete brings it back)"),
        "build": Entry("cli.commands.images.build", "build", "Build an image from a Dockerfile"),
        "pull": Entry("cli.commands.images.pull", "pull", "Get an image from a registry"),
        "push": Entry("cli.commands.images.push", "push", "Give an image to a registry"),
        "tags": Entry("cli.commands.images.remote", "tags", "List the tags of a repository, here or in its registry"),
        "layers": Entry("cli.commands.images.remote", "layers", "List the layers of an image, here or in a registry"),
        "login": Entry("cli.commands.images.login", "login", "Log in to a registry"),
        "logout": Entry("cli.commands.images.login", "logout", "Forget a login to a registry"),
        "copy": Entry("cli.commands.images.copy", "copy", "Copy an image between this store and another place"),
        "load": Entry(LOAD, "load", "Bring in images from an archive or an OCI layout"),
        "import": Entry(LOAD, "import_", "Make an image of one layer from a tar or a folder"),
        "save": Entry("cli.commands.images.save", "save", "Write images to an archive that Docker and podman load"),
        "inventory": Entry("cli.commands.images.save", "inventory", "List the layers that are here, for `save --have`"),
    },
    "Containers": {
        "run": Entry(RUN, "run", "Run a program in a container, with every change on the record"),
        "exec": Entry(RUN, "exec_", "Run one more program beside the one that runs in a container"),
        "recover": Entry(RUN, "recover", "Record what a process that was killed left"),
        "create": Entry(LIFECYCLE, "create", "Put a writable layer on top of an image"),
        "ps": Entry(CONTAINERS, "ps", "List containers"),
        "rename": Entry(LIFECYCLE, "rename", "Give a container another name"),
        "rm": Entry(LIFECYCLE, "rm", "Remove a container (undelete brings it back)"),
        "commit": Entry(COMMIT, "commit", "Seal a container's changes as a new image"),
        "sign": Entry(COMMIT, "sign", "Sign a commit, as git does"),
        "config": Entry(CONFIG, "config", "Set a container's command, environment, labels, ..."),
        "status": Entry(CONTAINERS, "status_", "Show what the next commit would seal, of one or all"),
        "fork": Entry(LIFECYCLE, "fork", "Start a container from any point of another's history"),
    },
    "Files": {
        "ls": Entry(FILES, "ls", "List a directory"),
        "cat": Entry(FILES, "cat", "Print a file"),
        "stat": Entry("cli.commands.files.stat", "stat", "Show a file's owner, mode, times, content and origin"),
        "cp": Entry("cli.commands.files.cp", "cp", "Copy files into a container, out of a view, or within"),
        "write": Entry(CHANGES, "write", "Write a file from standard input or from the command line"),
        "delete": Entry(CHANGES, "delete", "Delete a file, or a directory with all that is below it"),
        "move": Entry(CHANGES, "move", "Rename a file or a directory"),
        "mkdir": Entry(CHANGES, "mkdir", "Make a directory"),
        "link": Entry(CHANGES, "link", "Make a symbolic or a hard link"),
        "chmod": Entry(CHANGES, "chmod", "Change a file's mode"),
        "chown": Entry(CHANGES, "chown", "Change a file's owner"),
        "diff": Entry(DIFF, "diff", "Show what differs between two views"),
        "export": Entry(VIEWS, "export", "Write a view's files as one tar"),
        "checkout": Entry(VIEWS, "checkout", "Write a view's files into a folder"),
    },
    "History": {
        "log": Entry("cli.commands.history.log", "log", "Show commits, or every change of one path"),
        "show": Entry("cli.commands.history.show", "show", "Show one commit or one event"),
        "blame": Entry("cli.commands.history.blame", "blame", "Show who wrote a path, when and by what command"),
        "audit": Entry("cli.commands.history.audit", "audit", "Show who did what to the whole store"),
        "events": Entry("cli.commands.history.events", "events", "List events in the order in which they happened"),
        "find": Entry("cli.commands.history.find", "find", "Find where a path or a content occurs, and ever did"),
        "undo": Entry(UNDO, "undo_", "Take back a container's last change, and the one before, ..."),
        "redo": Entry(UNDO, "redo", "Bring back what undo took back"),
        "revert": Entry(UNDO, "revert", "Take back one commit, keeping later ones"),
        "restore": Entry(UNDO, "restore", "Bring a path back as it was at a point of history"),
        "undelete": Entry("cli.commands.history.undelete", "undelete", "Bring back a removed container, image or tag"),
        "bisect": Entry("cli.commands.history.bisect", "bisect", "Find the event that broke something, by halving"),
    },
    "Store": {
        "verify": Entry(STORE, "verify", "Check the chain of events and every content"),
        "df": Entry(STORE, "df", "Show where the disk space goes"),
        "rebuild": Entry(STORE, "rebuild", "Compute the cache anew from the log"),
        "gc": Entry("cli.commands.store.gc", "gc", "Free space that nothing names"),
        "prune": Entry(ERASE, "prune", "Erase contents that only removed things hold"),
        "erase": Entry(ERASE, "erase", "Erase one content for ever, and record that and why"),
        "repair": Entry(COPIES, "repair", "Bring back damaged contents from a copy"),
        "backup": Entry(COPIES, "backup", "Copy the store while it is in use"),
        "serve": Entry("cli.commands.store.serve", "serve", "Let docker and podman pull from the store, any moment of it"),
        "checkpoint": Entry(PROOF, "checkpoint", "Print the head of the log, to sign or keep elsewhere"),
        "prove": Entry(PROOF, "prove", "Prove that an event is in the log, to a stranger"),
        "demo": Entry("cli.commands.store.demo", "demo", "Play a small story in a store of its own"),
        "sql": Entry("cli.commands.store.sql", "sql", "Ask the log in SQL, by read-only views"),
        "completion": Entry("cli.commands.store.completion", "completion", "Print the completion script of a shell"),
    },
}

COMMANDS: dict[str, Entry] = {name: entry for rows in HEADINGS.values() for name, entry in rows.items()}

SELDOM = {
    "tags", "layers", "logout", "copy", "import", "inventory", "recover", "rename", "sign", "fork", "stat", "mkdir", "link",
    "chmod", "chown", "export", "redo", "revert", "undelete", "bisect", "rebuild", "prune", "erase", "repair", "checkpoint",
    "prove", "completion", "gc", "config", "reflog", "sql",
}  # fmt: skip
"""What the first screen of the help leaves to `layerlog help -a`."""

WRITING = {
    "build", "chmod", "chown", "commit", "config", "copy", "cp", "create", "delete", "erase", "exec", "fork", "gc", "import",
    "link", "load", "mkdir", "move", "prune", "pull", "push", "recover", "redo", "rename", "restore", "revert", "rm", "rmi",
    "run", "save", "sign", "tag", "undelete", "undo", "write",
}  # fmt: skip
"""What appends to the log in its user's name: each takes --author (and so does `bisect run`)."""

OTHER_A = {"copy", "cp", "create", "prune", "pull", "push", "rm", "rmi", "run", "tag"}
"""Of these, whose -a is another option here, or in the fingers of docker's, podman's, skopeo's and git's users."""

DESTROYING = {"delete", "erase", "gc", "prune", "rm", "rmi"}
"""What is proposed to nobody who wrote something else, but for a slip of one letter."""

_BOTH = ("build", "commit", "cp", "create", "diff", "exec", "export", "history", "import", "inspect", "load", "prune", "pull",
         "push", "rename", "rm", "run", "save", "tag")  # fmt: skip
GROUPS: dict[str, dict[str, str]] = {
    "image": {**{name: name for name in _BOTH}, "ls": "images", "list": "images", "rm": "rmi", "remove": "rmi"},
    "container": {**{name: name for name in _BOTH}, "ls": "ps", "list": "ps", "ps": "ps", "remove": "rm"},
    "system": {"df": "df", "prune": "prune"},
    "builder": {"build": "build", "prune": "prune"},
    "buildx": {"build": "build", "prune": "prune"},
}
"""Docker's words before its commands, and what is meant: `layerlog image ls` is `layerlog images`."""

SYNONYMS = {"mv": "move"}

INSTEAD = {
    "add": "Every write is in the log already; `layerlog commit` seals what was written.",
    "untag": "`layerlog rmi NAME:TAG` takes that name away, and an image with its last one (undelete brings it back).",
    "branch": "A container is a line of work: `layerlog fork web@42 --name other` begins one at any point.",
    "switch": "A container is a line of work: `layerlog fork web@42 --name other` begins one at any point.",
    "merge": "Layers are not merged; `layerlog cp REF:/PATH CONTAINER:/PATH` takes files over.",
    "rebase": "History is not rewritten; `layerlog create IMAGE` and `layerlog cp` begin anew on another base.",
    "reset": "History is not rewritten; `layerlog undo`, `layerlog revert` and `layerlog restore` take changes back.",
    "stash": "`layerlog fork` keeps a state aside under a name of its own.",
    "clone": "`layerlog pull` gets an image, `layerlog backup` copies a store.",
    "fetch": "`layerlog pull` gets an image from a registry.",
    "init": "A store is made by the first load, import, pull, create or build.",
    "grep": "`layerlog find --text WORDS` looks into files.",
    "search": "Registries are searched on their web pages; `layerlog tags docker://REPO` lists a repository's tags.",
    "volume": "There are no named volumes; `layerlog run -v SRC:DST` shows a folder of this machine.",
    "network": "A process has this machine's network, or none: `layerlog run --network none`.",
    "compose": "One container is run at a time: `layerlog run`; compose needs a daemon.",
    "info": "`layerlog df` says where the store's disk space goes; `layerlog --version` which version this is.",
    "top": "`layerlog ps` says in which containers something runs; `layerlog exec CONTAINER ps` shows processes.",
    "start": "A container is a log, and a process in it a visit: `layerlog run CONTAINER [CMD...]` begins one.",
    "stop": "What runs ends by ^C, by a signal to `layerlog run`, or by `layerlog exec CONTAINER kill 1`.",
    "kill": "What runs ends by a signal to `layerlog run`, or by `layerlog exec CONTAINER kill -9 1`.",
    "restart": "What runs is ended, and `layerlog run CONTAINER [CMD...]` begins it again.",
    "logs": "What a program prints goes where `layerlog run` prints; redirect that.",
    "attach": "`layerlog exec -it CONTAINER sh` gives a terminal beside the one that `layerlog run -it` was begun in.",
}
"""What Docker's users type that is not there, and what they type here instead."""
