"""Each kind of secret has a line that is one and a line that is none.

No secret stands here as it is: | is taken out of every line, and R, H, ... are filled in, so that nobody's scanner stumbles.
"""

import base64
import re
from typing import NamedTuple

import pytest

from projections.edits import secret_kinds
from projections.edits.secret_scan import secrets

R = "q7Wx9ZkT4mNb2VcR8sLp5HgJ3fDy6QaE1tUoXi0KvBw7nMzC4rPd2SjGh8eYl5AfTu9IqOx3Wk6ZbNm1VcR"
H = "3f9a0c7b5e1d82643f9a0c7b5e1d8264" * 3


def filled(line: str) -> bytes:
    """Return *line* without its marks, {R40} being 40 random letters and digits, {H32} hexadecimal and {U16} in capitals."""
    found = line.replace("|", "")
    for size in (200, 120, 100, 91, 86, 68, 64, 60, 58, 48, 46, 43, 40, 36, 35, 34, 33, 32, 28, 27, 24, 22, 20, 19, 17, 16, 14, 12, 8):
        found = found.replace(f"{{R{size}}}", (R * 3)[:size]).replace(f"{{H{size}}}", H[:size])
        found = found.replace(f"{{U{size}}}", (R * 3).upper()[:size]).replace(f"{{L{size}}}", (R * 3).lower()[:size])
    assert "{R" not in found
    assert "{H" not in found
    return found.encode()


class Case(NamedTuple):
    kind: str
    secret: str
    harmless: str
    path: str = "srv/app/settings.txt"


LOGIN = base64.b64encode(b"ada:s3cr3t").decode()
CASES = (
    Case("a private key", "-----BEGIN| RSA PRIVATE KEY-----\nMIIE", "-----BEGIN| RSA PUBLIC KEY-----\nMIIE"),
    Case("a private key", "-----BEGIN| OPENSSH PRIVATE KEY-----", 'head = "-----BEGIN| OPENSSH PRIVATE KEY-----"', "lib/ssh.py"),
    Case("a private key", "  key: -----BEGIN| PGP PRIVATE KEY BLOCK-----", "write `-----BEGIN| PRIVATE KEY-----` above", "a.md"),
    Case("a private key", '"k": "-----BEGIN| PRIVATE KEY-----\\nMIIE\\n"', '"-----BEGIN| PRIVATE KEY-----\\n" + body', "k.json"),
    Case("an AWS access key", "id = AK|IA{U16}", "id = XAK|IA{U16}"),
    Case("an AWS Bedrock key", "export B=AB|SK{R120}", "export B=AB|SK{R48}"),
    Case("an AWS secret key", "aws_secret_|access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "aws_secret_|access_key = " + "x" * 40),
    Case("an AWS secret key", '"Secret|AccessKey": "{R40}"', '"Secret|AccessKey": "see {R40}"'),
    Case("an AWS session token", "aws_session_|token={R120}", "aws_session_|token=$SESSION"),
    Case("a GitHub token", "T=gh|p_{R36}", "T=gh|p_{R34}"),
    Case("a GitHub token", "github_|pat_{R60}", "github_|pat_{R36}"),
    Case("a GitLab token", "t: gl|pat-{R20}", "t: gl|pat-{R19}"),
    Case("a GitLab token", "gl|rt-{R20}", "xgl|rt-{R20}"),
    Case("a Slack token", "xox|b-1234567890-{R24}", "xox|b-your-own"),
    Case("a Slack webhook", "https://hooks.|slack.com/services/T0{U8}/B0{U8}/{R24}", "https://hooks.|slack.com/services/T/B/x"),
    Case("a Discord webhook", "https://discord|.com/api/webhooks/12345678901234567/{R60}{R8}", "https://discord|.com/api/webhooks/1/x"),
    Case("a Stripe key", "sk_|live_{R24}", "sk_|test_{R24}"),
    Case("a Stripe key", "whsec_|{R32}", "whsec_|{R16}"),
    Case("a Google API key", "AI|za{R35}", "AI|za{R35}{R8}"),
    Case("a Google OAuth client secret", "GOC|SPX-{R28}", "GOC|SPX-{R20}"),
    Case("a Google access token", "ya|29.{R20}{R40}", "ya|29.{R16}"),
    Case("a Google service account's key", '"private_|key_id": "{H40}"', '"private_|key_id": ""'),
    Case("an npm token", "npm|_{R36}", "npm|_{R36}{R8}"),
    Case("a PyPI token", "pypi-AgE|IcHlwaS5vcmc{R60}", "pypi-AgE|IcHlwaS5vcmc{R32}"),
    Case("a Hugging Face token", "hf|_{R34}", "hf|_{R20}"),
    Case("an OpenAI key", "OPENAI=sk-|proj-{R60}", "sk-|proj-name"),
    Case("an OpenAI key", "sk-|{R20}T3Blbk|FJ{R20}", "risk-|{R20}T3Blbk|FJ{R20}"),
    Case("an Anthropic key", "sk-ant-|api03-{R86}", "sk-ant-|api03-{R36}"),
    Case("a SendGrid key", "SG|.{R22}.{R43}", "SG|.{R22}.{R12}"),
    Case("a Mailgun key", "key|-{H32}", "monkey|-{H32}"),
    Case("a DigitalOcean token", "dop|_v1_{H64}", "dop|_v1_{H40}"),
    Case("a Heroku token", "HRKU|-{R36}", "HRKU|-{R22}"),
    Case("a Shopify token", "shpat|_{H32}", "shpat|_{R32}"),
    Case("a Square token", "sq0|atp-{R22}", "sq0|atp-{R20}"),
    Case("a Telegram bot token", "123456789|:AA{R33}", "1234567|:AA{R33}"),
    Case("a Databricks token", "dapi|{H32}", "dapi|{H34}"),
    Case("a Vault token", "hvs|.{R24}", "hvs|.{R16}"),
    Case("a Terraform Cloud token", "{R14}.atlas|v1.{R68}", "{R14}.atlas|v1.{R36}"),
    Case("a Docker Hub token", "dckr_|pat_{R27}", "dckr_|pat_{R20}"),
    Case("a RubyGems key", "rubygems|_{H48}", "rubygems|_{R48}"),
    Case("a NuGet key", "oy|2{L43}", "oy|2{L43}{L8}"),
    Case("an Atlassian token", "ATATT|3{R120}", "ATATT|3{R60}"),
    Case("a Linear key", "lin_|api_{R40}", "lin_|api_{R20}"),
    Case("a Grafana token", "glsa|_{R32}_{H8}", "glsa|_{R32}"),
    Case("a New Relic key", "NRAK|-{U27}", "NRAK|-{L27}"),
    Case("a Sentry token", "sntryu|_{H64}", "sntryu|_{R64}"),
    Case("a Postman key", "PMAK|-{H24}-{H34}", "PMAK|-{H24}"),
    Case("a PlanetScale password", "pscale|_pw_{R43}", "pscale|_pw_{R20}"),
    Case("a Tailscale key", "tskey|-auth-{R16}-{R20}", "tskey|-auth-{R16}"),
    Case("an age key", "AGE-SECRET-|KEY-1{U58}", "AGE-SECRET-|KEY-1{U46}"),
    Case("a PuTTY private key", "PuTTY-User-|Key-File-3: ssh-ed25519", "PuTTY-User-|Key-File-X"),
    Case("a JSON web token", "jwt eyJ|{R33}.eyJ|{R60}.{R43}", "jwt eyJ|{R33}.{R60}.{R43}"),
    Case("a registry's login", f'"au|th": "{LOGIN}"', '"au|th": "bearer"'),
    Case("a registry's login", f'"au|th":"{LOGIN}"', '"au|th":"{R43}"', "root/.dockerconfigjson"),
    Case("a registry's login", '"identity|token": "{R16}"', '"credsStore": "{R16}"', "root/.docker/config.json"),
    Case("a kubeconfig's client key", "client-|key-data: {R100}", "client-|key: /etc/kube/client.key"),
    Case("a password in a URL", "postgres://ada|:hunter2@db/shop", "postgres://ada|:${PASSWORD}@db/shop"),
    Case("a password in a URL", "redis://|:hunter2@cache:6379", "ssh://git@host:2222/x"),
    Case("a password in a URL", "amqp://u|:tr0ub4dor@mq", "https://user|:password@example.org"),
    Case("a password hash", "root|:$6$salt$" + "{R86}:19000:0:::", "root|:*:19000:0:::", "etc/shadow"),
    Case("a password hash", "ada|:$apr1$x1$" + "{R22}", "ada|:x:1000", "srv/.htpasswd"),
    Case("a password hash", "ada|:{SHA}" + "{R27}=", "ada|:{SHA}", "srv/.htpasswd"),
    Case("a WireGuard key", "Private|Key = {R43}=", "Public|Key = {R43}="),
    Case("an Azure storage key", "AccountName=x;Account|Key={R86}==;", "AccountName=x;Account|Key=$KEY;"),
    Case("an Authorization header", "Author|ization: Basic {R36}", "Author|ization: Basic <credentials-here>"),
    Case("an Authorization header", '-H "author|ization: bearer {R36}"', '-H "author|ization: bearer $TOKEN"'),
    Case("a password", "DB_PASS|WORD=hunter2", "DB_PASS|WORD=$DB"),
    Case("a password", "export MYSQL_PASS|='correct horse battery'", "PASS|WORD_FILE=/run/secrets/db"),
    Case("a password", "      - POSTGRES_PASS|WORD=tr0ub4dor", "PASS|WORD=changeme"),
    Case("a password", "spring.datasource.pass|word=tr0ub4dor&3", "spring.datasource.pass|word=${DB_PASSWORD}"),
    Case("a password", "pass|word: 'S3cr3t-Of-Ada'", "pass|word: 'Ihr Kennwort 1'", "ui.yml"),
    Case("a password", '"pass|wd": "xK9#mQ2!"', '"pass|word": "string"', "a.json"),
    Case("a password", 'pass|word = "xK9#mQ2!"', "pass|word = request.form2", "a.py"),
    Case("a password", "define('DB_PASS|WORD', 'xK9#mQ2!');", "f('pass|word', 'user2-id')", "wp-config.php"),
    Case("a password", "<pass|word>xK9#mQ2!</pass|word>", "<pass|word>secret</pass|word>", "a.xml"),
    Case("a password", '<user pass|word="xK9#mQ2!" roles="x"/>', '<user pass|word="<must-be-changed>" roles="x"/>', "a.xml"),
    Case("a secret by its name", "api_|key = '{R20}'", "api_|key = os.environ['X9']", "a.py"),
    Case("a secret by its name", "SECRET|_KEY={R32}", "SECRET|_KEY=none"),
    Case("a secret by its name", "token|: {H32}", "token|_type: {H32}", "a.yml"),
    Case("a secret by its name", 'Access_|Key: "{R24}"', 'Access_|Key: "some_long_name_of_2"', "a.yml"),
    Case("a password", "machine h login ada pass|word x9", "machine h login ada", "root/.netrc"),
    Case("a password", "machine h\n  pass|word\n  x9", "machine h\n  nopass|word\n  x9", "home/ada/_netrc"),
    Case("a password", "db:5432:*:ada:|x9", "# host:port:db:user:|x9", "root/.pgpass"),
    Case("a password", "*:*:*:a\\:b:|x9", "db:5432:*:ada:", "root/.pgpass"),
    Case("a login", "https://ada|:x9@git.example.org", "https://ada@git.example.org", "root/.git-credentials"),
    Case("a login", "//r.example.org/:_auth|Token={R20}", "//r.example.org/:_auth|Token=${NPM}", "root/.npmrc"),
    Case("an AWS secret key", "aws_secret_|access_key = {R20}", "aws_access_|key_id = {R20}", "root/.aws/credentials"),
    Case("a token", "    token|: abcdefgh", "    token|File: abcdefgh", "root/.kube/config"),
    Case("a token", 'token| = "abcdefgh"', "token| = $TOKENS_OF", "root/.cargo/credentials.toml"),
    Case("a password", "pass|word = x9", "pass|word = $MY", "root/.my.cnf"),
    Case("a PKCS#12 key store", "0\x02", "1\x02", "etc/server.p12"),
)


def found(text: bytes, path: str) -> set[str]:
    return {secret.kind for secret in secrets([text], path.encode())}


def as_bytes(line: str) -> bytes:
    return filled(line).replace(b"0\x02", b"0\x82")


@pytest.mark.parametrize("case", CASES)
def test_a_secret_is_found(case: Case) -> None:
    for around in (b"%b", b"first\n%b\nlast\n", b"first\r\n%b\r\nlast"):
        if case.kind != "a PKCS#12 key store" or around == b"%b":
            assert found(around % as_bytes(case.secret), case.path) == {case.kind}


@pytest.mark.parametrize("case", CASES)
def test_a_harmless_line_is_left_alone(case: Case) -> None:
    assert found(b"first\n%b\nlast\n" % as_bytes(case.harmless), case.path) == set()
    assert found(as_bytes(case.harmless), case.path) == set()


def test_every_kind_has_its_lines() -> None:
    kinds = (*secret_kinds.TOKENS, *secret_kinds.EVERYWHERE, *secret_kinds.NAMED, *secret_kinds.ASSIGNED, *secret_kinds.FILES)
    assert {case.kind for case in CASES} == {kind.name for kind in kinds}
    assert len({kind.name for kind in kinds}) >= 40


@pytest.mark.parametrize("kind", secret_kinds.FILES)
def test_every_name_of_a_file_has_its_line(kind: secret_kinds.Kind) -> None:
    named = [case for case in CASES if re.search(rb"(?:^|/)(?:%b)\Z" % kind.path, case.path.encode())]
    assert any(case.kind == kind.name for case in named)
    for case in named:  # nothing of it elsewhere, but what is one everywhere
        assert found(as_bytes(case.harmless), "srv/app/settings.txt") == set()


@pytest.mark.parametrize(("text", "bits"), [(b"aaaa", 0), (b"ab", 1), (b"abcdefgh", 3), (bytes(range(256)), 8)])
def test_entropy(text: bytes, bits: float) -> None:
    assert secret_kinds.entropy(text) == bits
