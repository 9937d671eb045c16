"""What clients have in common: how they tell what went wrong."""

import errno
import ssl

import pytest

from inferd.upstream.client import Broken, HostUnknown, Refused, Unreachable, Untrusted, words


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
