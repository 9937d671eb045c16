"""JSON for people, as Elasticsearch writes it for ``pretty``: the same tokens with white space between them."""

import re

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^"{}\[\],:\s]+', re.DOTALL)


def pretty(raw: bytes) -> bytes:
    """Well-formed ``raw`` indented by two spaces, colons between spaces, a line feed at the end (Jackson's printer).

    No token is touched: numbers keep every digit.
    """
    tokens = _TOKEN.findall(raw)
    written: list[bytes] = []
    line = b"\n"
    for at, token in enumerate(tokens):
        if token in (b"{", b"["):
            empty = tokens[at + 1] in (b"}", b"]")
            line = line if empty else line + b"  "
            written += (token, b" " if empty else line)
        elif token in (b"}", b"]"):
            if tokens[at - 1] not in (b"{", b"["):
                line = line[:-2]
                written.append(line)
            written.append(token)
        elif token == b",":
            written += (token, line)
        else:
            written.append(b" : " if token == b":" else token)
    return b"".join(written) + b"\n"
