"""Every way in which layerlog says no.

A message names the object, the reason and the next step, in one line; `exit_code` is what the command line returns.

    LayerlogError
    +-- NotFoundError       a name, id, path or point that is not there
    +-- AmbiguousError      an id prefix that several things share
    +-- ConflictError       a rule of the tree or of names forbids it (exists, not empty, not a directory, nothing to seal)
    |   +-- UnrecordedError a process that was killed left changes, which have to be recorded first
    +-- ConcurrencyError    somebody else appended first; says what moved
    +-- InvalidError        the input breaks a rule of its format (a path, a reference, a tar, a manifest)
    |   +-- MismatchError   bytes are not what their digest or size names
    +-- DamagedError        the store's own bytes are not what the log says
    +-- ErasedError         content that was erased on request
    +-- RegistryError       a registry cannot be reached, fails, or says no
    +-- StoreError          the store cannot be opened or written (missing, read-only, full, newer version)
"""


class LayerlogError(Exception):
    exit_code = 1


class NotFoundError(LayerlogError):
    pass


class AmbiguousError(LayerlogError):
    pass


class ConflictError(LayerlogError):
    pass


class UnrecordedError(ConflictError):
    """`container` is the id of one in which a process ran that was killed: what it changed has to be recorded first."""

    def __init__(self, message: str, container: str) -> None:
        super().__init__(message)
        self.container = container


class ConcurrencyError(LayerlogError):
    pass


class InvalidError(LayerlogError):
    pass


class MismatchError(InvalidError):
    pass


class DamagedError(LayerlogError):
    pass


class ErasedError(LayerlogError):
    """`content` is the digest of what was asked for and is gone."""

    def __init__(self, message: str, content: bytes) -> None:
        super().__init__(message)
        self.content = content


class StoreError(LayerlogError):
    pass


class RegistryError(LayerlogError):
    pass
