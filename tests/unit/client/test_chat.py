"""chat: one answer or a conversation, as a person or a pipe meets it."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from inferd.client import chat
from tests.unit.client.conftest import AtTerminal, Call, Pipe
from tests.unit.client.scripted import LONG, ScriptedServer, answer, chunk, event
from tests.unit.client.typist import Step, Typist

PROGRAM = """
import argparse, sys
from inferd.client import chat
parser = argparse.ArgumentParser()
chat.add_arguments(parser)
sys.exit(chat.run(parser.parse_args()))
"""
AT_OWN_TERMINAL = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)" + PROGRAM


def interrupt() -> None:
    """What Ctrl-C does to this process."""
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def wait(gate: threading.Event) -> Callable[[], object]:
    """A server's step that waits for the test."""
    return lambda: gate.wait(LONG)


def test_it_prints_the_answer(server: ScriptedServer, call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    server.reply_events(chunk(role="assistant", content=""), chunk(content="Grüße, "), chunk(content="世界 🎉"))
    assert call(chat, "greeter", "Say", "hello") == 0
    assert capsys.readouterr() == ("Grüße, 世界 🎉\n", "")
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.query) == ("POST", "/_inference/chat_completion/greeter/_unified", {})
    assert asked.json() == {"messages": [{"role": "user", "content": "Say hello"}]}
    assert asked.headers["accept"] == "text/event-stream"
    assert asked.headers["content-type"] == "application/json"
    assert "authorization" not in asked.headers


def test_every_option_reaches_the_server(
    server: ScriptedServer, call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    usage = {"completion_tokens": 28, "prompt_tokens": 16, "total_tokens": 44}
    server.reply_events(chunk(content="Oui.\n"), chunk("stop"), chunk(usage=usage))
    options = ["--system", "Be brief", "--model", "m2", "--max-tokens", "9", "--temperature", "0.5"]
    assert call(chat, *options, "--api-key", "k1", "--timeout", "2.5", "a/b", "--usage", "Eh?") == 0
    assert capsys.readouterr() == ("Oui.\n", "inferd: 16 prompt + 28 answer = 44 tokens\n")
    (asked,) = server.asked
    assert asked.path == "/_inference/chat_completion/a%2Fb/_unified"
    assert asked.query == {"timeout": "2500ms"}
    assert asked.headers["authorization"] == "ApiKey k1"
    assert asked.json() == {
        "messages": [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "Eh?"}],
        "model": "m2",
        "max_completion_tokens": 9,
        "temperature": 0.5,
    }


def test_an_answer_may_be_a_tool_call_alone(
    server: ScriptedServer, call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    server.reply_events(chunk(tool_calls=[{"index": 0, "function": {"name": "f", "arguments": "{}"}, "type": None}]))
    assert call(chat, "e", "hi") == 0
    assert capsys.readouterr() == ("tool call: f({})\n", "")


def test_the_prompt_may_come_from_a_pipe(server: ScriptedServer, call: Call, pipe: Pipe) -> None:
    server.reply_events(chunk(content="yes"))
    pipe("one\ntwo\n")
    assert call(chat, "e") == 0
    assert server.asked[0].json()["messages"] == [{"role": "user", "content": "one\ntwo\n"}]


def test_nothing_to_say_is_a_wrong_use(
    server: ScriptedServer, call: Call, pipe: Pipe, capsys: pytest.CaptureFixture[str]
) -> None:
    pipe(" \n")
    assert call(chat, "e") == 2
    assert capsys.readouterr().err == "inferd: there is no prompt: give it as arguments or on stdin\n"
    assert call(chat, "e", "") == 2
    assert server.asked == []


def test_a_refusal_is_told(server: ScriptedServer, call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    refusal = {"error": {"code": "not_found", "message": "Inference endpoint not found [e]", "type": "x"}}
    server.reply(*answer(404, event(refusal, "error"), "text/event-stream"))
    assert call(chat, "e", "hi") == 1
    assert capsys.readouterr() == ("", f"inferd: {server.url} answered 404: Inference endpoint not found [e]\n")


def test_a_failure_in_the_middle_gets_its_own_line(
    server: ScriptedServer, call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    failure = {"error": {"code": "stream_error", "message": "upstream left", "type": "x"}}
    server.reply_events(chunk(content="Half a"), event(failure, "error"), done=False)
    assert call(chat, "e", "hi") == 1
    assert capsys.readouterr() == ("Half a\n", f"inferd: {server.url} broke off its answer: upstream left\n")


def test_each_piece_is_shown_before_the_next_comes(server: ScriptedServer) -> None:
    shown = threading.Event()
    server.reply_events(chunk(content="first"), wait(shown), chunk(content=" second"))
    with subprocess.Popen([sys.executable, "-c", PROGRAM, "e", "hi"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read(5) == b"first"
        shown.set()
        assert process.stdout.read() == b" second\n"
    assert process.returncode == 0


def test_ctrl_c_ends_it_quietly(server: ScriptedServer) -> None:
    over = threading.Event()
    server.reply_events(chunk(content="first"), wait(over))
    command = [sys.executable, "-c", PROGRAM, "e", "hi"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read(5) == b"first"
        process.send_signal(signal.SIGINT)
        assert process.communicate() == (b"\n", b"")
    over.set()
    assert process.returncode == 130


def test_a_reader_that_leaves_ends_it_quietly(server: ScriptedServer) -> None:
    gone = threading.Event()
    server.reply_events(chunk(content="first"), wait(gone), chunk(content="second"))
    command = [sys.executable, "-c", PROGRAM, "e", "hi"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.read(5)
        process.stdout.close()
        gone.set()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_a_conversation_keeps_what_was_said(server: ScriptedServer, at_terminal: AtTerminal) -> None:
    server.reply_events(chunk(content="Paris."))
    server.reply_events(chunk(content="Two million."))
    status, screen = at_terminal(
        chat,
        "e",
        "--system",
        "Be brief",
        steps=[("> ", "Capital of France?\n"), ("Paris.", ""), ("> ", "\n"), ("> ", "How big?\n"), ("> ", "/quit\n")],
    )
    assert status == 0
    assert [message["content"] for message in server.asked[1].json()["messages"]] == [
        "Be brief",
        "Capital of France?",
        "Paris.",
        "How big?",
    ]
    assert [message["role"] for message in server.asked[1].json()["messages"]] == [
        "system",
        "user",
        "assistant",
        "user",
    ]
    assert "Two million." in screen


def test_ctrl_c_ends_an_answer_and_ctrl_d_the_conversation(server: ScriptedServer, at_terminal: AtTerminal) -> None:
    arrived, over = threading.Event(), threading.Event()

    def interrupt_the_silence() -> None:
        arrived.wait(LONG)
        interrupt()

    server.reply_events(chunk(content="On and"), wait(over))
    server.reply_events(arrived.set, wait(over))
    server.reply_events(chunk(content="fine"))
    status, screen = at_terminal(
        chat,
        "e",
        steps=[
            ("> ", "Tell me everything\n"),
            ("On and", interrupt),
            ("> ", "Never mind\n"),
            ("Never mind", interrupt_the_silence),
            ("> ", "Well?\n"),
            ("fine", ""),
            ("> ", "\x04"),
        ],
    )
    over.set()
    assert status == 0
    # What was heard before Ctrl-C is remembered; a question taken back before the first word is not.
    assert [message["content"] for message in server.asked[2].json()["messages"]] == [
        "Tell me everything",
        "On and",
        "Well?",
    ]


def test_ctrl_c_at_the_prompt_takes_back_the_line(
    server: ScriptedServer, at_terminal: AtTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: Iterator[BaseException | str] = iter([KeyboardInterrupt(), "/quit"])

    def typed(prompt: str) -> str:
        line = next(lines)
        if isinstance(line, BaseException):
            raise line
        return line

    monkeypatch.setattr("builtins.input", typed)
    assert at_terminal(chat, "e", steps=[]) == (0, "\r\n")


def test_a_failed_answer_does_not_end_the_conversation(
    server: ScriptedServer, at_terminal: AtTerminal, capsys: pytest.CaptureFixture[str]
) -> None:
    server.reply_json({"error": "no", "status": 429}, 429)
    server.reply_events(chunk(content="now"))
    steps: list[Step] = [("> ", "One\n"), ("> ", "Two\n"), ("now", ""), ("> ", "\x04")]
    status, _ = at_terminal(chat, "e", steps=steps)
    assert status == 0
    assert f"inferd: {server.url} answered 429: no\n" in capsys.readouterr().err
    assert server.asked[1].json()["messages"] == [{"role": "user", "content": "Two"}]


def test_typing_what_is_not_text_is_told(
    server: ScriptedServer, at_terminal: AtTerminal, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = iter([b"caf\xe9", b"/quit"])
    monkeypatch.setattr("builtins.input", lambda prompt: next(lines).decode())
    assert at_terminal(chat, "e", steps=[])[0] == 0
    assert capsys.readouterr().err.endswith("inferd: that was not utf-8 text\n")


@pytest.mark.parametrize(("options", "shown"), [([], True), (["--no-reasoning"], False)])
def test_reasoning_is_dimmed_on_a_terminal(
    options: list[str], shown: bool, server: ScriptedServer, at_terminal: AtTerminal
) -> None:
    server.reply_events(chunk(reasoning="Hmm."), chunk(content="Yes."))
    status, screen = at_terminal(chat, *options, "e", "hi", steps=[("Yes.", "")])
    assert status == 0
    assert screen == ("\x1b[2mHmm.\x1b[0m\r\n" if shown else "") + "Yes.\r\n"


def test_reasoning_does_not_go_into_a_pipe(
    server: ScriptedServer, call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    server.reply_events(chunk(reasoning="Hmm."), chunk(content="Yes."))
    assert call(chat, "e", "hi") == 0
    assert capsys.readouterr().out == "Yes.\n"


def test_a_real_terminal_sends_ctrl_c_and_ctrl_d(server: ScriptedServer) -> None:
    over = threading.Event()
    server.reply_events(chunk(content="On and"), wait(over))
    master, slave = os.openpty()
    typist = Typist(master, [("> ", "Go\r"), ("On and", "\x03"), ("> ", "\x04")])
    command = [sys.executable, "-c", AT_OWN_TERMINAL, "e"]
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True) as process:
        os.close(slave)
        typist.start()
        typist.join(LONG)
        over.set()
    os.close(master)
    assert typist.steps == [] and process.returncode == 0
    assert "Traceback" not in typist.screen
