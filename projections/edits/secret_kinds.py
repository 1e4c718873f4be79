"""What counts as a secret: one table, a row for each kind.  Every pattern begins where one of its literals does and is
bounded, so that looking at a file of any size and intent takes time in its size.
"""

import base64
import binascii
import re
from collections import Counter
from collections.abc import Callable
from math import log2
from typing import NamedTuple

AHEAD, BACK = 1024, 512
"""How far a pattern, and the line around it, may reach from a literal; in bytes."""


class Hit(NamedTuple):
    """A pattern's `match` in the bytes `data` of the file at `path`."""

    data: bytes
    match: re.Match[bytes]
    path: bytes


class Kind(NamedTuple):
    """A kind of secret: `pattern` is tried where one of the `literals` stands, and `check` looks at what it found.  Where
    there are none it is tried everywhere, in files whose path ends with `path`.
    """

    name: str
    literals: str
    pattern: bytes
    check: Callable[[Hit], bool] = lambda _: True
    path: bytes = b""


# -- checks


def entropy(text: bytes) -> float:
    """Return Shannon's entropy in bits a byte: 2.8 for hunter2, 3.7 and more for random hexadecimal digits."""
    return -sum(count / len(text) * log2(count / len(text)) for count in Counter(text).values())


_STANDS_FOR_ONE = re.compile(
    rb"""(?i)^[$<{%@&*.(/~]|\$[({]|<|\{\{|%[(sd]|\*{3}|x{4}|\.{3}|example|change[-_]?(me|it|this)|replace|placeholder|redacted
    |\byour|dummy|sample|insert|^https?:|^(null|none|nil|true|false|undefined|string|required|optional|default)\b
    |^\d+(\.\d+)+$""",
    re.VERBOSE,
)
_OF_ANOTHER = frozenset(
    b"file path dir url uri name names field fields length len min max policy type hint regex reset expires expiry "
    b"expiration prompt label input class hash enabled required count age confirm confirmation error errors message "
    b"column param parameter header algorithm hashes time date last status encoder encoding store pattern format "
    b"prefix suffix rule rules id ids valid validator provider endpoint service".split()
)
"""What a value is not secret of: PASSWORD_FILE, tokenType."""
_PARTS = re.compile(rb"[A-Z]?[a-z]+|[A-Z]+")
_CODE = re.compile(rb"(?i)\.([chm]|cc|cpp|hpp|cs|css|go|java|jsx?|kt|lua|map|mjs|php|p[lmy]|pyi|rb|rs|scala|sql|swift|tsx?)$")
_ENVIRONMENT = re.compile(rb"[ \t]*(?:export |declare -x |ENV |ARG |-e |Environment=|- )?[\"']?[A-Z0-9_]*")
_WORDS = re.compile(rb"[A-Za-z]+(?:[_.:/-][A-Za-z0-9]+)*")


class Assignment(NamedTuple):
    """NAME=VALUE in any spelling; `environment` where it is written as in an environment file."""

    value: bytes
    environment: bool


def _assigned(hit: Hit) -> Assignment | None:
    """What *hit* assigns, None where the value only stands for one, or where the name says that it is none."""
    match, data = hit.match, hit.data
    value = (match["double"] or match["single"] or match["bare"] or match["element"] or b"").rstrip(b"\\")
    if not value or _OF_ANOTHER & {part.lower() for part in _PARTS.findall(match["tail"])} or _STANDS_FOR_ONE.search(value):
        return None
    capitals = data[match.start() : match.end("tail")].isupper()
    environment = capitals and match["sign"] == b"=" and _ENVIRONMENT.fullmatch(_line_before(hit)) is not None
    if (match["sign"] == b"," and not capitals) or (match["bare"] and not environment and _CODE.search(hit.path)):
        return None
    return Assignment(value, environment)


def _line_before(hit: Hit) -> bytes:
    start = hit.match.start()
    return hit.data[max(0, start - 128) : start].rpartition(b"\n")[2]


def _is_password(hit: Hit) -> bool:
    found = _assigned(hit)
    if found is None or len(found.value) < 6 or entropy(found.value) < 2.5:
        return False
    return found.environment or (b" " not in found.value and re.search(rb"[^A-Za-z_.:/,-]", found.value) is not None)


def _is_key(hit: Hit) -> bool:
    found = _assigned(hit)
    if found is None or len(found.value) < 16 or entropy(found.value) < 3.2 or re.search(rb"[^\w+/=.~-]", found.value):
        return False
    return re.search(rb"\d", found.value) is not None and not _WORDS.fullmatch(found.value)


def _is_url_login(hit: Hit) -> bool:
    password = hit.match["value"]
    if re.fullmatch(rb"(?i)pass(word|wd)?", password) or _STANDS_FOR_ONE.search(password):
        return False
    return entropy(password) >= 2.5


def _is_registry_login(hit: Hit) -> bool:
    try:
        return b":" in base64.b64decode(hit.match["value"], validate=True)
    except binascii.Error:
        return False


def _is_account(hit: Hit) -> bool:
    """A password hash stands behind the name that begins the line."""
    before = _line_before(hit)
    return 0 < len(before) <= 64 and not re.search(rb"[\s:]", before)


def _is_dense(hit: Hit) -> bool:
    return entropy(hit.match["value"]) >= 3.5


def _is_random(hit: Hit) -> bool:
    return entropy(hit.match["value"]) >= 3.2 and not _STANDS_FOR_ONE.search(hit.match["value"])


# -- the table

_VALUE = (
    rb"""(?:"(?P<double>[^"\n]{4,200})"|'(?P<single>[^'\n]{4,200})'"""
    rb"""|(?P<bare>[^\s"'`<>()\[\]{};]{4,200}+)[ \t]{0,8}(?=\r?(?:\n|\Z)))"""
)
_ASSIGNED = (
    rb"""(?P<tail>[\w.-]{0,30}+)(?:>(?P<element>[^<\s"']{4,200})</|"""
    rb"""\\?+["'\]]{0,2}+[ \t]{0,8}+(?P<sign>=>|:=|=(?!=)|:(?!:)|,(?=[ \t]{0,8}["']))[ \t]{0,8}+\\?""" + _VALUE + rb")"
)
_END = rb"(?![0-9A-Za-z])"
_IS = rb"""\\?["']?[ \t]{0,8}(?:=>?|:)[ \t]{0,8}\\?["']?"""
_AWS = rb"(?P<value>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])"

TOKENS = (
    Kind("an AWS access key", "AKIA ASIA ABIA ACCA", rb"A(?:KI|SI|BI|CC)A[0-9A-Z]{16}" + _END),
    Kind("an AWS Bedrock key", "ABSK", rb"ABSK[A-Za-z0-9+/]{109}"),
    Kind("a GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_", rb"gh[pousr]_[0-9A-Za-z]{36}|github_pat_[0-9A-Za-z_]{60}"),
    Kind(
        "a GitLab token", "glpat- gloas- gldt- glrt- glcbt- glptt- glft- glimt- glagent- glsoat- glffct- glwt-",
        rb"gl(?:pat|oas|dt|rt|cbt|ptt|ft|imt|agent|soat|ffct|wt)-[0-9A-Za-z_-]{20}",
    ),
    Kind(
        "a Slack token", "xoxa- xoxb- xoxe- xoxe. xoxo- xoxp- xoxr- xoxs- xapp-",
        rb"(?:xox[abeoprs][-.]|xapp-)[0-9A-Za-z-]{16}",
    ),
    Kind("a Stripe key", "sk_live_ rk_live_ whsec_", rb"(?:[rs]k_live_[0-9A-Za-z]{20}|whsec_[0-9A-Za-z+/]{32})"),
    Kind("a Google API key", "AIza", rb"AIza[0-9A-Za-z_-]{35}" + _END),
    Kind("a Google OAuth client secret", "GOCSPX-", rb"GOCSPX-[0-9A-Za-z_-]{28}"),
    Kind("a Google access token", "ya29.", rb"ya29\.[0-9A-Za-z_-]{20}"),
    Kind("an npm token", "npm_", rb"npm_[0-9A-Za-z]{36}" + _END),
    Kind("a PyPI token", "pypi-AgE", rb"pypi-AgE(?:IcHlwaS5vcmc|NdGVzdC5weXBpLm9yZw)[0-9A-Za-z_-]{50}"),
    Kind("a Hugging Face token", "hf_", rb"hf_[0-9A-Za-z]{34}" + _END),
    Kind("an OpenAI key", "sk-", rb"sk-(?:(?:proj|svcacct|admin)-[0-9A-Za-z_-]{20}|[0-9A-Za-z]{20}T3BlbkFJ[0-9A-Za-z]{20})"),
    Kind("an Anthropic key", "sk-ant-", rb"sk-ant-[a-z]{3,5}\d\d-[0-9A-Za-z_-]{80}"),
    Kind("a SendGrid key", "SG.", rb"SG\.[0-9A-Za-z_-]{22}\.[0-9A-Za-z_-]{43}"),
    Kind("a Mailgun key", "key-", rb"key-[0-9a-f]{32}" + _END),
    Kind("a DigitalOcean token", "dop_v1_ doo_v1_ dor_v1_", rb"do[opr]_v1_[0-9a-f]{64}"),
    Kind("a Heroku token", "HRKU-", rb"HRKU-[0-9A-Za-z_-]{36}"),
    Kind("a Shopify token", "shpat_ shpca_ shppa_ shpss_", rb"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    Kind("a Square token", "sq0atp- sq0csp-", rb"sq0(?:atp|csp)-[0-9A-Za-z_-]{22}"),
    Kind("a Databricks token", "dapi", rb"dapi[0-9a-f]{32}" + _END),
    Kind("a Vault token", "hvs. hvb. hvr.", rb"hv[sbr]\.[0-9A-Za-z_-]{24}"),
    Kind("a Terraform Cloud token", "atlasv1.", rb"(?<=[0-9A-Za-z]{14}\.)atlasv1\.[0-9A-Za-z_=-]{60}"),
    Kind("a Docker Hub token", "dckr_pat_ dckr_oat_", rb"dckr_[po]at_[0-9A-Za-z_-]{27}"),
    Kind("a RubyGems key", "rubygems_", rb"rubygems_[0-9a-f]{48}"),
    Kind("a NuGet key", "oy2", rb"oy2[0-9a-z]{43}" + _END),
    Kind("an Atlassian token", "ATATT3", rb"ATATT3[0-9A-Za-z_=-]{100}"),
    Kind("a Linear key", "lin_api_", rb"lin_api_[0-9A-Za-z]{40}"),
    Kind("a Grafana token", "glsa_", rb"glsa_[0-9A-Za-z]{32}_[0-9a-f]{8}"),
    Kind("a New Relic key", "NRAK-", rb"NRAK-[0-9A-Z]{27}"),
    Kind("a Sentry token", "sntrys_ sntryu_", rb"sntry(?:s_eyJ[0-9A-Za-z+/=_]{40}|u_[0-9a-f]{64})"),
    Kind("a Postman key", "PMAK-", rb"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    Kind("a PlanetScale password", "pscale_", rb"pscale_(?:tkn|pw|oauth)_[0-9A-Za-z_.-]{32}"),
    Kind("a Tailscale key", "tskey-", rb"tskey-[a-z]{3,8}-[0-9A-Za-z-]{20}"),
    Kind("an age key", "AGE-SECRET-KEY-1", rb"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    Kind("a PuTTY private key", "PuTTY-User-Key-File-", rb"PuTTY-User-Key-File-\d: "),
    Kind("a JSON web token", "eyJ", rb"eyJ[0-9A-Za-z_-]{10,400}\.eyJ[0-9A-Za-z_-]{10,400}\.[0-9A-Za-z_-]{10}"),
)  # fmt: skip
"""Formats that their issuers document: each holds a run of at least `RUN` letters, digits and _ + = -, its literal in it or
at most 12 bytes before it; no letter or digit stands before them.
"""
RUN = 20

EVERYWHERE = (
    Kind(
        "a private key", "-----BEGIN ",
        rb"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?!(?:\r?\n|(?:\\r)?\\n)?[\x00\"'`<>.\[])",
    ),
    Kind(
        "a Slack webhook", "://",
        rb"://hooks\.slack\.com/(?:services|workflows)/[0-9A-Za-z_]{6,16}/[0-9A-Za-z_]{6,16}/[0-9A-Za-z]{16}",
    ),
    Kind("a Discord webhook", "://", rb"://[\w.]{0,20}discord(?:app)?\.com/api/webhooks/\d{17,20}/[0-9A-Za-z_-]{60}"),
    Kind(
        "a password in a URL", "://", rb"""://[^\s/:@"'<>]{0,64}:(?P<value>[^\s/:@"'<>]{3,128})@[0-9A-Za-z\[]""", _is_url_login
    ),
    Kind(
        "a registry's login", '"auth"', rb'"auth"[ \t]{0,8}:[ \t]{0,8}"(?P<value>[0-9A-Za-z+/]{4,400}={0,2})"',
        _is_registry_login,
    ),
    Kind("a Telegram bot token", ":AA", rb"(?<=\d{8}):AA[0-9A-Za-z_-]{33}" + _END),
    Kind(
        "a password hash", ":$ :{SHA}",
        rb":(?:\$(?:1|2[abxy]|5|6|7|y|gy|apr1|argon2id?)\$[^\s:]{20}|\{SHA\}[0-9A-Za-z+/]{27}=)", _is_account,
    ),
)  # fmt: skip
"""Found by more than a prefix."""

NAMED = (
    Kind("an AWS secret key", "secret", rb"(?i:secret[_-]?(?:access[_-]?)?key)\w{0,20}" + _IS + _AWS, _is_dense),
    Kind("an AWS session token", "token", rb"(?:(?<=session)|(?<=session[_-]))token" + _IS + rb"[0-9A-Za-z/+]{100}"),
    Kind("an Azure storage key", "key", rb"(?<=account)key" + _IS + rb"[0-9A-Za-z+/]{86}=="),
    Kind("a WireGuard key", "key", rb"(?<=private)key" + _IS + rb"[0-9A-Za-z+/]{43}="),
    Kind("a Google service account's key", "key", rb"(?<=private_)key_id" + _IS + rb"[0-9a-f]{40}"),
    Kind("a kubeconfig's client key", "key", rb"(?<=client-)key-data" + _IS + rb"[0-9A-Za-z+/]{40}"),
    Kind(
        "an Authorization header", "authorization",
        rb"authorization" + _IS + rb"(?:basic|bearer|token)[ \t]{1,8}(?P<value>[0-9A-Za-z+/=._~-]{16,200})", _is_random,
    ),
)  # fmt: skip
"""Found by the name before them, in capitals or not: literals are small here."""

ASSIGNED = (
    Kind(
        "a password", "pass pwd",
        rb"(?:pass(?:word|wort|wd|phrase|code)(?-i:(?![a-z]))|pass(?![a-z])|(?<![a-z])pwd)" + _ASSIGNED, _is_password,
    ),
    Kind(
        "a secret by its name", "secret token key credential",
        rb"(?:secret|token|credentials?|(?:(?<=api)|(?<=api[_-])|(?<=access)|(?<=access_)|(?<=private)|(?<=private_)"
        rb"|(?<=encryption_)|(?<=signing_)|(?<=auth_)|(?<=master_))key)" + _ASSIGNED, _is_key,
    ),
)  # fmt: skip
"""Found by a name of no one issuer, in capitals or not, in texts alone."""

FILES = (
    Kind("a password", "", rb"(?<!\S)password[ \t\r\n]{1,8}\S", path=rb"[._]netrc"),
    Kind(
        "a password", "", rb"^[^#:\n][^:\n]{0,255}:[^:\n]{0,15}:(?:[^:\n\\]|\\.){0,127}:(?:[^:\n\\]|\\.){1,127}:\S",
        path=rb"\.pgpass|pgpass\.conf",
    ),
    Kind("a login", "", rb"^[a-z]{2,16}://[^\s:/@]{0,128}:[^\s@]{1,200}@", path=rb"\.git-credentials|git/credentials"),
    Kind("a login", "", rb"(?:_auth|_password|_authToken)[ \t]{0,8}=[ \t]{0,8}\"?[0-9A-Za-z+/_-]{6}", path=rb"\.?npmrc"),
    Kind(
        "a registry's login", "", rb'"(?:auth|identitytoken|registrytoken)"\s{0,8}:\s{0,8}"[^"\s]{4}',
        path=rb"\.dockercfg|\.docker/config\.json|containers/auth\.json",
    ),
    Kind(
        "an AWS secret key", "", rb"^[ \t]{0,8}aws_(?:secret_access_key|session_token)[ \t]{0,8}=[ \t]{0,8}\S{16}",
        path=rb"\.aws/(?:credentials|config)|\.boto",
    ),
    Kind(
        "a token", "", rb"""^[ \t-]{0,16}(?:token|password)[ \t]{0,8}:[ \t]{0,8}["']?[^\s"'$<{]{8}""",
        path=rb"\.kube/config|(?:[^/]*\.)?kubeconfig(?:\.ya?ml)?",
    ),
    Kind(
        "a token", "", rb"""(?:token|api_key|password)["']?[ \t]{0,8}[:=][ \t]{0,8}["']?[^\s"'$<{,]{8}""",
        path=rb"\.cargo/credentials(?:\.toml)?|credentials\.tfrc\.json|\.terraformrc|\.gem/credentials|gh/hosts\.yml"
        rb"|composer/auth\.json",
    ),
    Kind(
        "a password", "",
        rb"""^[ \t]{0,16}(?:pass(?:word|wd)?|secret_key)(?:[ \t]{0,8}[=:]|[ \t])[ \t]{0,8}["']?[^\s"'$<{=:]""",
        path=rb"\.my\.cnf|\.pypirc|\.s3cfg|\.msmtprc|\.fetchmailrc|\.smbcredentials|\.mutt/muttrc",
    ),
    Kind("a PKCS#12 key store", "", rb"\A0\x82", path=rb"[^/]*\.(?:p12|pfx)"),
)  # fmt: skip
"""Found in files of one name alone: `path` is what the path ends with, after a slash."""
