"""``inferd embed``: texts in, one vector a line out, or the passages they are cut into."""

import argparse
import sys

import msgspec

from inferd.client import target, terminal
from inferd.client.failures import ClientFailure, Misuse
from inferd.client.intermixed import allow_options_anywhere


class _Offset(msgspec.Struct):
    start: int
    end: int


class _Passage(msgspec.Struct):
    text: str
    text_offset: _Offset
    # Never decoded: every digit of a vector comes out as it came in.
    embedding: msgspec.Raw


class _Vector(msgspec.Struct):
    embedding: msgspec.Raw


class _Passages(msgspec.Struct):
    chunks: list[_Passage]


class _Answer(msgspec.Struct):
    """An answer of any embedding task; which key it has is the task's affair."""

    text_embedding: list[_Vector] | None = None
    embeddings: list[_Vector] | None = None
    chunked_inference_service_result: list[_Passages] | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what ``inferd embed`` takes."""
    parser.add_argument("endpoint", metavar="ENDPOINT", help="id of a text_embedding or embedding endpoint")
    parser.add_argument("text", metavar="TEXT", nargs="*", help="a text; without any, each line of stdin is one")
    parser.add_argument(
        "--chunk",
        action="store_true",
        help="cut each text by the endpoint's chunking_settings and print its passages: with their offsets to a"
        " terminal, else as one JSON object a line, vector included",
    )
    parser.add_argument("--json", action="store_true", help="print the server's answer as it is")
    target.add_arguments(parser)
    allow_options_anywhere(parser)


def run(arguments: argparse.Namespace) -> int:
    """Embeds; gives the exit status."""
    return terminal.conclude(lambda: _embed(arguments))


def _embed(arguments: argparse.Namespace) -> None:
    server = target.Target.of(arguments)
    path = f"/_inference/{target.segment(arguments.endpoint)}"
    texts = arguments.text or _lines(terminal.piped_text())
    if not texts:
        raise Misuse("there is no text: give it as arguments or on stdin")

    from inferd.client.connection import exchange

    body = {"input": texts, **({"chunk": True} if arguments.chunk else {})}
    reply = exchange(server, "POST", path, body=body, query=server.inference_query())
    if arguments.json:
        return terminal.say(reply.text())
    answer = reply.read(_Answer)
    if answer.chunked_inference_service_result is not None:
        return _print_passages(answer.chunked_inference_service_result)
    vectors = answer.text_embedding if answer.text_embedding is not None else answer.embeddings
    if vectors is None:
        raise ClientFailure(f"endpoint [{arguments.endpoint}] answered without embeddings: it has another task")
    for vector in vectors:
        terminal.say(_one_line(vector.embedding).decode() + "\n")


def _lines(text: str) -> list[str]:
    """The lines of ``text``, empty ones too, so that line N of the output belongs to line N of the input."""
    # Not splitlines(): a form feed or U+2028 within a text does not end it.
    return text.removesuffix("\n").split("\n") if text else []


def _print_passages(results: list[_Passages]) -> None:
    write = _show if sys.stdout.isatty() else _record
    for number, result in enumerate(results):
        for passage in result.chunks:
            write(number, passage)


def _show(number: int, passage: _Passage) -> None:
    terminal.say_dimmed(f"[{number}] {passage.text_offset.start}-{passage.text_offset.end}")
    terminal.say(f" {passage.text}\n")


def _record(number: int, passage: _Passage) -> None:
    document = {"input": number, **msgspec.structs.asdict(passage)}
    document["embedding"] = msgspec.Raw(_one_line(passage.embedding))
    terminal.say(msgspec.json.encode(document).decode() + "\n")


def _one_line(numbers: msgspec.Raw) -> bytes:
    """An array of numbers without the white space that ``pretty`` or a proxy may have put into it."""
    return b"".join(bytes(numbers).split())
