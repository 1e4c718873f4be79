"""Names for containers that nobody named: an adjective and somebody who worked on time, order or memory."""

from collections.abc import Callable

PLAIN = 10
"""How many names are tried before one gets a number, and before that gets another digit."""

ADJECTIVES = (
    "ample", "brisk", "calm", "candid", "clever", "cosy", "crisp", "curious", "eager", "early", "exact", "fair", "fond",
    "frank", "gentle", "glad", "hardy", "honest", "jolly", "keen", "kind", "lively", "loyal", "lucid", "mellow", "merry",
    "mild", "neat", "nimble", "patient", "placid", "plain", "proud", "quick", "quiet", "ready", "robust", "serene", "sharp",
    "sincere", "spry", "steady", "sturdy", "sunny", "tidy", "vivid", "warm", "wise", "witty", "zesty",
)  # fmt: skip
PEOPLE = (
    "allen", "babbage", "backus", "bartik", "boole", "borg", "cerf", "church", "codd", "conway", "dijkstra", "easley",
    "engelbart", "erdos", "euler", "floyd", "franklin", "gauss", "germain", "godel", "goldberg", "goldwasser", "gray",
    "hamilton", "hamming", "harrison", "hilbert", "hoare", "hopper", "huygens", "iverson", "johnson", "kay", "keller",
    "knuth", "lamport", "liskov", "lovelace", "mauchly", "mccarthy", "merkle", "mirzakhani", "naur", "neumann", "noether",
    "perlis", "ritchie", "shannon", "sutherland", "tarjan", "thompson", "turing", "wheeler", "wilkes", "wing", "wirth",
    "zuse",
)  # fmt: skip


def nickname(taken: Callable[[str], bool], draw: Callable[[int], int]) -> str:
    """Return a name that is not *taken*; once most are, a number follows it.  draw(n) gives a number below n by chance."""
    attempt = 0
    while True:
        name = f"{ADJECTIVES[draw(len(ADJECTIVES))]}_{PEOPLE[draw(len(PEOPLE))]}"
        if attempt >= PLAIN:
            name += str(draw(10 ** (attempt // PLAIN)))
        if not taken(name):
            return name
        attempt += 1
