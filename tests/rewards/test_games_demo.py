"""The demo's wheel and draw are set up once, through the same services as any other."""

from __future__ import annotations

import pytest

from loyalty_crm.kernel import clock
from loyalty_crm.kernel.actors import SYSTEM
from rewards.models import Draw, Game, GamePlay
from rewards.services.demo.play import set_up_games
from tests.factories.promotions import make_programme
from tests.factories.rewards import WalletFactory

pytestmark = pytest.mark.django_db


def test_the_demo_has_a_wheel_that_was_played_and_a_draw_with_tickets():
    programme = make_programme()
    for _number in range(3):
        WalletFactory(programme=programme, points=500)

    for _twice in range(2):
        set_up_games(clock.now(), SYSTEM)

    assert (Game.objects.get().state, Draw.objects.get().state) == ("running", "published")
    assert GamePlay.objects.count() == 1 + 2 + 3
