"""Values of a run config that instructions set: environments, ports, signals, durations.

Instructions of schema 1 are read by these rules too, for ever: one that admits more is another rule.
"""

import re

from eventstore.errors import InvalidError
from eventstore.model.paths import shown
from projections.oci.documents import Json, items

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs are looked for when an image does not say it: Docker's default."""
_PORT = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?(?:/(tcp|udp|sctp))?", re.ASCII | re.IGNORECASE)
_DURATIONS = {
    "interval": "Interval",
    "timeout": "Timeout",
    "start-period": "StartPeriod",
    "start-interval": "StartInterval",
}
_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_SPAN = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)(ns|us|µs|ms|s|m|h)", re.ASCII)


def environment(config: Json) -> dict[str, str]:
    """Return the Env of a run config, in its order."""
    return dict(item.partition("=")[::2] for item in items(config, "Env", str, "config"))


def ports(word: str) -> list[str]:
    """Return the ports that a word of EXPOSE names, each as "80/tcp"; raise InvalidError."""
    match = _PORT.fullmatch(word)
    low, high = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if match is None or not 0 < low <= high < 1 << 16:
        raise InvalidError(f"{shown(word)!r} is not a port")
    return [f"{port}/{(match[3] or 'tcp').lower()}" for port in range(low, high + 1)]


def check_signal(word: str) -> None:
    """Raise InvalidError unless *word* names a signal, as TERM, SIGTERM, RTMIN+3 or 15."""
    import signal  # noqa: PLC0415 - it builds its enumerations when imported

    name = word.upper().removeprefix("SIG")
    real_time = re.fullmatch(r"RTMIN(\+\d{1,2})?|RTMAX(-\d{1,2})?", name)
    known = f"SIG{name}" in signal.Signals.__members__ or (word.isascii() and word.isdigit() and 0 < int(word) <= 64)
    if not known and not real_time:
        raise InvalidError(f"{shown(word)!r} is not a signal")


def health_option(name: str, value: str) -> Json:
    """Return the field of Healthcheck that --NAME=VALUE of HEALTHCHECK sets; raise InvalidError."""
    if name == "retries" and value.isascii() and value.isdigit() and len(value) < 10:
        return {"Retries": int(value)}
    if name not in _DURATIONS:
        raise InvalidError(f"--{shown(name)}={shown(value)}: not an option of HEALTHCHECK")
    return {_DURATIONS[name]: _nanoseconds(value)}


def _nanoseconds(text: str) -> int:
    """The nanoseconds of a duration as Go writes it: 1m30s, 500ms."""
    spans = _SPAN.findall(text)
    total = sum(_trillionths(number) * _UNITS[unit] for number, unit in spans) // 10**12
    if "".join(number + unit for number, unit in spans) != text or not 10**6 <= total < 1 << 63:
        raise InvalidError(f"{shown(text)!r} is not a duration of at least 1ms, as 1m30s")
    return total


def _trillionths(number: str) -> int:
    whole, _, fraction = number.partition(".")
    return int(whole + fraction.ljust(12, "0"))
