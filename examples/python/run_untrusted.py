"""How much does an order cost, when every tenant of a shop writes his own pricing rule?

The rules are scripts of other people: one is good, one never ends, one takes all memory, one talks too much, one is
wrong, one looks for what is not its own. None of them can do more than that to the shop, which charges the list price
where a rule fails.

    python examples/python/run_untrusted.py

Everything happens in memory; nothing is left behind.
"""

from __future__ import annotations

import json
from contextlib import ExitStack

import llmspell
from llmspell.errors import InvalidValue, LimitExceeded, ScriptError
from llmspell.scripting import Limits, run_script

LIMITS = Limits(seconds=1.0, memory_bytes=8_000_000, output_bytes=2_000)

LIST_PRICE = 100

RULES = {
    "ada": """
        -- Every third order is at half price.
        local order = State.increment("orders", "count")
        print("order " .. order)
        return order % 3 == 0 and arg[1] / 2 or tonumber(arg[1])
    """,
    "bob": "while true do end",
    "cleo": "local prices = {} while true do prices[#prices + 1] = ('9'):rep(1000) .. #prices end",
    "dan": "while true do print('the best prices in town') end",
    "eve": "return price * 0.9",
    "fay": "local file = io.open and io.open('/etc/passwd') return file and 0 or {fallback = print}",
    "gus": "print('my home is ' .. tostring(os.getenv('HOME'))) return arg[1] - 1",
}


def price(store: llmspell.Store, tenant: str, list_price: int) -> tuple[float, str]:
    """Give the price by the tenant's rule and what is to be told of it; the list price when the rule is of no use."""
    try:
        done = run_script(store, RULES[tenant], name=tenant, limits=LIMITS, arguments=[str(list_price)])
    except LimitExceeded as error:
        return list_price, f"stopped after {len(error.output)} characters of output: {error}"
    except ScriptError as error:
        return list_price, f"failed: {error}"
    except InvalidValue as error:
        return list_price, f"no price: {error}"
    if not isinstance(done.result, int | float) or not 0 < done.result <= list_price:
        return list_price, f"no price: {json.dumps(done.result)}"
    return done.result, done.output.strip()


def main() -> None:
    """Price three orders by the good rule, and one by each of the others; every tenant has a store of his own."""
    with ExitStack() as opened:
        stores = {tenant: opened.enter_context(llmspell.open(backend="memory")) for tenant in RULES}
        for tenant in ("ada", "ada", *RULES):
            charged, told = price(stores[tenant], tenant, LIST_PRICE)
            print(f"{tenant:<4} pays {charged:>3g}   {told}")
        print(f"ada has ordered {stores['ada'].load('orders', 'count')} times")


if __name__ == "__main__":
    main()
