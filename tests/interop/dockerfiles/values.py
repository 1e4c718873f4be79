"""Rows: ENV and ARG, where they hold, and what words become."""

from tests.interop.dockerfiles.row import Differs, Row

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

ROWS = [
    Row("env-pairs", 'FROM base:1\nENV A=b C="d e" E=f\\ g H=\'i  j\'\n'),
    Row("env-old-form", "FROM base:1\nENV A b c  d\n"),
    Row("env-again", "FROM base:1\nENV X=1\nENV GREETING=bye X=2\n", differs={"Env": Differs(["GREETING=bye", PATH, "X=2"], "buildah moves what is set again to the end; BuildKit leaves it where it is")}),
    Row("env-one-line-at-a-time", "FROM base:1\nENV A=old\nENV A=new B=$A\nENV C=$A\n"),
    Row("env-quotes", "FROM base:1\nENV A=\"it's\" B='say \"x\"' C=\"\\\"q\\\"\" D='$GREETING' E=\"$GREETING\" F=a\"b\"'c'd\n"),
    Row("env-escapes", "FROM base:1\nENV A=\\$GREETING B=$GREETING\\\\ C=\\a D=\"\\a\" E='\\a' F=\"a\\\\b\"\n"),
    Row("env-empty", 'FROM base:1\nENV A= B="" C=x\n'),
    Row("env-continued", "FROM base:1\nENV A=1 \\\n    B=2 \\\n# a comment\n\n    C=3\n"),
    Row("env-seen-by-processes", "FROM base:1\nENV A='a  b'\nRUN echo \"$A\" > /srv/x\n"),
    Row("expansion-defaults", "FROM base:1\nENV E=\nENV A=${X:-y} B=${GREETING:+z} C=${X:+z} D=${GREETING:-n} F=${E:-e} G=${E:+e}\n"),
    Row("expansion-names", 'FROM base:1\nENV A=$GREETING/x B=${GREETING}x C=$GREETINGx D=$1 F=${X:-${GREETING}} G="${X:-a b}"\n'),
    Row(
        "expansion-without-colon", "FROM base:1\nENV E=\nENV A=${E-e} B=${X-x} C=${E+e} D=${X+x}\n",
        lacks="these forms came with Dockerfile 1.4; this buildah knows those with a colon alone",
        expected={"Env": ["GREETING=hello", PATH, "E=", "A=", "B=x", "C=e", "D="]},
    ),
    Row(
        "expansion-patterns", "FROM base:1\nENV P=foo.bar.baz\nENV A=${P#*.} B=${P##*.} C=${P%.*} D=${P%%.*} E=${P/ba/X} F=${P//ba/X}\n",
        lacks="patterns came with Dockerfile 1.7",
        expected={"Env": ["GREETING=hello", PATH, "P=foo.bar.baz", "A=bar.baz", "B=baz", "C=foo.bar", "D=foo", "E=foo.Xr.baz", "F=foo.Xr.Xz"]},
    ),
    Row("expansion-required", "FROM base:1\nENV A=${X:?missing}\n", refused="missing"),
    Row("escape-directive", "# escape=`\nFROM base:1\nENV A=C:\\dir B=`$GREETING `\n    C=x\nRUN echo \\$A > /srv/x\n", differs={"Env": Differs(
        ["GREETING=hello", PATH, "A=C:\\dir", "B=$GREETING", "C=x"], "buildah escapes words by \\ whatever the directive says",
    )}),
    Row("empty-lines-and-comments", "\n# a comment\n  # another\nFROM base:1\n\n   ENV A=b\n#RUN exit 1\n"),
    Row("carriage-returns", 'FROM base:1\r\nENV A=b \\\r\n  C=d\r\nLABEL a="b c"\r\n'),
    # -- ARG
    Row("arg-default", "FROM base:1\nARG A=1\nENV B=$A\nRUN echo $A > /srv/x\n"),
    Row("arg-given", "FROM base:1\nARG A=1\nARG C\nENV B=$A$C\nRUN echo $A $C > /srv/x\n", args=("--build-arg", "A=2", "--build-arg", "C=3")),
    Row("arg-before-from", "ARG IMAGE=base\nARG TAG=1\nFROM ${IMAGE}:${TAG}\nENV A=x$TAG\n"),
    Row("arg-before-from-declared-again", "ARG TAG=1\nFROM base:${TAG}\nARG TAG\nENV A=x$TAG\n"),
    Row("arg-before-from-with-a-default-below", "ARG TAG=1\nFROM base:${TAG}\nARG TAG=2\nENV A=x$TAG\n"),
    Row("arg-before-from-given", "ARG TAG=none\nFROM base:${TAG}\nARG TAG\nENV A=x$TAG\n", args=("--build-arg", "TAG=1")),
    Row("arg-of-an-arg", "FROM base:1\nARG A=1\nARG B=${A}2 C=${A}3\nENV D=$B$C\n"),
    Row("arg-below-its-use", "FROM base:1\nENV A=x$B\nARG B=1\nENV C=x$B\n"),
    Row("arg-of-another-stage", "FROM base:1 AS one\nARG A=1\nENV X=$A\nFROM base:1\nENV B=x$A\n"),
    Row("arg-inherited-by-a-stage", "FROM base:1 AS one\nARG A=1\nENV X=$A\nFROM one\nENV B=x$A\n"),
    Row("arg-and-env", "FROM base:1\nARG A=arg\nENV A=env\nARG A=later\nENV B=$A\nRUN echo $A > /srv/x\n", args=("--build-arg", "A=given")),
    Row("arg-empty", "FROM base:1\nARG A=\nARG B\nENV C=x${A:-e}${B:-n}\n"),
    Row("arg-proxy", "FROM base:1\nRUN echo $http_proxy $HTTPS_PROXY > /srv/x\n", args=("--build-arg", "http_proxy=http://p", "--build-arg", "HTTPS_PROXY=q")),
    Row("arg-of-the-platform", "FROM base:1\nARG TARGETPLATFORM\nARG TARGETOS\nARG TARGETARCH\nARG BUILDPLATFORM\nENV A=$TARGETPLATFORM,$TARGETOS,$TARGETARCH,$BUILDPLATFORM\n"),
    Row("arg-of-the-platform-undeclared", "FROM base:1\nENV A=x$TARGETARCH\n"),
    Row("arg-in-paths", "FROM base:1\nARG NAME=a\nARG OWNER=web\nCOPY --chown=$OWNER ${NAME} /srv/${NAME}.txt\n", {"a": "a\n"}),
    Row("arg-with-spaces", 'FROM base:1\nARG A="b c"\nRUN echo "$A" > /srv/x\nLABEL l=$A\n'),
]  # fmt: skip
