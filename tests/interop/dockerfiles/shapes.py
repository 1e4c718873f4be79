"""Rows: the shapes of whole projects (see projects.py), with the programs of a small image."""

from tests.cli.hosttrees import Node
from tests.interop.dockerfiles.row import Row

ROWS = [
    Row(
        "shape-of-a-service",
        """\
ARG BASE=base:1
FROM ${BASE} AS build
ARG VERSION=1.0
ENV FLAGS="-a -b"
WORKDIR /usr/src/service
COPY Makefile ./
COPY src/ src/
RUN set -eu; \\
    mkdir -p /out/usr/local/bin; \\
    # what is installed, and nothing else, goes on
    echo "$VERSION $FLAGS" > /out/usr/local/bin/service; cat src/*.c >> /out/usr/local/bin/service; \\
    chmod 755 /out/usr/local/bin/service
FROM ${BASE}
ARG VERSION
LABEL org.opencontainers.image.version="${VERSION:-none}"
COPY --from=build /out/usr/local/ /usr/local/
COPY --chmod=755 docker-entrypoint.sh /usr/local/bin/
RUN ln -s usr/local/bin/docker-entrypoint.sh /entrypoint.sh
RUN mkdir -p /var/lib/service && chown web:web /var/lib/service
ENV PORT=8080
WORKDIR /var/lib/service
USER web
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=3s CMD ["service-check"]
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["service"]
""",
        {"Makefile": "all:\n", "src": {"a.c": "a\n", "b.c": "b\n"}, "docker-entrypoint.sh": "#!/bin/sh\n", "README.md": "no\n"},
        ("--build-arg", "VERSION=2.0"),
    ),
    Row(
        "shape-of-an-application",
        """\
FROM base:1 AS base
ENV UNBUFFERED=1 \\
    NO_BYTECODE=1
WORKDIR /app
FROM base AS test
COPY . .
RUN test -f tests/one && test ! -e .git && test ! -e notes.md && echo ok > /tested
FROM base
COPY --from=test /tested ./
COPY --chown=web:web templates templates
COPY --chown=web:web *.py entrypoint ./
RUN chown -R web .
USER web
ENV PORT=5000
EXPOSE $PORT
ENTRYPOINT ["./entrypoint"]
CMD ["--no-reload"]
""",
        {
            "site.py": "site\n", "templates": {"page": "page\n"}, "tests": {"one": "1"}, "entrypoint": Node("#!/bin/sh\n", mode=0o755),
            "__pycache__": {"old": "old"}, ".git": {"HEAD": "main"}, "notes.md": "no", ".dockerignore": "**/__pycache__\n.git\n*.md\n!tests\n",
        },
    ),
    Row(
        "shape-of-tomcat",
        """\
FROM base:1 AS upstream
RUN mkdir -p /usr/local/tomcat/webapps /usr/local/tomcat/webapps.dist/ROOT /usr/local/tomcat/conf \\
 && echo page > /usr/local/tomcat/webapps.dist/ROOT/index && echo 8080 > /usr/local/tomcat/conf/port
WORKDIR /usr/local/tomcat
FROM upstream AS settled
ARG PORT=8080
RUN echo $PORT > conf/port
FROM upstream
COPY --from=upstream /usr/local/tomcat/webapps.dist/ webapps/
COPY --from=settled /usr/local/tomcat/conf/port conf/
CMD ["bin/catalina.sh", "run"]
""",
        args=("--build-arg", "PORT=8081"),
    ),
]  # fmt: skip
