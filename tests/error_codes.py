"""At the end of a complete run: every code of the register left the API at least once.

Imported by ``tests/conftest.py`` and asked for by ``make test``, the one run with all
of the API's tests. A run of chosen tests is not judged; neither is one that failed
already. Workers of pytest-xdist hand their findings over.
"""

from __future__ import annotations

from typing import Any

import pytest

from loyalty_crm.kernel.errors import DomainError, registry
from tests.api import seen_codes

#: Refusals that never reach the API, with the reason.
NOT_FOR_THE_API = {
    "offline_redeem_rejected": "an item of a batch, whose own status is 200",
    "wallet_merged": "every call follows a merged wallet to its survivor",
    "wallets_differ": "wallets are merged in the back office",
    "open_holds": "wallets are merged in the back office",
    "merge_not_undone": "wallets are merged in the back office",
    "programme_invalid": "the programme is set up in the back office",
    "job_lost": "a worker's own signal to stop",
    "terminal_has_open_shift": "shifts are opened at the till",
    "user_has_open_shift": "shifts are opened at the till",
    "shift_closed": "shifts are closed at the till",
    "terminal_inactive": "shifts are opened at the till",
    "consent_text_mismatch": "the API names texts by purpose, so it can't name a wrong one",
    "consent_bundled": "texts are published in the back office",
    "consent_text_exists": "texts are published in the back office",
    "code_wrong": "members sign in on their own page",
    "card_type_invalid": "card types are kept in the back office",
    "gift_card_batch_state": "batches of gift cards are ordered in the back office",
    "partner_contract_state": "contracts with partners are kept in the back office",
    "settlement_state": "settlements are counted in the back office",
    "settlement_does_not_tie": "settlements are approved in the back office",
    "stamp_terms_invalid": "stamp programmes and challenges are kept in the back office",
    "stamp_state": "a second person agrees to stamps in the back office",
    "claim_state": "a second person decides on claims in the back office",
    "mapping_invalid": "files are imported by a command",
    "file_unreadable": "files are imported by a command",
}


def missing_codes() -> set[str]:
    return {code for code, error in registry().items() if is_ours(error)} - seen_codes


def is_ours(error: type[DomainError]) -> bool:
    return not error.__module__.startswith("tests.") and error.code not in NOT_FOR_THE_API


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--every-error-code",
        action="store_true",
        help="fail when a code of the register never left the API in this run",
    )


def complete(config: pytest.Config) -> bool:
    if not config.getoption("every_error_code"):
        return False
    chosen = config.option.keyword or config.option.collectonly or config.option.maxfail
    return config.args == config.getini("testpaths") and not chosen


def pytest_testnodedown(node: Any, error: object | None) -> None:
    seen_codes.update(getattr(node, "workeroutput", {}).get("seen_codes", ()))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["seen_codes"] = sorted(seen_codes)
    elif exitstatus == 0 and complete(session.config) and (missing := missing_codes()):
        print(f"\nError codes that no test produced over the API: {', '.join(sorted(missing))}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
