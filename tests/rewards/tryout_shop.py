"""A small shop with a past: sales that really happened, and promotions to try on them."""

from __future__ import annotations

from datetime import date, timedelta

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM, Actor
from rewards.models import BackTest
from rewards.services import promotions, rule_sets
from rewards.services.checkout.committing import commit_purchase
from rewards.services.tryout import backtests
from rewards.services.tryout.sides import VersionRef
from rewards.services.tryout.work import Pace, Period
from tests.factories.members import CardFactory, CategoryFactory, ProductFactory, StoreFactory
from tests.factories.promotions import TILL, ask_for, asked, make_programme, sale_of

AUTHOR = Actor("user", "1")
BOSS = Actor("user", "2")
DOUBLE = {"effects": [{"kind": "multiply_points", "tenths": 20}]}


class TryoutShop:
    """Two stores, two members, tea (food) and soap (home). Sales are paid for as in life."""

    def __init__(self, **settings):
        self.programme = make_programme(**settings)
        self.stores = [StoreFactory(code="north"), StoreFactory(code="south")]
        food, home = CategoryFactory(code="food"), CategoryFactory(code="home")
        ProductFactory(sku="tea", category=food, price_minor=1000, cost_minor=400)
        ProductFactory(sku="soap", category=home, price_minor=500, cost_minor=100)
        self.anna, self.boris = CardFactory(), CardFactory()
        self.today = clock.now()
        self.numbers = 0

    def sell(self, *lines, card=None, store=0, days_ago=10, hour=12, **details):
        """One sale at the till, ``days_ago`` at the hour; its committed view."""
        moment = (self.today - timedelta(days=days_ago)).replace(
            hour=hour, minute=0, second=0, microsecond=0
        )
        self.numbers += 1
        basket = [asked(no, *line) for no, line in enumerate(lines, start=1)]
        ask = ask_for(self.stores[store], *basket, card=card, occurred_at=moment, **details)
        return commit_purchase(
            sale=sale_of(ask, f"R-{self.numbers}"),
            compiled=rule_sets.current(),
            now=clock.now(),
            actor=TILL,
        ).view

    def draft(self, code, definition, priority=100):
        promotion = promotions.create(
            programme=self.programme, code=code, name=code.title(), actor=SYSTEM
        )
        return promotions.draft(
            promotion=promotion, definition=definition, priority=priority, actor=SYSTEM
        )

    def live(self, code, definition, **times):
        promotion = promotions.create(
            programme=self.programme, code=code, name=code.title(), actor=SYSTEM
        )
        return promotions.publish(promotion=promotion, definition=definition, actor=SYSTEM, **times)

    @property
    def period(self):
        return Period(first_day=date(2020, 1, 1), last_day=self.today.date())

    def start(self, *refs, period=None, **options):
        return backtests.start(
            programme=self.programme,
            versions=[VersionRef(code, number) for code, number in refs],
            period=period or self.period,
            actor=AUTHOR,
            **options,
        )

    def run(self, *refs, **options):
        """A back-test from the question to the answer."""
        test = self.start(*refs, **options)
        finish()
        return BackTest.objects.with_job().get(pk=test.pk)


def finish(most=4000, turn=1000.0):
    while backtests.run_next(pace=Pace(turn=turn, keep=0.0), most=most):
        pass


def rows(test, dimension):
    return {cell.key: cell for cell in test.cells.filter(dimension=dimension).order_by("place")}
