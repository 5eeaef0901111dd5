"""Your own trade, entered once: a wallet and its positions, kept in a file beside the progress and sent nowhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pandas import DataFrame, isna

from marginlib import tables
from marginlib.course.exports import Export, loaded, read_account
from marginlib.course.figures import TIER_DATE
from marginlib.errors import MarginError
from marginlib.files import write_whole
from marginlib.model import Account
from marginlib.practice.amounts import read_number
from marginlib.practice.form import Form, choices, number_field
from marginlib.practice.progress import beside
from marginlib.venues import rulebook

_FORMAT, _VERSION = "marginlib-trade", 1
_EXAMPLE: dict[str, Any] = {
    "wallet_balance": 10_000.0,
    "positions": [
        {"symbol": "BTCUSDT", "quantity": 0.5, "entry_price": 60_000.0, "leverage": 10.0},
        {"symbol": "ETHUSDT", "quantity": 5.0, "entry_price": 3_000.0, "leverage": 10.0, "margin_mode": "isolated"},
    ],
}
_ROWS = 3  # positions that the form has room for; a table has as many as you like
_FIELDS = {
    "symbol": "symbol, such as BTCUSDT",
    "quantity": "coins; a short below 0",
    "entry_price": "entry price [$]",
    "mark_price": "mark price now [$], if you know it",
    "leverage": "leverage setting",
}
_MODES = ("cross", "isolated")
_PASTE = "positions, then account, as JSON"


def my_account() -> tuple[Account, bool]:
    """Return the account that is kept, and whether it is your own; where none is kept, the course's example.

    Raises:
        MarginError: the file is there and holds no account; the message names it.
    """
    found, own = my_export()
    return found.account, own


def my_export() -> tuple[Export, bool]:
    """Return the same with what the venue says of it: its rulebook, its own prices, what was assumed.

    Raises:
        MarginError: as `my_account`.
    """
    place = _place()
    if not place.exists():
        return _export(_EXAMPLE), False
    try:
        kept = json.loads(place.read_text(encoding="utf-8"))
        if (kept["format"], kept["version"]) == (_FORMAT, _VERSION):
            return _export(kept), True
    except (ValueError, KeyError, TypeError):
        pass
    raise MarginError(f"{place}: no trade that this version reads; enter it again with my_trade(), or delete the file")


def keep_trade(wallet_balance: float | None, positions: DataFrame | str | Path) -> Account:
    """Keep an account on this machine, beside the progress, in place of an earlier one.

    Args:
        wallet_balance: deposits + realized PnL, isolated margins included [quote currency]; None, where a venue's
            export says it.
        positions: a table, a CSV file, or a venue's export, as `marginlib.course.exports.read_account` reads them.
            Rows of a table without a maintenance margin rate of their own follow the risk tables of Binance that the
            course shows.

    Raises:
        MarginError: something in it cannot be; nothing is kept then.
    """
    data = loaded(positions)
    kept: dict[str, Any] = {"wallet_balance": wallet_balance, "export": data}
    if isinstance(data, DataFrame):
        rows = [{name: value for name, value in row.items() if not isna(value)} for row in data.to_dict("records")]
        kept = {"wallet_balance": wallet_balance, "positions": rows}
    account = _export(kept).account
    text = json.dumps({"format": _FORMAT, "version": _VERSION, **kept}, indent=1, ensure_ascii=False)
    write_whole(_place(), f"{text}\n")
    return account


def forget_trade() -> None:
    """Delete the account that is kept, if there is one."""
    _place().unlink(missing_ok=True)


def _place() -> Path:
    """Return where the account is kept."""
    return beside("my-trade.json")


def _export(kept: Mapping[str, Any]) -> Export:
    """Return the account of a record."""
    source = kept["export"] if "export" in kept else DataFrame(kept["positions"])
    return read_account(source, wallet_balance=kept["wallet_balance"])


class TradeForm(Form):
    """A form for a wallet and up to three positions; what stands in it is what is kept."""

    def __init__(self) -> None:
        account, own = my_account()
        super().__init__("[Your own trade. Run the cell to enter it.]", _markup(len(account.positions) if own else 1))
        if own:
            self.values = _filled(account)
            self.say(*_told(account))

    def press(self, name: str) -> None:
        """Keep what was entered, or forget what is kept."""
        if name == "forget":
            forget_trade()
            self.values = {}
            return self.say("Forgotten: the notebooks show the course's example again.")
        try:
            account = self._keep()
        except (MarginError, OSError) as error:
            return self.say(f"Not kept. {error}.")
        return self.say("Kept on this machine, and sent nowhere.", *_told(account))

    def _keep(self) -> Account:
        """Keep what was pasted, or else what stands in the fields."""
        wallet, pasted = self.values.get("wallet_balance"), str(self.values.get("export", "")).strip()
        if not pasted:
            if (held := len(my_account()[0].positions)) > _ROWS:
                raise MarginError(f"positions = {held}: the form has room for {_ROWS}; give a table, or forget these")
            return keep_trade(_number("wallet_balance", wallet), self._table())
        try:  # the wallet of the file, for that in the form may be of an account before
            return keep_trade(None, pasted)
        except MarginError:
            if not wallet:
                raise
            return keep_trade(_number("wallet_balance", wallet), pasted)

    def _table(self) -> DataFrame:
        """Return the rows that are filled, as a table of positions."""
        rows, known = [], rulebook("binance_usdm", TIER_DATE).schedules
        for row in range(_ROWS):
            given = {name: str(self.values.get(f"{name}-{row}", "")).strip() for name in _FIELDS}
            if not any(given.values()):
                continue
            symbol = given.pop("symbol").upper()
            if f"{symbol}USDT" in known:  # a coin's name alone
                symbol = f"{symbol}USDT"
            numbers = {name: _number(f"position {row + 1}, {name}", text) for name, text in given.items() if text}
            mode = _MODES[int(self.values.get(f"margin_mode-{row}") or 0)]
            rows.append({"symbol": symbol, **numbers, "margin_mode": mode})
        if not rows:
            raise MarginError("positions = none: fill one row at least")
        return DataFrame(rows)


def _number(name: str, text: object) -> float:
    """Return what was typed as a number."""
    number, unit = read_number(str(text or ""))
    if not isinstance(number, float) or unit == "%":
        raise MarginError(f"{name} = {text or 'empty'}: give a number, such as 10,000 or 0.5")
    return number


def _markup(rows: int) -> str:
    """Return the fields and buttons of the form; those for more positions than there are rows are folded."""
    places = "".join(
        f'<details aria-label="position {row + 1}"{" open" * (row < rows)}>'
        f'<summary>Position {row + 1}</summary><fieldset role="none">'
        + "".join(number_field(f"{name}-{row}", label) for name, label in _FIELDS.items())
        + f"{choices(f'margin_mode-{row}', 'margin mode', _MODES, row=True)}</fieldset></details>"
        for row in range(_ROWS)
    )
    return (
        f"<p>Your own trade stays on this machine. Leave what you do not have empty.</p>"
        f'<fieldset role="none">{number_field("wallet_balance", "wallet balance [$]")}</fieldset>{places}'
        '<details aria-label="paste"><summary>Or paste what your venue answers</summary>'
        f'<fieldset role="none">{number_field("export", _PASTE)}</fieldset></details>'
        '<button data-press="keep">Keep it</button> <button data-press="forget">Forget it</button>'
    )


def _filled(account: Account) -> dict[str, str]:
    """Return what stands in the form for an account: its first rows."""
    values = {"wallet_balance": f"{account.wallet_balance:.12g}"}
    for row, held in enumerate(account.positions[:_ROWS]):
        given = {name: getattr(held, name) for name in _FIELDS}
        values |= {f"{name}-{row}": each if isinstance(each, str) else f"{each:.12g}" for name, each in given.items()}
        values[f"margin_mode-{row}"] = str(_MODES.index(held.margin_mode.value))
    return values


def _told(account: Account) -> list[str]:
    """Return where each position is liquidated, in words."""
    told = []
    for held, mode, *_, price, away in tables.show(tables.desk(account)).texts[1:-1]:
        end = "no positive price liquidates it" if price == "none" else f"liquidated at {price} ({away})"
        told.append(f"{held}, {mode}: {end}.")
    return told


def my_trade(wallet_balance: float | None = None, positions: DataFrame | str | Path | None = None) -> TradeForm:
    """Return the form for your own trade; with a wallet and positions it is filled and kept at once.

    Args:
        wallet_balance: as in `keep_trade` [quote currency]; left out, the form is as it was kept.
        positions: as in `keep_trade`.

    Raises:
        MarginError: the positions are missing, or something in it cannot be.
    """
    if positions is not None:
        keep_trade(wallet_balance, positions)
    elif wallet_balance is not None:
        raise MarginError("wallet_balance, positions: give both, or neither to see the form")
    return TradeForm()
