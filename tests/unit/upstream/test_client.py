"""What clients have in common: how they tell what went wrong."""

import errno
import ssl

import pytest

from inferd.upstream.client import Broken, HostUnknown, Refused, Unreachable, Untrusted, pushed, words
from tests.unit.upstream.pretended import Answer, now
from tests.unit.virtual_time import run


def certificate_problem() -> ssl.SSLCertVerificationError:
    problem = ssl.SSLCertVerificationError(1, "to hunter2")
    problem.verify_message = "certificate has expired"
    return problem


def tls_problem() -> ssl.SSLError:
    problem = ssl.SSLError(1, "to hunter2")
    problem.reason = "WRONG_VERSION_NUMBER"
    return problem


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (OSError(errno.ECONNREFUSED, "Connect call failed ('10.0.0.1', 80)"), "Connection refused"),
        (ConnectionResetError(errno.ECONNRESET, "hunter2"), "Connection reset by peer"),
        (OSError("hunter2"), "OSError"),
        (ValueError("hunter2"), "ValueError"),
        (certificate_problem(), "certificate has expired"),
        (tls_problem(), "TLS failed: WRONG_VERSION_NUMBER"),
    ],
)
def test_a_problem_is_told_in_the_system_s_words_and_never_in_its_own(problem: Exception, told: str) -> None:
    assert words(problem) == told


def test_only_a_request_without_any_answer_may_be_sent_again() -> None:
    assert Unreachable.again
    assert not any(trouble.again for trouble in (HostUnknown, Refused, Untrusted, Broken))


@pytest.mark.parametrize(("last", "end"), [(b"two", False), (b"none", True)])
def test_what_can_only_be_read_can_be_pushed_too(last: bytes, end: bool) -> None:
    async def scenario() -> list[bytes]:
        taken: list[bytes] = []

        def take(data: bytes) -> bool | None:
            taken.append(data)
            return None if data == last else True

        assert await pushed(Answer(200, b"one", 9.0, b"two"), take, 10) is end
        return taken

    assert run(scenario()) == [b"one", b"two"]


@pytest.mark.parametrize(("heard", "after"), [(True, 13.0), (False, 10.0)])
def test_what_is_pushed_has_to_come_in_time(heard: bool, after: float) -> None:
    async def scenario() -> None:
        began = now()
        with pytest.raises(TimeoutError):
            await pushed(Answer(200, 3.0, b"one", 19.0, b"two"), lambda _: heard, 10)
        assert now() - began == pytest.approx(after, abs=0.01)

    run(scenario())
