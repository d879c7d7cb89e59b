"""What a chat remembers, and its slash commands. Knows nothing of terminals or HTTP."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from crofter.client import Reply, image_address, with_images
from crofter.core import CrofterError

HELP = """\
/model [NAME]    which model answers; with a name, switch to it
/image FILE      show the model an image, with the next question
/system [TEXT]   show or set the instructions for the model; /system - removes them
/undo            forget the last question and its answer
/clear           forget the whole conversation
/stats           speed and tokens of the last answer
/save FILE       write the conversation to a file
/quit            leave (also Ctrl-D)
Alt-Enter starts a new line; a line of three quotes (\"\"\") begins and ends a longer text.
Ctrl-C stops an answer."""


Message = Mapping[str, Any]
"""As in OpenAI's API: `role` and `content`, which is text, or images and text in parts."""


class ChatSession:
    """The conversation so far. `say` receives what a command has to tell."""

    def __init__(self, model: str, system: str | None, say: Callable[[str], None]) -> None:
        self.model = model
        self.system = system
        self.turns: list[Message] = []
        self.images: list[str] = []
        """Of the next question, as `data:` addresses."""
        self.last: Reply | None = None
        self.finished = False
        self._say = say
        self._commands: dict[str, Callable[[str], None]] = {
            "/help": lambda _: say(HELP),
            "/model": self._model,
            "/image": self._image,
            "/system": self._system,
            "/undo": lambda _: self._undo(),
            "/clear": lambda _: self._clear(),
            "/stats": lambda _: self._stats(),
            "/save": self._save,
            "/quit": lambda _: self._quit(),
            "/exit": lambda _: self._quit(),
        }

    @property
    def command_names(self) -> list[str]:
        """For completion."""
        return list(self._commands)

    def messages(self, question: str) -> list[Message]:
        """What to send for the next question."""
        return [*self._said(), self._asked(question)]

    def remember(self, question: str, answer: Reply) -> None:
        """Keep a question with what was answered, even if it was cut short; without any text nothing is kept."""
        self.last = answer
        if answer.text:
            self.turns += [self._asked(question), {"role": "assistant", "content": answer.text}]
            self.images = []

    def run_command(self, line: str) -> bool:
        """Run `line` if it is a command; False if it is meant for the model."""
        if not line.startswith("/"):
            return False
        name, _, argument = line.partition(" ")
        if "/" in name[1:]:
            return False  # a path, as in "/etc/hosts is empty: why?"
        command = self._commands.get(name)
        if command is None:
            self._say(f"there is no command {name}; /help lists them.")
        else:
            command(argument.strip())
        return True

    def _model(self, name: str) -> None:
        if name:
            self.model = name
        self._say(f"{self.model or 'the default model'} answers.")

    def _image(self, name: str) -> None:
        if not name:
            self._say("which image? /image FILE")
            return
        path = Path(name).expanduser()
        try:
            self.images.append(image_address(path))
        except OSError as error:
            self._say(f"cannot read {path}: {error.strerror}.")
            return
        except CrofterError as error:
            self._say(f"cannot show {path}: {error.message}.")
            return
        self._say(f"{path.name} goes with the next question.")

    def _system(self, text: str) -> None:
        if text:
            self.system = None if text == "-" else text
        self._say(f"instructions: {self.system}" if self.system else "no instructions.")

    def _undo(self) -> None:
        if not self.turns:
            self._say("nothing to undo.")
            return
        del self.turns[-2:]
        self._say("forgot the last question and its answer.")

    def _clear(self) -> None:
        self.turns.clear()
        self.images.clear()
        self.last = None
        self._say("forgot the conversation.")

    def _stats(self) -> None:
        if self.last is None:
            self._say("no answer yet.")
            return
        usage, timings, provenance = self.last.usage, self.last.timings, self.last.provenance
        parts: list[str] = []
        if usage is not None:
            parts += [f"{usage.prompt_tokens} tokens read", f"{usage.completion_tokens} tokens written"]
        if timings is not None:
            parts += [f"first after {timings.ttft_ms:.0f} ms", f"{timings.tokens_per_second:.1f} tokens/s"]
        if not parts:
            self._say("the last answer was stopped before its figures came.")
            return
        where = ", ".join(provenance.ran_on) if provenance is not None else ""
        self._say(", ".join(parts) + (f"; ran on {where}" if where else ""))

    def _save(self, name: str) -> None:
        if not name:
            self._say("save where? /save FILE")
            return
        path = Path(name).expanduser()
        lines = [f"## {turn['role']}\n\n{words(turn)}\n" for turn in self._said()]
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write("\n".join(lines))
        except OSError as error:
            self._say(f"cannot save to {path}: {error.strerror}.")
            return
        self._say(f"saved {len(self.turns)} messages to {path}.")

    def _quit(self) -> None:
        self.finished = True

    def _said(self) -> list[Message]:
        return ([{"role": "system", "content": self.system}] if self.system else []) + self.turns

    def _asked(self, question: str) -> Message:
        asked = {"role": "user", "content": question}
        return with_images(asked, self.images) if self.images else asked


def words(message: Message) -> str:
    """What a message says, without its images."""
    content = message["content"]
    return content if isinstance(content, str) else content[-1]["text"]
