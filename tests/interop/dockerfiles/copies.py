"""Rows: COPY."""

from typing import Any

from tests.cli.hosttrees import Link, Node, Symlink
from tests.interop.dockerfiles.row import OF_SCRATCH, Differs, Row

FILES: dict[str, Any] = {
    "a": "a\n", "b": "b\n", "run.sh": Node("#!/bin/sh\n", mode=0o755), "private": Node("p\n", mode=0o600), "x[1].txt": "x\n", "odd name": "o\n",
    "dir": {"c": "c\n", "sub": {"d": "d\n"}, "empty": {}}, "tight": Node({"t": "t\n", "in": Node({}, mode=0o711)}, mode=0o700),
    "link": Symlink(b"a"), "dirlink": Symlink(b"dir"),
}  # fmt: skip
EXCLUDING = "COPY --exclude=*.sh --exclude=p* --exclude=**/d . /x"
LINKS: dict[str, Any] = {"a": "a\n", "dir": {"in": Symlink(b"../a"), "out": Symlink(b"/etc/motd"), "none": Symlink(b"nowhere")}}


DIRECTORY = "drwxr-xr-x 0:0"
LINK = "buildah replaces the link, BuildKit follows it"
EXCLUDE = "--exclude came with buildah 1.38"
PARENTS = "--parents came with buildah 1.38"
HEREDOC = "heredocs came with buildah 1.33"


def file(text: str) -> str:
    return f"-rw-r--r-- 0:0 {text!r}"


def row(name: str, lines: str, files: dict[str, Any] | None = None, **more: Any) -> Row:
    """A row on base:1 with the files above."""
    return Row(name, f"FROM base:1\n{lines}\n", FILES if files is None else files, **more)


ROWS = [
    # -- where it goes
    row("copy-to-a-file", "COPY a /srv/new"),
    row("copy-onto-a-file", "COPY a /srv/page"),
    row("copy-to-a-directory", "COPY a /srv"),
    row("copy-to-a-slash", "COPY a /srv/"),
    row("copy-to-missing-directories", "COPY a /x/y/z"),
    row("copy-to-a-missing-slash", "COPY a /x/y/"),
    row("copy-to-the-root", "COPY a ."),
    row("copy-to-a-working-directory", "WORKDIR /w\nCOPY a .\nCOPY b c\nCOPY dir ./d/"),
    row("copy-several", "COPY a b run.sh /x/"),
    row("copy-several-to-a-file", "COPY a b /x", refused="several sources need a directory", lacks="buildah wants no slash"),
    row("copy-a-directory", "COPY dir /new"),
    row("copy-a-directory-with-a-slash", "COPY dir/ /new/"),
    row("copy-a-directory-into-one", "COPY dir /srv"),
    row("copy-directories", "COPY dir tight /x/"),
    row("copy-a-private-directory", "COPY tight /new"),
    row("copy-a-private-directory-with-a-slash", "COPY tight /new/"),
    row("copy-onto-a-directory-s-mode", "RUN mkdir -p /x/in && chmod 750 /x /x/in\nCOPY tight /x"),
    row("copy-all", "COPY . /all"),
    row("copy-above-the-context", "COPY ../../a /x"),
    row("copy-absolute", "COPY /dir/c /x"),
    row("copy-json", 'COPY ["odd name", "/a dir/odd name"]'),
    row("copy-what-is-not-there", "COPY none /x", refused="none' is not there"),
    row("copy-a-file-onto-a-directory", "RUN mkdir -p /x/c\nCOPY dir /x", refused="is a directory", lacks="buildah removes the directory"),
    row("copy-a-directory-onto-a-file", "COPY dir /srv/page", refused="page"),
    row("copy-dots-and-slashes", "COPY ./dir/../a /srv//x/./y"),
    row("copy-empty-directories", "COPY dir/empty /x"),
    row("copy-below-a-file", "COPY a /srv/page/x", refused="page"),
    # -- patterns
    row("glob-star", "COPY *.sh /x/"),
    row("glob-question", "COPY ? /x/"),
    row("glob-class", "COPY [a-b] /x/"),
    row("glob-not-class", "COPY [^a-z]* ? /x/", {"a": "a", "B": "b", "0": "0"}),
    row("glob-within", "COPY d*/c /x/"),
    row("glob-of-directories", "COPY d?r tig* /x/"),
    row("glob-escaped-bracket", "COPY x[[]1].txt /x/", lacks="buildah looks for the escaped name", expected={"/x": DIRECTORY, "/x/x[1].txt": file("x\n")}),
    row("glob-one-match-to-a-file", "COPY run* /x"),
    row("glob-nothing", "COPY *.none /x/", refused="match nothing"),
    row("glob-nothing-beside-something", "COPY a *.none /x/"),
    row("glob-hidden", "COPY * /x/", {".hidden": "h", "a": "a"}),
    # -- owners and modes
    row("chown-numbers", "COPY --chown=5:6 dir /x"),
    row("chown-names", "COPY --chown=web:staff a dir /x/"),
    row("chown-user-alone", "COPY --chown=web a /x"),
    row("chown-number-alone", "COPY --chown=33 a /x"),
    row("chown-unknown-number-alone", "COPY --chown=77 a /x"),
    row("chown-group-alone", "COPY --chown=:staff a /x"),
    row("chown-onto-a-directory", "COPY --chown=5:6 dir /srv"),
    row("chown-unknown-name", "COPY --chown=nobody-of-that-name a /x", refused="nobody-of-that-name"),
    row("chmod", "COPY --chmod=640 a run.sh /x/"),
    row("chmod-special", "COPY --chmod=4755 a /x"),
    row("chmod-of-a-directory", "COPY --chmod=750 dir /x"),
    row("chmod-not-octal", "COPY --chmod=999 a /x", refused="999"),
    row("modes-are-kept", "COPY private run.sh /x/"),
    row("owners-are-root-s", "COPY a /x", {"a": Node("a", uid=12, gid=13)}),
    row("copy-as-a-user", "USER web\nCOPY a /srv/x"),
    # -- links
    row("link-as-a-source", "COPY link /x"),
    row("link-as-a-source-to-a-directory", "COPY link /x/"),
    row("link-to-a-directory-as-a-source", "COPY dirlink /x"),
    row("links-within", "COPY dir /x", LINKS),
    row("link-as-a-destination", "RUN ln -s page /srv/l\nCOPY a /srv/l", differs={
        "/srv/l": Differs("lrwxrwxrwx 0:0 -> page", LINK), "/srv/page": Differs(file("a\n"), LINK),
    }),
    row("link-to-a-directory-as-a-destination", "RUN ln -s srv /l\nCOPY a /l/x\nCOPY b /l"),
    row("link-to-nowhere-as-a-destination", "RUN ln -s none /srv/l\nCOPY a /srv/l", differs={
        "/srv/none": Differs(file("a\n"), LINK), "/srv/none/a": Differs(None, LINK),
    }),
    row("link-replaced-by-a-file-within", "RUN mkdir /x && ln -s /etc/motd /x/c\nCOPY dir /x"),
    row("hard-links", "COPY . /x", {"one": "1", "two": Link(b"one"), "sub": {"three": Link(b"one")}}),
    row("link-out-of-the-context", "COPY out /x", {"out": Symlink(b"/etc/passwd")}, refused="not there"),
    # -- from elsewhere
    row("from-a-stage", "RUN mkdir /w && echo x > /w/x && chown web /w/x && chmod 600 /w/x && ln -s x /w/l\nFROM base:1\nCOPY --from=0 /w /v"),
    row("from-a-stage-relative", "WORKDIR /w\nRUN echo x > x\nFROM base:1\nWORKDIR /v\nCOPY --from=0 w/x ."),
    row("from-a-stage-chown", "RUN mkdir /w && echo x > /w/x && chown web /w/x\nFROM base:1\nCOPY --from=0 --chown=7:8 /w /v"),
    row("from-a-stage-glob", "RUN touch /srv/a1 /srv/a2 /srv/b\nFROM scratch\nCOPY --from=0 /srv/a* /", differs=OF_SCRATCH),
    row("from-a-stage-a-link", "RUN ln -s page /srv/l\nFROM scratch\nCOPY --from=0 /srv/l /x", differs=OF_SCRATCH),
    row("from-a-stage-hard-links", "RUN mkdir /w && echo x > /w/x && ln /w/x /w/y\nFROM scratch\nCOPY --from=0 /w /v", differs=OF_SCRATCH),
    row("from-an-image", "FROM scratch\nCOPY --from=base:1 /srv/page /x", differs=OF_SCRATCH),
    row("from-a-stage-the-root", "RUN rm -r /bin\nFROM scratch\nCOPY --from=0 / /", differs=OF_SCRATCH),
    # -- what this buildah has not
    row("copy-link", "COPY --link a /srv/x", lacks="--link came with buildah 1.41", expected={"/srv/x": file("a\n")}),
    row(
        "exclude", EXCLUDING, {"a": "a", "run.sh": "r", "private": "p", "dir": {"d": "d", "e": "e"}},
        lacks=EXCLUDE,
        expected={"/x": DIRECTORY, "/x/a": file("a"), "/x/Dockerfile": file(f"FROM base:1\n{EXCLUDING}\n"), "/x/dir": DIRECTORY, "/x/dir/e": file("e")},
    ),
    row(
        "exclude-of-a-pattern", "COPY --exclude=*.md hom* /x/", {"home.txt": "t", "home.md": "m", "homes": {"a.md": "a"}}, lacks=EXCLUDE,
        expected={"/x": DIRECTORY, "/x/home.txt": file("t")},
    ),
    row(
        "parents", "COPY --parents ./x/a.txt ./y/a.txt /no/", {"x": Node({"a.txt": "x", "b.txt": "b"}, mode=0o750), "y": {"a.txt": "y"}},
        lacks=PARENTS,
        expected={
            "/no": DIRECTORY, "/no/x": "drwxr-x--- 0:0", "/no/x/a.txt": file("x"),
            "/no/y": DIRECTORY, "/no/y/a.txt": file("y"),
        },
    ),
    row(
        "parents-pivot", "COPY --parents ./x/./y/*.txt /p/", {"x": {"y": {"a.txt": "a", "b.txt": "b", "c": "c"}}},
        lacks=PARENTS,
        expected={"/p": DIRECTORY, "/p/y": DIRECTORY, "/p/y/a.txt": file("a"), "/p/y/b.txt": file("b")},
    ),
    row(
        "parents-of-a-directory", "COPY --parents x/y /p/", {"x": {"y": Node({"a": "a"}, mode=0o700), "z": "z"}},
        lacks=PARENTS,
        expected={"/p": DIRECTORY, "/p/x": DIRECTORY, "/p/x/y": "drwx------ 0:0", "/p/x/y/a": file("a")},
    ),
    row(
        "parents-deep-glob", "COPY --parents **/*.go /p/", {"a.go": "a", "x": {"y": {"b.go": "b", "c": "c"}}},
        lacks=PARENTS,
        expected={
            "/p": DIRECTORY, "/p/a.go": file("a"), "/p/x": DIRECTORY, "/p/x/y": DIRECTORY,
            "/p/x/y/b.go": file("b"),
        },
    ),
    row(
        "copy-heredoc", "COPY <<EOF <<'RAW' /x/\nhello $GREETING\nEOF\nraw $GREETING\nRAW", lacks=HEREDOC,
        expected={"/x": DIRECTORY, "/x/EOF": file("hello hello\n"), "/x/RAW": file("raw $GREETING\n")},
    ),
    row(
        "copy-heredoc-tabs", 'COPY --chmod=755 --chown=web <<-"EOF" /x\n\t\tone\n\t two\n\tEOF', lacks=HEREDOC,
        expected={"/x": "-rwxr-xr-x 33:44 'one\\n two\\n'"},
    ),
]  # fmt: skip
