"""How does a person converse with Lua? In a sandbox that stays: what one text defines, the next one sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from llmspell.limits import MAX_INTEGER
from llmspell.scripting.bindings import Bindings
from llmspell.scripting.conversation import Conversation
from llmspell.scripting.host import Host
from llmspell.scripting.lua_border import Border
from llmspell.scripting.lua_sandbox import Sandbox, exceed_memory, is_out_of_memory, new_runtime
from llmspell.scripting.lua_state import build_state, hint
from llmspell.scripting.session import Evaluation

if TYPE_CHECKING:
    from llmspell.scripting.run import Run
    from llmspell.scripting.session import Outcome, Session

_NAME = b"repl"
"""How errors call every text."""


def open_session(run: Run) -> Session:
    """Begin a conversation. Globals live as long as it does, local variables as long as their text.

    The limits of the run's settings hold for each text, but memory: that is for the whole conversation.
    """
    return Conversation(run, LuaInterpreter)


class LuaInterpreter:
    """One runtime that runs texts. It must be made, used and closed in one thread.

    Between the texts its memory has no limit: one that is reached while Python hands something over would end the
    process.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._host = host = Host(run)
        limit = run.settings.memory_limit_bytes
        self._bindings = Bindings(run.store, host.stopping, limit) if run.store else None
        # Only what counts instructions can be stopped.
        settings = run.settings._replace(max_instructions=run.settings.max_instructions or MAX_INTEGER)
        lua = self._lua = new_runtime()
        border = self._border = Border(lua, run)
        true_globals = lua.globals()
        self._set_hook = true_globals[b"debug"][b"sethook"]
        sandbox = Sandbox(lua, border, host.functions(), settings)
        state = build_state(sandbox, border, host, self._bindings) if self._bindings else None
        limit_memory = border.function(self._limit_memory)
        self._evaluate = sandbox.part("session")(sandbox.guard, sandbox.protected, state, limit_memory)
        self._recover = sandbox.guard[b"recover"]
        sandbox.close()
        true_globals[b"State"] = state
        sandbox.guard[b"begin"](_NAME)
        self._most_bytes = lua.get_max_memory(total=True)
        lua.set_max_memory(0, total=True)

    def evaluate(self, source: bytes) -> Evaluation:
        """See `Interpreter.evaluate`."""
        self._host.sources[_NAME] = source
        if 0 < self._most_bytes < 2 * self._lua.get_memory_used(total=True):
            self._lua.gccollect()  # Lua's own functions fail where it has not looked for garbage yet
        try:
            outcome, text = self._evaluate(source)
        except MemoryError:
            exceed_memory(self._run)
            return Evaluation("nothing")
        finally:
            self._lua.set_max_memory(0, total=True)
            if self._bindings:
                self._bindings.abandon()
        message = text.decode(errors="backslashreplace")
        if outcome == b"failed":
            if is_out_of_memory(message):
                exceed_memory(self._run)
            message += hint(message, self._run, self._host.sources)
        return Evaluation(cast("Outcome", outcome.decode()), message)

    def recover(self) -> None:
        """See `Interpreter.recover`."""
        self._set_hook()  # it ends whatever runs, and that would be the recovery
        self._recover()

    def close(self) -> None:
        """See `Interpreter.close`."""
        self._border.close()

    def _limit_memory(self) -> None:
        self._lua.set_max_memory(self._most_bytes, total=True)
