"""The third of three scripts that work on one state: adds up the bills of pricing.js, and leaves the total.

llmspell -c examples/configs/state-enabled.toml run examples/three_languages/report.py
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import llmspell

    State = llmspell.open()  # what it is, for type checkers; `llmspell run` gives the one of the script

BILLS, ROUND = "power:bill", "power:round"


def main() -> None:
    """Print the bills of the last round, and keep the last five totals for intake.lua to see."""
    with State.snapshot() as state:  # one moment, even while pricing.js runs
        bills = {place: cast("dict[str, Any]", state.load(BILLS, place)) for place in state.list_keys(BILLS)}
    if not bills:
        print("there are no bills; run intake.lua and pricing.js first")
        return
    for place, bill in bills.items():
        print(
            f"{place:10} {bill['kwh']:>14,} kWh  {Decimal(bill['micro_euros']) / 10**6:>20,} EUR  paid: {bill['paid']}"
        )
    total = sum(bill["micro_euros"] for bill in bills.values())
    round_number = max(bill["round"] for bill in bills.values())
    kept = State.append(ROUND, "totals", {"round": round_number, "micro_euros": total}, keep=5)
    print(f"round {round_number}: {Decimal(total) / 10**6:,} EUR; totals kept: {kept}")


if __name__ == "__main__":
    main()
