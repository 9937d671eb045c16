"""Chunking settings from a request: defaults, bounds and Elasticsearch's texts for whatever is wrong with them.

Does not import ICU: the daemon reads settings at start, and cuts its first text much later or never.
"""

from collections.abc import Callable, Mapping

from inferd.errors import IllegalArgument, ValidationFailed
from inferd.schema.chunking import ChunkingSettings, NoneSettings, RecursiveSettings, SentenceSettings, WordSettings
from inferd.xcontent import java_text

DEFAULT = SentenceSettings()
DEFAULT_LIMIT = 300  # Elasticsearch's own until August 2025
DEFAULT_SIZE = 250
DEFAULT_WORD_OVERLAP = 100
SMALLEST_SENTENCE_SIZE = 20
SMALLEST_SIZE = 10
MOST_SEPARATORS = 50

# Elasticsearch's SeparatorGroup. The first group spells its line ends with a backslash; in the second each pattern
# begins with a real newline, which shows in the JSON of an endpoint.
PLAINTEXT = (r"(?<!\n)\n\n(?!\n)", r"(?<!\n)\n(?!\n)")
DASHED_HEADING = "\n^(?!\\s*$).*\\n-{1,}\\n"
DOUBLED_HEADING = "\n^(?!\\s*$).*\\n={1,}\\n"
MARKDOWN = (*(f"\n{'#' * depth} " for depth in range(1, 7)), DASHED_HEADING, DOUBLED_HEADING)
SEPARATOR_GROUPS: Mapping[str, tuple[str, ...]] = {"markdown": MARKDOWN, "plaintext": PLAINTEXT}

_SCOPE = "chunking_settings"


def parse(value: object, limit: int = DEFAULT_LIMIT) -> ChunkingSettings:
    """The settings in ``value``, the decoded JSON of ``chunking_settings``; None and ``{}`` are the default.

    ``limit`` is the largest ``max_chunk_size`` in words, 0 for none; a default size never lies above it.
    Every key is optional, and null stands for absent. IllegalArgument for an unknown strategy; ValidationFailed
    with all other problems, in the order of Elasticsearch's ``fromMap`` methods.
    """
    if value is not None and not isinstance(value, dict):
        raise ValidationFailed([_wrong_type(_SCOPE, value, "Map")])
    settings: Mapping[str, object] = value or {}
    strategy = settings.get("strategy")
    parser = _PARSERS.get("sentence" if strategy is None else java_text(strategy))
    if parser is None:
        raise IllegalArgument(f"Invalid chunkingStrategy {java_text(strategy)}")
    reader = _Reader(settings, limit)
    parsed = parser(reader)
    if reader.problems:
        raise ValidationFailed(reader.problems)
    return parsed


def read_limit_exceeded(pattern: str) -> IllegalArgument:
    """The failure for a search that took too many steps, in Elasticsearch's words."""
    return IllegalArgument(f"Chunk separator regex [{pattern}] has exceeded the character read limit")


class _Reader:
    """Takes settings out of one object and collects what is wrong; whatever is wrong reads as None."""

    def __init__(self, settings: Mapping[str, object], limit: int) -> None:
        self._settings = settings
        self._limit = limit
        self.problems: list[str] = []

    def refuse_others(self, strategy: str, *keys: str) -> None:
        others = [key for key in _java_order(self._settings) if key not in ("strategy", *keys)]
        if others:
            listed = ", ".join(others)
            self.problems.append(f"{strategy} chunking settings can not have the following settings: [{listed}]")

    def integer(self, key: str) -> int | None:
        """An Integer has 32 bits, and ``true`` and ``1.0`` are none."""
        value = self._settings.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and -(2**31) <= value < 2**31:
            return value
        self._refuse_type(key, value, "Integer")
        return None

    def string(self, key: str) -> str | None:
        value = self._settings.get(key)
        if isinstance(value, str):
            return value
        self._refuse_type(key, value, "String")
        return None

    def strings(self, key: str) -> tuple[str, ...] | None:
        items = self._settings.get(key)
        if not isinstance(items, list):
            self._refuse_type(key, items, "List")
            return None
        wrong = [_wrong_type(key, item, "String") for item in items if not isinstance(item, str)]
        self.problems.extend(wrong)
        return None if wrong else tuple(items)

    def bounded(self, key: str, default: int, least: int, most: int) -> int | None:
        """An integer from ``least`` to ``most`` (0: no bound); a bound is printed as Java prints doubles."""
        if self._settings.get(key) is None:
            return default
        number = self.integer(key)
        if number is None:
            return None
        bound = None
        if number <= 0:
            bound = f"[{number}]. [{key}] must be a positive integer"
        elif number < least:
            bound = f"[{float(number)}]. [{key}] must be greater than or equal to [{float(least)}]"
        elif most and number > most:
            bound = f"[{java_text(float(number))}]. [{key}] must be less than or equal to [{java_text(float(most))}]"
        if bound is not None:
            self.problems.append(f"[{_SCOPE}] Invalid value {bound}")
        return number if bound is None else None

    def size(self, least: int) -> int | None:
        default = min(DEFAULT_SIZE, self._limit) if self._limit else DEFAULT_SIZE
        return self.bounded("max_chunk_size", default, least, self._limit)

    def _refuse_type(self, key: str, value: object, java_type: str) -> None:
        if value is not None:
            self.problems.append(_wrong_type(key, value, java_type))


def _sentence(reader: _Reader) -> ChunkingSettings:
    reader.refuse_others("Sentence based", "max_chunk_size", "sentence_overlap")
    size = reader.size(SMALLEST_SENTENCE_SIZE)
    overlap = reader.integer("sentence_overlap")
    if overlap not in (None, 0, 1):
        reader.problems.append(f"sentence_overlap[{overlap}] must be either 0 or 1")
    return SentenceSettings(size or DEFAULT_SIZE, 1 if overlap is None else overlap)


def _word(reader: _Reader) -> ChunkingSettings:
    reader.refuse_others("Word based", "max_chunk_size", "overlap")
    size = reader.size(SMALLEST_SIZE)
    if size is None:
        return DEFAULT  # Never seen: a problem is on record, and the bound of the overlap is unknown.
    half = size // 2
    overlap = reader.bounded("overlap", min(DEFAULT_WORD_OVERLAP, half), 1, half)
    return WordSettings(size, overlap or half)


def _recursive(reader: _Reader) -> ChunkingSettings:
    reader.refuse_others("Recursive", "max_chunk_size", "separator_group", "separators")
    size = reader.size(SMALLEST_SIZE)
    group = _separator_group(reader)
    separators = reader.strings("separators")
    if separators is not None and group is not None:
        reader.problems.append("Recursive chunking settings can not have both separators and separator_set")
    elif separators is not None and not separators:
        reader.problems.append("Recursive chunking settings can not have an empty list of separators")
    elif separators is not None and len(separators) > MOST_SEPARATORS:
        reader.problems.append(f"separators list size [{len(separators)}] must not exceed [{MOST_SEPARATORS}]")
    return RecursiveSettings(size or DEFAULT_SIZE, group or separators or PLAINTEXT)


def _separator_group(reader: _Reader) -> tuple[str, ...] | None:
    name = reader.string("separator_group")
    group = None if name is None else SEPARATOR_GROUPS.get(name.strip().lower())
    if name is not None and group is None:
        known = ", ".join(sorted(SEPARATOR_GROUPS))
        reader.problems.append(
            f"[{_SCOPE}] Invalid value [{name}] received. [separator_group] must be one of [{known}]"
            if name
            else f"[{_SCOPE}] Invalid value empty string. [separator_group] must be a non-empty string"
        )
    return group


def _none(_: _Reader) -> ChunkingSettings:
    return NoneSettings()


_PARSERS: Mapping[str, Callable[[_Reader], ChunkingSettings]] = {
    "sentence": _sentence,
    "word": _word,
    "recursive": _recursive,
    "none": _none,
}


def _wrong_type(key: str, value: object, java_type: str) -> str:
    return (
        f"field [{key}] is not of the expected type. "
        f"The value [{java_text(value)}] cannot be converted to a [{java_type}]"
    )


def _java_order(settings: Mapping[str, object]) -> list[str]:
    """The keys of ``settings`` in the order in which a Java HashMap filled with them lists them."""
    buckets = 16
    while len(settings) > buckets * 3 // 4:
        buckets *= 2
    return sorted(settings, key=lambda key: _java_hash(key) % buckets)


def _java_hash(text: str) -> int:
    """String.hashCode, spread as HashMap spreads it."""
    units = text.encode("utf-16-le", "surrogatepass")
    code = 0
    for at in range(0, len(units), 2):
        code = (31 * code + int.from_bytes(units[at : at + 2], "little")) & 0xFFFFFFFF
    return code ^ (code >> 16)
