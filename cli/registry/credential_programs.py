"""Programs that keep credentials: docker-credential-NAME, asked on their stdin, answering on their stdout.

Protocol: github.com/docker/docker-credential-helpers.  Whatever they say may hold a secret, so no error repeats it.
"""

import json
import os
import re
import select
import shutil
import subprocess
import time
from contextlib import suppress
from typing import NamedTuple

from eventstore.errors import InvalidError, LayerlogError, NotFoundError
from eventstore.model.paths import shown
from projections.oci.documents import Json, field, read_object

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
_MISSING = b"credentials not found in native keychain"
_MAX_ANSWER = 1 << 20
_TIME_LIMIT = 60.0  # seconds; a person may have to unlock a keychain


class CredentialProgram(NamedTuple):
    """docker-credential-`suffix`, for which the file `asked_by` asks.

    Every method raises NotFoundError where there is no such program, InvalidError for a suffix that is none and for an
    answer that is none, and LayerlogError where the program fails or takes too long.
    """

    suffix: str
    asked_by: str

    @property
    def name(self) -> str:
        return f"docker-credential-{self.suffix}"

    def get(self, server: str) -> tuple[str, str] | None:
        """Return (user name, secret) for a server; None where it has none."""
        answer = self._run("get", server)
        if answer is None:
            return None
        try:
            found = read_object(answer, self.name)
            username, secret = (field(found, key, str, self.name, "") for key in ("Username", "Secret"))
        except InvalidError:
            raise self._no_answer("get") from None
        return (username, secret) if username or secret else None

    def store(self, server: str, username: str, secret: str) -> None:
        self._run("store", json.dumps({"ServerURL": server, "Username": username, "Secret": secret}, ensure_ascii=False))

    def erase(self, server: str) -> None:
        self._run("erase", server)

    def servers(self) -> list[str]:
        """Return what it has credentials for."""
        answer = self._run("list", "") or b"{}"
        try:
            found: Json = read_object(answer, self.name)
        except InvalidError:
            raise self._no_answer("list") from None
        return list(found)

    def _run(self, action: str, said: str) -> bytes | None:
        """Return what the program answers; None where it says that it has no such credentials."""
        command = [self._path(), action]
        try:
            code, answer = _answer(command, said.encode())
        except subprocess.TimeoutExpired:
            raise LayerlogError(f"{self.name} {action}: no answer within {_TIME_LIMIT:.0f} s; {self._next_step()}") from None
        except OSError as error:
            raise LayerlogError(f"{self.name}: cannot be run ({error.strerror}); {self._next_step()}") from None
        if code and answer.strip() == _MISSING:
            return None
        if code:
            raise LayerlogError(f"{self.name} {action}: it failed ({_ending(code)}); {self._next_step()}")
        if len(answer) > _MAX_ANSWER:
            raise self._no_answer(action)
        return answer

    def _path(self) -> str:
        if not re.fullmatch(_NAME, self.suffix, re.ASCII):
            wrong = "a credential program is named by letters, digits, . _ and - alone"
            raise InvalidError(f"{shown(self.asked_by)}: {wrong}; correct its credsStore or credHelpers")
        path = shutil.which(self.name)
        if path is None:
            asked = f"{self.name}, which {shown(self.asked_by)} asks for"
            raise NotFoundError(f"{asked}, is not on the PATH; install it, or take it out of that file")
        return path

    def _next_step(self) -> str:
        return f"try `{self.name} list`, or take it out of {shown(self.asked_by)}"

    def _no_answer(self, action: str) -> InvalidError:
        return InvalidError(f"{self.name} {action}: its answer is not that of a credential program; {self._next_step()}")


def _answer(command: list[str], said: bytes) -> tuple[int, bytes]:
    """Return (exit code, stdout or the beginning of too much of it); TimeoutExpired when the time is over.

    It stays in our process group, for it may ask on the terminal; so its children can outlive it, and are not waited for.
    """
    until = time.monotonic() + _TIME_LIMIT
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    with process:
        try:
            return _talk(process, said, until)
        except BaseException:
            process.kill()
            raise


def _talk(process: subprocess.Popen[bytes], said: bytes, until: float) -> tuple[int, bytes]:
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(BrokenPipeError):  # who answers without listening
        process.stdin.write(said)
        process.stdin.flush()
    with suppress(BrokenPipeError):
        process.stdin.close()
    answer, ready = b"", select.poll()
    ready.register(process.stdout, select.POLLIN)
    while len(answer) <= _MAX_ANSWER:
        if not ready.poll(1000 * max(0, until - time.monotonic())):
            raise subprocess.TimeoutExpired(process.args, _TIME_LIMIT)
        chunk = os.read(process.stdout.fileno(), 65536)
        if not chunk:
            return process.wait(max(0, until - time.monotonic())), answer
        answer += chunk
    process.kill()
    return 0, answer


def _ending(code: int) -> str:
    return f"exit code {code}" if code > 0 else f"signal {-code}"
