"""A provider in Python: it translates chats, looks around if it is told to, and misbehaves for
models of some names. `tests/all/languages.rs` says what becomes of it.

The tools look for the resource `exchange` in a module that is named after its interface.
"""

# The component is the interpreter as it is after these imports. Later there are no files from
# which anything could be imported.
import json, os, socket, sys, time

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import provider as p
from wit_world.imports.events import Event_Finished, Event_Text, Finish, TextDelta
from wit_world.imports.types import Failure, FailureKind, JsonEdit_Set

SETTINGS = {}
SIGHTS = {
    "file": lambda: open("/etc/passwd"),
    "new file": lambda: open("left-behind", "w"),
    "folder": lambda: os.listdir("/"),
    "variable": lambda: os.environ["PATH"],
    "socket": lambda: socket.socket(),
    "address": lambda: socket.getaddrinfo(b"localhost", 80),
}
MISDEEDS = {
    "spin": lambda: any(iter(int, 1)),
    "hoard": lambda: bytearray(1 << 30),
    "sleep": lambda: time.sleep(3600),
    "exit": lambda: sys.exit(3),
    "raise": lambda: {}["nothing"],
}


def sight(look):
    try:
        return f"found {look()}"
    except Exception as error:
        return type(error).__name__


class Provider(exports.Provider):
    def describe(self):
        return p.Description(["chat"], [], [], [])

    def configure(self, settings):
        SETTINGS.update(json.loads(settings))

    def refused(self, head, body):
        return Failure(FailureKind.UPSTREAM, f"it answered {head.status}", None, None, None, [])

    def list_models_call(self):
        return None

    def read_models(self, head, body):
        return []


class Exchange(p.Exchange):
    finish = None

    @classmethod
    def start(cls, request):
        print("a chat with", request.model())
        MISDEEDS.get(request.model(), bool)()
        body = p.Body_Edited([JsonEdit_Set(("/model", json.dumps(request.model())))])
        framing = p.Framing.SSE if request.streaming() else p.Framing.WHOLE
        headers = [("content-type", "application/json")]
        call = p.HttpCall("POST", "/chat/completions", headers, body, framing, False, [])
        return cls(), p.Call_Http(call)

    def head(self, head):
        print("the upstream answers", head.status, file=sys.stderr)

    def frames(self, frames):
        data = [f.value[1] if isinstance(f, p.Frame_Sse) else f.value for f in frames]
        choices = [c for d in data if d != "[DONE]" for c in json.loads(d)["choices"]]
        for choice in choices:
            self.finish = choice["finish_reason"] or self.finish
        said = [(c.get("delta") or c.get("message") or {}).get("content") for c in choices]
        return [Event_Text(TextDelta(0, text)) for text in said if text]

    def end(self):
        if self.finish is None:
            raise Err(Failure(FailureKind.MALFORMED, "no finish came", None, None, None, []))
        sights = [f"{name}: {sight(look)}" for name, look in SIGHTS.items()]
        seen = f" Seen: {', '.join(sights)}." if SETTINGS.get("look_around") else ""
        finish = Event_Finished(Finish(0, self.finish, []))
        return p.Ending_Done([Event_Text(TextDelta(0, seen)), finish])
