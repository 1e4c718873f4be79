"""Rows: what instructions do to the config, stages, and processes."""

from tests.cli.hosttrees import Node
from tests.interop.dockerfiles.row import OF_SCRATCH, Differs, Row

SHELL = "buildah takes SHELL for RUN alone; Docker's reference: for RUN, CMD and ENTRYPOINT"
VOLUME = "buildah makes the folders of volumes in the image; with Docker the container gets them"
HEREDOC = "heredocs came with buildah 1.33"

ROWS = [
    # -- CMD and ENTRYPOINT
    Row("cmd-shell", "FROM base:1\nCMD echo $HOME 'a b'\n"),
    Row("cmd-exec", 'FROM base:1\nCMD ["a b", "\\"q\\"", "\\u00e9", "$HOME"]\n'),
    Row("cmd-no-json", "FROM base:1\nCMD [ 'a', 'b' ]\n"),
    Row("cmd-empty", "FROM base:1\nCMD []\n"),
    Row("cmd-twice", 'FROM base:1\nCMD ["one"]\nCMD ["two"]\n'),
    Row("entrypoint-resets-cmd", 'FROM base:1\nENTRYPOINT ["/bin/echo"]\n'),
    Row("entrypoint-keeps-own-cmd", 'FROM base:1\nCMD ["x"]\nENTRYPOINT ["/bin/echo"]\n'),
    Row("entrypoint-shell", 'FROM base:1\nENTRYPOINT exec echo $GREETING\nCMD ["x"]\n'),
    Row("entrypoint-of-a-stage", 'FROM base:1 AS one\nENTRYPOINT ["/bin/echo"]\nCMD ["x"]\nFROM one\nENTRYPOINT ["/bin/cat"]\n'),
    Row("shell", 'FROM base:1\nSHELL ["/bin/sh", "-ec"]\nRUN echo $- > /srv/flags\nCMD run\nENTRYPOINT start\n', differs={
        "Cmd": Differs(["/bin/sh", "-ec", "run"], SHELL), "Entrypoint": Differs(["/bin/sh", "-ec", "start"], SHELL),
    }),
    # -- the rest of the config
    Row("label-quotes", 'FROM base:1\nLABEL a=b "c d"="e f" g=\'h "i"\' j="k\\\n l"\n'),
    Row("label-old-form", "FROM base:1\nLABEL a b  c\n"),
    Row("label-again", "FROM base:1\nLABEL a=1 b=2\nLABEL a=3\n"),
    Row("label-expanded", "FROM base:1\nLABEL greeting=$GREETING key$GREETING=x\n"),
    Row("label-option", "FROM base:1\nLABEL a=1 b=2\n", args=("--label", "a=3", "--label", "c=d e")),
    Row("expose", "FROM base:1\nEXPOSE 80 443/tcp 53/udp\nEXPOSE 7000-7002 9/UDP\n", differs={"ExposedPorts": Differs(
        {f"{port}": {} for port in ("80/tcp", "443/tcp", "53/udp", "7000/tcp", "7001/tcp", "7002/tcp", "9/udp")},
        "buildah keeps ranges and capitals as they are written; Docker's config knows single ports",
    )}),
    Row("expose-expanded", "FROM base:1\nENV PORT=8080 MORE='1 2'\nEXPOSE $PORT $MORE ${NONE:-99}/udp\n"),
    Row("volume-json", 'FROM base:1\nVOLUME ["/a b", "/c"]\n', differs={"/a b": Differs(None, VOLUME), "/c": Differs(None, VOLUME)}),
    Row("volume-words", "FROM base:1\nENV D=/e\nVOLUME /data $D\n", differs={"/e": Differs(None, VOLUME)}),
    Row("run-in-a-volume", "FROM base:1\nVOLUME /vol\nRUN echo x > /srv/x\n", differs={"/vol": Differs(None, VOLUME)}),
    Row("user-name", "FROM base:1\nUSER web\nRUN id -u > /tmp/u; id -g > /tmp/g\n"),
    Row("user-numbers", "FROM base:1\nUSER 33:50\nRUN id -u > /tmp/u; id -g > /tmp/g\n"),
    Row("user-group", "FROM base:1\nUSER web:staff\nRUN id -g > /tmp/g\n"),
    Row("user-unknown-number", "FROM base:1\nUSER 1234\nRUN id -u > /tmp/u; id -g > /tmp/g\n"),
    Row("user-expanded", "FROM base:1\nARG WHO=web\nUSER ${WHO}\n"),
    Row("stopsignal", "FROM base:1\nENV S=SIGUSR1\nSTOPSIGNAL $S\n"),
    Row("stopsignal-number", "FROM base:1\nSTOPSIGNAL 9\n"),
    Row("healthcheck-exec", 'FROM base:1\nHEALTHCHECK --interval=5m --timeout=3s --start-period=1m30s --retries=4 CMD ["/bin/true", "x"]\n'),
    Row("healthcheck-shell", "FROM base:1\nHEALTHCHECK CMD test -f /srv/page || exit 1\n"),
    Row("healthcheck-none", "FROM base:1\nHEALTHCHECK CMD true\nHEALTHCHECK NONE\n"),
    Row("maintainer", "FROM base:1\nMAINTAINER Ada <ada@example.org>\n"),
    Row("onbuild-kept", "FROM base:1\nONBUILD RUN echo x > /srv/x\nONBUILD COPY . /srv/\n"),
    Row("onbuild-run", "FROM base:1 AS one\nONBUILD ENV A=b\nONBUILD RUN echo $A > /srv/x\nFROM one\nRUN echo $A >> /srv/x\n"),
    # -- WORKDIR
    Row("workdir-made", "FROM base:1\nWORKDIR /a/b\n"),
    Row("workdir-relative", "FROM base:1\nWORKDIR /a\nWORKDIR b\nWORKDIR ../c\nRUN pwd > here\n"),
    Row("workdir-expanded", "FROM base:1\nENV D=/one\nWORKDIR $D/two${NONE}\nRUN pwd > here\n"),
    Row("workdir-there", "FROM base:1\nWORKDIR /srv\nRUN echo x > x\n"),
    Row("workdir-of-a-user", "FROM base:1\nUSER web\nWORKDIR /tmp/a/b\nRUN echo x > x\n"),
    Row("workdir-slash", "FROM base:1\nWORKDIR /srv/\n", differs={"WorkingDir": Differs("/srv", "Docker cleans the path")}),
    # -- processes
    Row("run-shell", "FROM base:1\nRUN echo \"$GREETING\" '$GREETING' \\$X > /srv/x && \\\n  # a comment\n  echo more >> /srv/x\n"),
    Row("run-exec", 'FROM base:1\nRUN ["/bin/sh", "-c", "echo $0 $GREETING > /srv/x"]\nRUN ["touch", "/srv/$GREETING"]\n'),
    Row("run-nodes", "FROM base:1\nRUN ln -s page /srv/s && ln /srv/page /srv/hard && mkdir -m 1770 /srv/d && touch /srv/d/x && chmod 4711 /srv/d/x\n", differs={
        "/srv/page": Differs("one more name of /srv/hard", "buildah's layer has the new name alone, so that the two are files apart"),
    }),
    Row("run-removes", "FROM base:1\nRUN rm -r /srv && mkdir /srv && rm /etc/motd && mv /data /moved\n"),
    Row("run-chown", "FROM base:1\nRUN chown web:staff /srv/page && chmod 600 /etc/motd\n"),
    Row("run-changes-nothing", "FROM base:1\nRUN true\n"),
    Row("run-fails", "FROM base:1\nRUN exit 3\n", refused="exit code 3"),
    Row(
        "run-heredoc", "FROM base:1\nRUN <<EOF\necho $GREETING > /srv/x\necho '$GREETING' >> /srv/x\nEOF\n",
        lacks=HEREDOC,
        expected={"/srv/x": "-rw-r--r-- 0:0 'hello\\n$GREETING\\n'"},
    ),
    Row(
        "run-heredoc-program", "FROM base:1\nRUN <<EOF\n#!/bin/cat\nsome text\nEOF\n", lacks=HEREDOC,
    ),
    Row(
        "run-heredoc-to-a-command", "FROM base:1\nRUN cat <<ONE <<TWO > /srv/x\none $GREETING\nONE\ntwo\nTWO\n",
        lacks=HEREDOC, expected={"/srv/x": "-rw-r--r-- 0:0 'two\\n'"},
    ),
    # -- stages
    Row("empty-base", "FROM scratch\nCOPY a /a\n", {"a": "a\n"}, differs=OF_SCRATCH),
    Row("empty-base-of-settings", 'FROM scratch\nCMD ["/x"]\nLABEL a=b\n', differs=OF_SCRATCH),
    Row("stage-as-base", "FROM base:1 AS one\nENV A=b\nWORKDIR /w\nRUN echo one > one\nFROM one AS two\nRUN echo $A > two\n"),
    Row("stage-name-in-capitals", "FROM base:1 AS One\nRUN echo x > /srv/x\nFROM base:1\nCOPY --from=oNE /srv/x /x\n",
        lacks="names of stages are case-insensitive for Docker alone", expected={"/x": "-rw-r--r-- 0:0 'x\\n'"}),
    Row("stage-by-number", "FROM base:1\nRUN echo x > /srv/x\nFROM scratch\nCOPY --from=0 /srv/x /x\n", differs=OF_SCRATCH),
    Row("stage-not-needed", "FROM base:1 AS bad\nRUN exit 1\nFROM base:1 AS good\nLABEL a=b\n", args=("--target", "good"),
        lacks="stages that nothing needs are built by buildah before 1.30", expected={"Labels": {"a": "b"}}),
    Row("target", "FROM base:1 AS one\nLABEL a=1\nFROM base:1 AS two\nLABEL a=2\nFROM two\nLABEL a=3\n", args=("--target", "one")),
    Row("platform", "FROM --platform=$BUILDPLATFORM base:1\nLABEL a=b\n"),
    Row("small-letters", 'from base:1 as one\nrun echo x > /srv/x\nfrom scratch\ncopy --from=one /srv/x /x\ncmd ["/x"]\n', differs=OF_SCRATCH),
    Row("containerfile-elsewhere", "FROM base:1\n", {"sub": {"Other": "FROM base:1\nCOPY a /srv/a\n"}, "a": "a\n"}, args=("-f", "{context}/sub/Other")),
    Row("executable-of-a-stage", "FROM base:1 AS one\nCOPY run /run/it\nFROM base:1\nCOPY --from=one /run/it /bin/it\nRUN it > /srv/x\n",
        {"run": Node("#!/bin/sh\necho ran\n", mode=0o755)}),
]  # fmt: skip
