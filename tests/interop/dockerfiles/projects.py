"""Dockerfiles in the shape of well-known projects': a compiled service, and a Python web application, on Debian's packages."""

import signal
from typing import Any, NamedTuple

from tests.cli.hosttrees import Node

PACKAGES = ("gcc", "libc6-dev", "make", "python3-flask")


class Project(NamedTuple):
    """`expected` is what it answers at /, on the port that its environment's PORT names."""

    dockerfile: str
    context: dict[str, Any]
    expected: bytes
    stop: int = signal.SIGTERM


_SERVER = """\
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
    signal(SIGTERM, _exit); /* the first process of a container ignores what it does not ask for */
    const char *text = "HTTP/1.0 200 OK\\r\\nContent-Type: text/plain\\r\\n\\r\\nservice " VERSION "\\n";
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    address.sin_port = htons(atoi(getenv("PORT")));
    int listening = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listening, (struct sockaddr *)&address, sizeof address) || listen(listening, 8)) {
        perror("service");
        return 1;
    }
    for (;;) {
        char request[4096];
        int client = accept(listening, NULL, NULL);
        if (read(client, request, sizeof request) > 0)
            write(client, text, strlen(text));
        close(client);
    }
}
"""

SERVICE = Project(
    """\
# syntax=docker/dockerfile:1
ARG BASE=debian:1
FROM ${BASE} AS build
ARG VERSION=1.0
ENV CFLAGS="-O2 -Wall -Werror"
WORKDIR /usr/src/service
COPY Makefile ./
COPY src/ src/
RUN set -eux; \\
    make VERSION="$VERSION"; \\
    # what is installed, and nothing else, goes on
    make install DESTDIR=/out

FROM ${BASE}
ARG VERSION
LABEL org.opencontainers.image.title="a service" \\
      org.opencontainers.image.version="${VERSION:-none}"
# a fixed number, as the images of databases have it, so that volumes keep their owner
RUN set -eux; \\
    groupadd --system --gid 999 service; \\
    useradd --system --uid 999 --gid service --home-dir /var/lib/service --no-log-init service; \\
    mkdir -p /var/lib/service; \\
    chown service:service /var/lib/service
COPY --from=build /out/usr/local/ /usr/local/
COPY --chmod=755 docker-entrypoint.sh /usr/local/bin/
RUN ln -s usr/local/bin/docker-entrypoint.sh /entrypoint.sh
ENV PORT=8080
VOLUME /var/lib/service
WORKDIR /var/lib/service
USER service
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=3s CMD ["service-check"]
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["service"]
""",
    {
        "src": {"service.c": _SERVER, "check.c": "int main(void) { return 0; }\n"},
        "Makefile": """\
PREFIX = /usr/local
all: service service-check
service: src/service.c
\t$(CC) $(CFLAGS) -DVERSION='"$(VERSION)"' -o $@ $<
service-check: src/check.c
\t$(CC) $(CFLAGS) -o $@ $<
install:
\tinstall -D service $(DESTDIR)$(PREFIX)/bin/service
\tinstall -D service-check $(DESTDIR)$(PREFIX)/bin/service-check
.PHONY: all install
""",
        "docker-entrypoint.sh": '#!/bin/sh\nset -e\nif [ "${1#-}" != "$1" ]; then\n  set -- service "$@"\nfi\nexec "$@"\n',
        "README.md": "is not copied\n",
    },
    b"service 2.0\n",
)

APPLICATION = Project(
    """\
FROM debian:1 AS base
ENV PYTHONUNBUFFERED=1 \\
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /app

FROM base AS test
COPY . .
RUN python3 -m unittest discover -s tests && date -u -d @0 > /tested

FROM base
RUN useradd --create-home --uid 1000 --no-log-init app
COPY --from=test /tested ./
COPY --chown=app:app templates templates
COPY --chown=app:app *.py entrypoint ./
RUN python3 -m compileall -q --invalidation-mode checked-hash . && chown -R app .
USER app
ENV PORT=5000 FLASK_APP=site_app
EXPOSE $PORT
ENTRYPOINT ["./entrypoint"]
CMD ["--no-reload"]
""",
    {
        "site_app.py": """\
from flask import Flask, render_template

app = Flask(__name__)


@app.get("/")
def page():
    return render_template("page.txt", name="application")
""",
        "templates": {"page.txt": "hello {{ name }}\n"},
        "tests": {
            "__init__.py": "",
            "test_site.py": """\
import unittest
from site_app import app


class Page(unittest.TestCase):
    def test_page(self):
        self.assertIn(b"hello", app.test_client().get("/").data)
""",
        },
        "entrypoint": Node('#!/bin/sh\nexec python3 -m flask run --host 127.0.0.1 --port "$PORT" "$@"\n', mode=0o755),
        "__pycache__": {"old.pyc": "stale"},
        ".git": {"HEAD": "ref: refs/heads/main\n"},
        "notes.md": "is not copied\n",
        ".dockerignore": "**/__pycache__\n.git\n*.md\n!tests\n",
    },
    b"hello application",
    signal.SIGINT,
)

TOMCAT = """\
ARG TOMCAT=localhost/tomcat:latest
FROM ${TOMCAT} AS upstream

FROM upstream AS settled
ARG PORT=8080
RUN sed -i -e "s/port=\\"8080\\"/port=\\"$PORT\\" address=\\"127.0.0.1\\"/" -e 's/port="8005"/port="-1"/' conf/server.xml

FROM upstream
COPY --from=upstream /usr/local/tomcat/webapps.dist/ webapps/
COPY --from=settled /usr/local/tomcat/conf/server.xml conf/
COPY <<PAGE webapps/ROOT/built.txt
built by layerlog
PAGE
CMD ["bin/catalina.sh", "run"]
"""
