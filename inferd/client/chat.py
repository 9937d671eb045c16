"""``inferd chat``: one answer, or a conversation when typed at, streamed into the terminal."""

import argparse
import contextlib
import importlib
import sys

from inferd.client import target, terminal
from inferd.client.failures import ClientFailure, Misuse
from inferd.client.intermixed import allow_options_anywhere

Message = dict[str, str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what ``inferd chat`` takes."""
    parser.add_argument("endpoint", metavar="ENDPOINT", help="id of a chat_completion endpoint")
    parser.add_argument(
        "prompt",
        metavar="PROMPT",
        nargs="*",
        help="what to say; without it stdin is read, or a conversation begins on a terminal",
    )
    parser.add_argument("--system", metavar="TEXT", help="system message that goes first")
    parser.add_argument("--model", help="model to use instead of the endpoint's")
    parser.add_argument("--max-tokens", metavar="N", type=int, help="longest answer (max_completion_tokens)")
    parser.add_argument("--temperature", metavar="T", type=float)
    parser.add_argument("--no-reasoning", action="store_true", help="do not show reasoning (shown on a terminal only)")
    parser.add_argument("--usage", action="store_true", help="tell on stderr how many tokens were spent")
    target.add_arguments(parser)
    allow_options_anywhere(parser)


def run(arguments: argparse.Namespace) -> int:
    """Chats; gives the exit status."""
    return terminal.conclude(lambda: _chat(arguments))


def _chat(arguments: argparse.Namespace) -> None:
    talk = _Talk(arguments)
    if not arguments.prompt and terminal.typed_at():
        return _converse(talk)
    prompt = " ".join(arguments.prompt) if arguments.prompt else terminal.piped_text()
    if not prompt.strip():
        raise Misuse("there is no prompt: give it as arguments or on stdin")
    talk.ask(prompt)


class _Talk:
    """The messages exchanged with one endpoint, and how to exchange more."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._target = target.Target.of(arguments)
        self._path = f"/_inference/chat_completion/{target.segment(arguments.endpoint)}/_unified"
        self._settings = {
            "model": arguments.model,
            "max_completion_tokens": arguments.max_tokens,
            "temperature": arguments.temperature,
        }
        self._usage: bool = arguments.usage
        self._reasoning = not arguments.no_reasoning and sys.stdout.isatty()
        self._messages = [_message("system", arguments.system)] if arguments.system else []

    def ask(self, prompt: str) -> None:
        """Sends ``prompt`` with all that was said before and shows the answer.

        The turn is kept as far as something was answered: a question that failed, or was taken back before the first
        word, leaves no trace.
        """
        from inferd.client.answer import Answer
        from inferd.client.connection import listen

        messages = [*self._messages, _message("user", prompt)]
        given = {name: value for name, value in self._settings.items() if value is not None}
        answer = Answer(reasoning=self._reasoning)
        try:
            listen(self._target, self._path, {"messages": messages, **given}, answer.take)
            answer.finish(usage=self._usage)
        except (ClientFailure, KeyboardInterrupt):
            answer.break_off()
            raise
        finally:
            if answer.text:
                self._messages = [*messages, _message("assistant", answer.text)]


def _converse(talk: _Talk) -> None:
    """Asks for prompts until ``/quit`` or the end of input; a failure or Ctrl-C ends one answer only."""
    # Imported for its effect: line editing and history in input().
    with contextlib.suppress(ImportError):
        importlib.import_module("readline")
    terminal.note("/quit or Ctrl-D ends the conversation, Ctrl-C an answer")
    while True:
        try:
            prompt = _typed()
            if prompt == "/quit":
                return
            if prompt:
                talk.ask(prompt)
        except EOFError:
            return terminal.say("\n")
        except KeyboardInterrupt:
            terminal.say("\n")
        except ClientFailure as failure:
            terminal.note(str(failure))


def _typed() -> str:
    try:
        return input("> ").strip()
    except UnicodeDecodeError:
        raise Misuse(f"that was not {sys.stdin.encoding} text") from None


def _message(role: str, content: str) -> Message:
    return {"role": role, "content": content}
