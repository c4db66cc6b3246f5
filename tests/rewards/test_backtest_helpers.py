"""Helpers of a back-test: the same totals, whoever counts, dies or is sent home."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import time

import pytest

from rewards.models import BackTest
from rewards.services.tryout import backtests, crew
from rewards.services.tryout.reading import reading
from rewards.services.tryout.replay import Replay, State
from rewards.services.tryout.work import Pace, Period, span_of
from tests.rewards.tryout_shop import AUTHOR, DOUBLE, TryoutShop, finish, rows

pytestmark = pytest.mark.django_db(transaction=True)
TABLES = ("total", "day", "store", "category", "visits", "spend", "promotion")


@pytest.fixture
def shop(settings, monkeypatch):
    """Twenty sales on ten days. Runners of tests have threads of their own: here they may help."""
    settings.BACKTEST_PROCESSES = 2
    monkeypatch.setattr(crew.threading, "active_count", lambda: 1)
    shop = TryoutShop()
    for n in range(20):
        card = (shop.anna, shop.boris, None)[n % 3]
        shop.sell(("tea", 1000 + n), ("soap", 500), card=card, store=n % 2, days_ago=15 - n // 2)
    shop.draft("double", DOUBLE)
    return shop


def figures(test):
    test = BackTest.objects.with_job().get(pk=test.pk)
    assert test.is_done
    assert test.job.done == test.totals["receipts"] == 20
    cells = {name: [c.__dict__ for c in rows(test, name).values()] for name in TABLES}
    for cell in (cell for found in cells.values() for cell in found):
        for name in ("_state", "id", "test_id"):
            cell.pop(name)
    return test.totals, cells


@pytest.fixture
def alone(shop, settings):
    settings.BACKTEST_PROCESSES = 1
    found = figures(shop.run(("double", 1)))
    settings.BACKTEST_PROCESSES = 2
    return found


@pytest.fixture
def hired(monkeypatch):
    """The processes that were started."""
    found, fork = [], crew._fork

    def watched(work):
        found.append(fork(work))
        return found[-1]

    monkeypatch.setattr(crew, "_fork", watched)
    return found


def helped(monkeypatch):
    """Which windows helpers handed in."""
    seen, real = [], backtests.counted

    def watched(*args):
        for one in real(*args):
            seen.append(one[1].number)
            yield one

    monkeypatch.setattr(backtests, "counted", watched)
    return seen


def test_two_helpers_come_to_what_one_worker_counts(shop, alone, hired, monkeypatch):
    seen = helped(monkeypatch)
    test = shop.start(("double", 1))

    finish(most=3)

    assert figures(test) == alone
    assert sum(seen) == 20
    assert len(seen) > crew.WORTH_IT
    assert not any(lives(pid) for pid in hired)


def test_turns_that_end_between_two_windows_count_nothing_twice(shop, alone, monkeypatch):
    seen = helped(monkeypatch)
    test = shop.start(("double", 1))

    finish(most=3, turn=0.0)

    assert figures(test) == alone
    assert 0 < sum(seen) <= 20


def test_a_helper_that_dies_is_not_missed(shop, alone, hired, monkeypatch):
    """The second window kills whoever takes it up; the employer counts on from there."""
    seen, count, calls = helped(monkeypatch), crew._count, []

    def dies(*args):
        calls.append(1)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return count(*args)

    monkeypatch.setattr(crew, "_count", dies)
    test = shop.start(("double", 1))

    finish(most=3)

    assert figures(test) == alone
    assert sum(seen) < 20
    assert not any(lives(pid) for pid in hired)


def test_a_cancelled_test_sends_its_helpers_home(shop, hired, monkeypatch):
    test = shop.start(("double", 1))
    keep = backtests._keep

    def cancelled_meanwhile(*args):
        assert [lives(pid) for pid in hired] == [True, True]
        backtests.cancel(test=test, actor=AUTHOR)
        keep(*args)

    monkeypatch.setattr(backtests, "_keep", cancelled_meanwhile)
    backtests.run_next(pace=Pace(turn=1000.0, keep=0.0), most=3)

    assert BackTest.objects.with_job().get(pk=test.pk).job.state == "cancelled"
    assert not any(lives(pid) for pid in hired)


def test_helpers_go_home_when_their_employer_is_killed(shop, tmp_path, monkeypatch):
    def waits(*args):
        (tmp_path / str(os.getpid())).touch()
        time.sleep(0.3)
        return real(*args)

    real = crew._count
    monkeypatch.setattr(crew, "_count", waits)
    test = shop.start(("double", 1))
    span = span_of(test.programme, Period(first_day=test.first_day, last_day=test.last_day))
    asked = (backtests.sides_of_test(test), span)
    employer = multiprocessing.get_context("fork").Process(target=works_on, args=asked)
    employer.start()
    wait_for(lambda: len(list(tmp_path.iterdir())) == 2)
    helpers = [int(path.name) for path in tmp_path.iterdir()]

    assert employer.pid
    os.kill(employer.pid, signal.SIGKILL)
    employer.join()

    wait_for(lambda: not any(lives(pid) for pid in helpers))


def works_on(sides, span):
    """What an employer does, without the session of the test, which is not its own."""
    with reading() as reader:
        replay = Replay(reader, sides, span, State())
        for _piece in backtests._with_helpers(replay, backtests.Kept(), sides, span, 3):
            pass


def wait_for(holds, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.05)


def lives(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_worker_of_celery_may_hire(shop, tmp_path):
    """Its own children are daemons to multiprocessing, which would refuse them any."""
    test = shop.start(("double", 1))
    span = span_of(test.programme, Period(first_day=test.first_day, last_day=test.last_day))
    asked = (backtests.sides_of_test(test), span, tmp_path / "pieces")
    # What Celery starts its workers with; it comes with Celery.
    worker = importlib.import_module("billiard").Process(target=counts_pieces, args=asked)
    worker.daemon = True

    worker.start()
    worker.join()

    assert int((tmp_path / "pieces").read_text()) > crew.WORTH_IT


def counts_pieces(sides, span, path):
    with reading() as reader:
        replay = Replay(reader, sides, span, State())
        kept = backtests.Kept()
        path.write_text(str(len(list(backtests._with_helpers(replay, kept, sides, span, 3)))))


@pytest.mark.parametrize("definition", [
    {**DOUBLE, "limits": [{"per": "member", "what": "uses", "max": 2}]},
    {**DOUBLE, "when": {"all": [{"kind": "nth_purchase", "every": 2}]}},
])  # fmt: skip
def test_nobody_helps_where_one_receipt_decides_about_another(shop, definition, monkeypatch):
    seen = helped(monkeypatch)
    shop.draft("in-order", definition)
    test = shop.start(("in-order", 1))

    finish(most=3)

    assert BackTest.objects.with_job().get(pk=test.pk).is_done
    assert not seen
