"""How is a part of a script timed from outside of it? By the moments at which its output arrives.

A script prints a line when it has made its values, and another one when it has done its calls. The moments are taken
where the lines leave llmspell, behind everything that has to happen before output leaves: the sync of durability
"output" is inside of what is measured, starting the language and making the values is not.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn, TextIO, cast

from benchmarks.measuring import collector_held
from benchmarks.peer import SCOPE

from llmspell import Store
from llmspell.config import ScriptSettings
from llmspell.scripting.run import Script
from llmspell.scripting.running import execute_script

PATTERN = "pattern"
"""Under this key stands the value that a script copies, and of which it changes the number `n`."""

AT_ONCE = 100
"""How many saves stand in one transaction."""

_LUA = """
local verb, times, first, names = arg[1], tonumber(arg[2]), tonumber(arg[3]), {}
local function copy(value)
  if type(value) ~= "table" then return value end
  local result = {}
  for key, inner in pairs(value) do result[key] = copy(inner) end
  return result
end
local scope = "SCOPE"
local value = copy(State.load(scope, "PATTERN"))
for name in arg[4]:gmatch("[^ ]+") do names[#names + 1] = name end
local save, load, delete, list_keys = State.save, State.load, State.delete, State.list_keys
print("begun")
if verb == "save" then
  for each = 1, times do value.n = first + each save(scope, names[each], value) end
elseif verb == "load" then
  for each = 1, times do load(scope, names[each]) end
elseif verb == "delete" then
  for each = 1, times do delete(scope, names[each]) end
elseif verb == "page" then
  for each = 1, times do list_keys(scope, { prefix = names[each], limit = 1000 }) end
elseif verb == "transaction" then
  for begin = 0, times - 1, AT_ONCE do
    State.transaction(function()
      for each = begin + 1, begin + AT_ONCE do value.n = first + each save(scope, names[each], value) end
    end)
  end
else
  error("there is no verb " .. verb)
end
print("done")
"""
_JAVASCRIPT = """
const [, verb, many, from, words] = scriptArgs, times = Number(many), first = Number(from), names = words.split(' ');
const scope = 'SCOPE', value = JSON.parse(JSON.stringify(State.load(scope, 'PATTERN')));
const { save, load, delete: remove, list_keys } = State;
console.log('begun');
if (verb === 'save') {
  for (let each = 0; each < times; each++) { value.n = first + each; save(scope, names[each], value); }
} else if (verb === 'load') {
  for (let each = 0; each < times; each++) load(scope, names[each]);
} else if (verb === 'delete') {
  for (let each = 0; each < times; each++) remove(scope, names[each]);
} else if (verb === 'page') {
  for (let each = 0; each < times; each++) list_keys(scope, { prefix: names[each], limit: 1000 });
} else if (verb === 'transaction') {
  for (let begin = 0; begin < times; begin += AT_ONCE) {
    State.transaction(() => {
      for (let each = begin; each < begin + AT_ONCE; each++) {
        value.n = first + each;
        save(scope, names[each], value);
      }
    });
  }
} else {
  throw new Error(`there is no verb ${verb}`);
}
console.log('done');
"""
_SOURCES = {
    language: source.replace("SCOPE", SCOPE).replace("PATTERN", PATTERN).replace("AT_ONCE", str(AT_ONCE)).encode()
    for language, source in (("lua", _LUA), ("javascript", _JAVASCRIPT))
}


class _Arrivals:
    """A terminal that notes when something was written to it."""

    def __init__(self) -> None:
        self.moments: dict[bytes, float] = {}

    @property
    def buffer(self) -> _Arrivals:
        return self

    def write(self, text: bytes) -> int:
        self.moments[text.strip()] = time.perf_counter()
        return len(text)

    def flush(self) -> None:
        """Nothing is held back here."""

    def isatty(self) -> bool:
        return True


@contextmanager
def _arrivals() -> Iterator[dict[bytes, float]]:
    """Until the block ends, note when each line arrives on standard output, by the line."""
    ours, before = _Arrivals(), sys.stdout
    sys.stdout = cast(TextIO, ours)
    try:
        yield ours.moments
    finally:
        sys.stdout = before


def seconds_in(language: str, store: Store, verb: str, names: list[str], first: int) -> float:
    """Give the mean seconds of one call of `verb` ("save", "load", "delete", "page") that a script makes for each name.

    The verb "transaction" is a save as well, `AT_ONCE` of them in one transaction; there must be a multiple of names.
    `first` is the number that the values begin with. A prefix of a page is a name as well.
    """
    script = Script(_SOURCES[language], verb, "", (verb, str(len(names)), str(first), " ".join(names)))
    with collector_held(), _arrivals() as moments:
        execute_script(script, language, store, ScriptSettings(timeout_seconds=0), abandon=_give_up)
    return (moments[b"done"] - moments[b"begun"]) / len(names)


def _give_up(error: BaseException) -> NoReturn:
    raise RuntimeError("a script of the benchmark could not be stopped") from error
