"""Money off: special prices, then line discounts, then basket discounts.

Among prices and among line discounts the best one wins each line; a discount
that counts pieces over many lines wins or loses them together. Promotions of a
stacking group come after that, each on what is left, as far as the group lets
them. Basket discounts come one after another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from rewards.rules.conditions import Goods, Miss
from rewards.rules.effects import Discount, Phase
from rewards.rules.pricing import spread
from rewards.rules.rule_set import Task
from rewards.rules.run import Run, excludes


class Offer(msgspec.Struct, frozen=True, gc=False):
    """What one discount would take: position → money off, as wanted and as the lines allow."""

    task: Task
    wanted: Mapping[int, int]
    offs: Mapping[int, int]

    @property
    def total(self) -> int:
        return sum(self.offs.values())


def discount(run: Run) -> None:
    if run.basket.final_prices:
        _leave_prices(run)
        return
    for phase in (Phase.PRICE, Phase.LINE):
        if not (tasks := run.scene.of(phase)):
            continue
        if not run.scene.choosy:
            _compete(run, run.able(tasks, run.priced))
            continue
        alone = [task for task in tasks if run.scene.group_of(task.rule) is None]
        grouped = [task for task in tasks if run.scene.group_of(task.rule)]
        _compete(run, run.able(alone, run.priced))
        _one_after_another(run, grouped)
    _one_after_another(run, run.scene.of(Phase.BASKET))


def _leave_prices(run: Run) -> None:
    """The receipt is printed already: its price stands."""
    for phase in (Phase.PRICE, Phase.LINE, Phase.BASKET):
        for task in run.scene.of(phase):
            run.refuse(task, Miss("price_is_final"))


def _offer(run: Run, task: Task, goods: Goods) -> Offer:
    effect = task.effect
    assert isinstance(effect, Discount)
    wanted = effect.offs(goods)
    position = run.scene.position
    at = {position[line_no]: off for line_no, off in wanted.items() if off > 0}
    return Offer(task, at, run.fit(task, wanted))


def _compatible(run: Run, offers: list[Offer]) -> list[Offer]:
    """Without those that do not go together with an earlier one; they are told so."""
    if not run.scene.choosy:
        return offers
    kept: list[Offer] = []
    for offer in offers:
        rule = offer.task.rule
        by = next((one.task.rule for one in kept if excludes(rule, one.task.rule)), None)
        if by is None:
            kept.append(offer)
        else:
            run.tell(offer.task, "beaten", "not_with", {"by": by.code})
    return kept


# The best on each line


def _compete(run: Run, tasks: Sequence[Task]) -> None:
    if not tasks:
        return
    offers = [_offer(run, task, run.priced(task)) for task in tasks]
    if run.notes:
        _refuse_idle(run, offers)
    offers = _compatible(run, [offer for offer in offers if offer.total])
    best = _best_singles(run, [offer for offer in offers if _is_by_line(offer)])
    rows = [offer for offer in offers if not _is_by_line(offer)]
    winners = _best_rows(run, rows, best)
    winners += _singles_won(best)
    _take_all(run, winners)
    if run.notes:
        _tell_losers(run, offers, winners)


def _is_by_line(offer: Offer) -> bool:
    effect = offer.task.effect
    return isinstance(effect, Discount) and effect.by_line


def _refuse_idle(run: Run, offers: Iterable[Offer]) -> None:
    """Discounts that come to nothing say what is missing to get one."""
    for offer in offers:
        if not offer.total:
            _refuse_one_idle(run, offer)


def _refuse_one_idle(run: Run, offer: Offer) -> None:
    effect = offer.task.effect
    assert isinstance(effect, Discount)
    if offer.wanted:
        floor = run.floor_name(offer.task.rule, offer.wanted)
        run.tell(offer.task, "capped", floor, {"wanted": sum(offer.wanted.values())})
    else:
        run.refuse(offer.task, effect.missing(run.priced(offer.task)) or Miss("no_gain"))


def _best_singles(run: Run, offers: Sequence[Offer]) -> dict[int, Offer]:
    """Position → the offer that takes most off it; equal ones in the order of work."""
    best: dict[int, Offer] = {}
    for offer in offers:
        for position, off in offer.offs.items():
            if off and (position not in best or off > best[position].offs[position]):
                best[position] = offer
    return best


def _best_rows(run: Run, offers: list[Offer], best: dict[int, Offer]) -> list[Offer]:
    """Discounts over many lines, the most useful first; each takes its lines out of the contest."""
    winners: list[Offer] = []
    taken: set[int] = set()
    while offers:
        gain, winner = max(((_gain(o, best), o) for o in offers), key=_usefulness)
        if gain <= 0:
            break
        winners.append(winner)
        taken.update(winner.offs)
        for position in winner.offs:
            best.pop(position, None)
        offers = [_again(run, o, taken) for o in offers if o is not winner]
    return winners


def _gain(offer: Offer, best: Mapping[int, Offer]) -> int:
    """By how much an offer beats the single discounts on its lines."""
    against = sum(best[n].offs[n] for n in offer.offs if n in best)
    return offer.total - against


def _usefulness(found: tuple[int, Offer]) -> tuple[int, tuple[int, ...]]:
    gain, offer = found
    return gain, tuple(-part for part in offer.task.order)


def _again(run: Run, offer: Offer, taken: set[int]) -> Offer:
    """The same discount on the lines that nobody has taken yet."""
    if taken.isdisjoint(offer.offs) and taken.isdisjoint(offer.task.ranks):
        return offer
    everything = run.prices()
    free = [part for n, part in enumerate(everything) if n not in taken]
    kept = run.goods(everything, [n for n in offer.task.ranks if n not in taken])
    free_no = {part.line.line_no for part in free}
    goods = Goods(
        kept.parts,
        free,
        lambda selector: [p for p in kept.chosen(selector) if p.line.line_no in free_no],
        kept.member,
    )
    return _offer(run, offer.task, goods)


def _singles_won(best: Mapping[int, Offer]) -> list[Offer]:
    """The winning single discounts, each on the lines it has won."""
    won: dict[int, tuple[Offer, list[int]]] = {}
    for position, offer in sorted(best.items()):
        won.setdefault(id(offer), (offer, []))[1].append(position)
    return [
        Offer(
            offer.task,
            {n: offer.wanted[n] for n in positions},
            {n: offer.offs[n] for n in positions},
        )
        for offer, positions in won.values()
    ]


def _take_all(run: Run, winners: list[Offer]) -> None:
    for offer in sorted(winners, key=lambda one: one.task.order):
        run.take(offer.task, offer.offs, sum(offer.wanted.values()), "best_on_line")


def _tell_losers(run: Run, offers: Sequence[Offer], winners: Sequence[Offer]) -> None:
    """Who came away with nothing, and who has the line on which it came nearest."""
    won = {id(offer.task) for offer in winners}
    owner = {n: offer for offer in winners for n in offer.offs}
    for offer in offers:
        if id(offer.task) in won:
            continue
        lost_to = next((owner[n] for n in sorted(offer.offs) if n in owner), None)
        if lost_to:
            by = {"by": lost_to.task.rule.code}
            run.tell(offer.task, "beaten", "better_discount", {**by})
        else:
            run.refuse(offer.task, Miss("no_gain"))


# One after another


def _one_after_another(run: Run, tasks: Iterable[Task]) -> None:
    for task in tasks:
        if run.admits(task) and run.holds(task, goods := run.priced(task)):
            _take_one(run, task, goods)


def _take_one(run: Run, task: Task, goods: Goods) -> None:
    offer = _offer(run, task, goods)
    if not offer.total:
        if run.notes:
            _refuse_one_idle(run, offer)
        return
    effect = task.effect
    assert isinstance(effect, Discount)
    wanted = max(effect.wanted(), sum(offer.wanted.values()))
    run.take(task, _refilled(run, offer), wanted, "off_basket")


def _refilled(run: Run, offer: Offer) -> Mapping[int, int]:
    """What a floor keeps from one line is taken from the others, when the whole is spread."""
    wanted = sum(offer.wanted.values())
    effect = offer.task.effect
    if offer.total == wanted or (isinstance(effect, Discount) and effect.by_line):
        return offer.offs
    positions = sorted(offer.wanted)
    room = [run.room(offer.task.rule, n) for n in positions]
    return dict(zip(positions, spread(wanted, room), strict=True))
