"""One pass over a scene: prices, points and decisions as they come about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial

from rewards.rules import bounds
from rewards.rules.answers import (
    Decision,
    GivenAward,
    Left,
    LineGrant,
    Outcome,
    Params,
    Pin,
    PricedLine,
    Use,
)
from rewards.rules.basket import Part
from rewards.rules.cardless import with_card
from rewards.rules.conditions import ConditionBase, Goods, Miss
from rewards.rules.effects import Discount, PointsEffect
from rewards.rules.pricing import Payment
from rewards.rules.rule_set import Rule, Task
from rewards.rules.scene import Ranks, Scene
from rewards.rules.selectors import Selector
from rewards.rules.when import miss_of

NOTHING_PAID = Payment(
    requested=0, points=0, money_minor=0, max_points=0, max_money_minor=0, bound=""
)


class Run:
    """The state of a receipt while it is decided. ``without``: promotions that sit this one out.

    ``explains``: whether decisions, grants and pins are written down; the numbers are the
    same either way. What it hands out never points back at it, so that a run is gone
    with its last name, and nobody has to look for it as garbage.
    """

    def __init__(
        self, scene: Scene, without: frozenset[int] = frozenset(), *, explains: bool = True
    ) -> None:
        self.scene = scene
        self.basket = scene.basket
        self.terms = scene.terms
        self.without = without
        self.explains = explains
        #: Whether it matters why a promotion does not apply: to people, or to who is left out.
        self.notes = explains or scene.choosy
        self.lines = [
            PricedLine(line=line, discount_minor=min(own, line.gross_minor) if own else 0)
            for line in scene.lines
            for own in (line.manual_discount_minor,)
        ]
        self.payment = NOTHING_PAID
        self.decisions: list[Decision] = []
        self.awards: list[GivenAward] = []
        self.pins: list[Pin] = []
        self.grants: dict[tuple[int, int], LineGrant] = {}
        self.carry_deltas: dict[int, int] = {}
        self.uses: dict[int, Use] = {}
        self.base_units: dict[int, int] = defaultdict(int)
        self.missed: dict[int, Miss] = {}
        self._applied: dict[int, Rule] = {}
        self._told: set[tuple[int, str]] = set()
        self._off_minor = sum(line.discount_minor for line in self.lines)
        #: Promotion and position → what it took off, by all its effects so far.
        self._taken: dict[tuple[int, int], int] = defaultdict(int)
        self._prices: list[Part] | None = None
        self._money: list[Part] | None = None
        self._shelf: list[Part] | None = None
        #: Goods by the identity of what names them, which is kept so that it stays the same.
        self._priced: dict[int, tuple[Ranks, Goods]] = {}
        self._earning: dict[int, tuple[Ranks, Goods]] = {}

    # goods

    def prices(self) -> list[Part]:
        """Every line at its price by now."""
        if self._prices is None:
            self._prices = [
                Part(line.line, line.line.quantity_milli, line.net_minor) for line in self.lines
            ]
        return self._prices

    def shelf(self) -> list[Part]:
        """Every line at its price before any discount."""
        if self._shelf is None:
            lines = self.scene.lines
            self._shelf = [Part(line, line.quantity_milli, line.gross_minor) for line in lines]
        return self._shelf

    def money(self) -> list[Part]:
        """Every line at what points are earned on: by the terms less what points paid."""
        if self.terms.earning_base != "money" or not self.payment.money_minor:
            return self.prices()
        if self._money is None:
            self._money = [
                Part(part.line, part.quantity_milli, part.amount_minor - line.points_paid_minor)
                for part, line in zip(self.prices(), self.lines, strict=True)
            ]
        return self._money

    def goods(self, everything: list[Part], positions: Collection[int]) -> Goods:
        """The lines at these positions, which rise; everything else may be asked for as well."""
        whole = len(positions) == len(everything)
        counted = everything if whole else [everything[n] for n in positions]
        named = partial(self.scene.named, everything) if self.scene.names_goods else None
        return Goods(counted, everything, named, self.basket.member)

    def priced(self, task: Task) -> Goods:
        """The goods of a task at their prices by now."""
        ranks = task.ranks
        if (known := self._priced.get(id(ranks))) is None:
            known = self._priced[id(ranks)] = ranks, self.goods(self.prices(), ranks)
        return known[1]

    def earning(self, ranks: Ranks) -> Goods:
        """The goods at these positions as points count them, once points have paid."""
        if (known := self._earning.get(id(ranks))) is None:
            earns_not = self.scene.earns_not
            positions = [n for n in ranks if n not in earns_not] if earns_not else ranks
            known = self._earning[id(ranks)] = ranks, self.goods(self.money(), positions)
        return known[1]

    def counted(self, rule: Rule, goods: Goods) -> Goods:
        """The goods as the thresholds of a rule count them."""
        if rule.definition.thresholds == "after_earlier":
            return goods
        shelf = self.shelf()
        parts = [shelf[self.scene.position[part.line.line_no]] for part in goods.parts]

        def chosen(selector: Selector) -> list[Part]:
            return [shelf[n] for n in self.scene.positions(selector)]

        return Goods(parts, shelf, chosen)

    # conditions and stacking

    def ask(self, goods: Goods) -> Callable[[ConditionBase], Miss | None]:
        return lambda condition: condition.miss(self.basket, goods)

    def miss(self, rule: Rule, goods: Goods) -> Miss | None:
        """Why the rule does not apply to these goods as they are priced by now."""
        if not goods.parts:
            return Miss("goods")
        if not rule.definition.conditions():
            return None
        return miss_of(rule.definition.when, self.ask(self.counted(rule, goods)))

    def able(self, tasks: Iterable[Task], goods_of: Callable[[Task], Goods]) -> list[Task]:
        """The tasks whose conditions hold and that nothing else rules out; others are told why."""
        return [task for task in tasks if self.admits(task) and self.holds(task, goods_of(task))]

    def holds(self, task: Task, goods: Goods) -> bool:
        missed = self.miss(task.rule, goods)
        if missed and self.notes:
            cardless = missed.reason == "card_required" and self.basket.member is None
            self.refuse(task, (cardless and self._with_card(task, goods)) or missed)
        return missed is None

    def _with_card(self, task: Task, goods: Goods) -> Miss | None:
        return with_card(task, goods, self.ask(self.counted(task.rule, goods)), self.fit)

    def admits(self, task: Task) -> bool:
        """Whether limits and the promotions applied so far leave room for this one."""
        rule = task.rule
        if rule.promotion_id in self.without:
            return False
        if task.is_free and not (self.scene.left or self.scene.choosy):
            return True
        if rule.definition.counts_members and self.basket.member is None:
            self.refuse(task, Miss("no_member"))
            return False
        if per := self.used_up(task):
            self.tell(task, "capped", "limit_reached", {"per": per})
            return False
        if by := self.stopped_by(rule):
            self.tell(task, "beaten", by[0], {"by": by[1].code})
            return False
        return True

    def used_up(self, task: Task) -> str:
        """The limit that leaves nothing of what the effect gives, by its kind."""
        left = self.scene.left.get(task.rule.promotion_id)
        if left is None:
            return ""
        rooms = {"uses": left.uses}
        if isinstance(task.effect, Discount):
            rooms["money"] = left.money_minor
        elif isinstance(task.effect, PointsEffect):
            rooms["points"] = left.points
        gone = [what for what, room in rooms.items() if room is not None and room < 1]
        return left.per.get(gone[0], "total") if gone else ""

    def stopped_by(self, rule: Rule) -> tuple[str, Rule] | None:
        """The applied promotion that this one does not go together with, and why."""
        if not self.scene.choosy or rule.promotion_id in self._applied:
            return None
        others = sorted(self._applied.values(), key=lambda other: other.order)
        for other in others:
            if excludes(rule, other):
                return "not_with", other
        group = self.scene.group_of(rule)
        if group is None or group.most is None:
            return None
        same = [o for o in others if o.definition.stacking.group == group.code]
        return ("group", same[0]) if len(same) >= group.most else None

    # decisions

    def decide(
        self, task: Task, outcome: Outcome, reason: str, params: Params | None = None
    ) -> Decision:
        """Write a decision down. Only for runs that explain."""
        rule = task.rule
        decision = Decision(
            promotion=rule.code, name=rule.name, version=rule.number, outcome=outcome,
            reason=reason, effect=task.effect.kind, params=params or {},
        )  # fmt: skip
        if outcome in ("applied", "capped"):
            _label(decision, rule)
        self.decisions.append(decision)
        return decision

    def tell(
        self, task: Task, outcome: Outcome, reason: str, params: Params | None = None
    ) -> Decision | None:
        """A decision about the whole promotion: said once, however many effects it has."""
        if not self.explains:
            return None
        key = (task.rule.version_id, reason)
        if key in self._told:
            return None
        self._told.add(key)
        return self.decide(task, outcome, reason, params)

    def refuse(self, task: Task, missed: Miss) -> None:
        if not self.notes:
            return
        self.missed.setdefault(task.rule.promotion_id, missed)
        if decision := self.tell(task, "not_matched", missed.reason, missed.params):
            decision.near = missed.near

    def use(self, rule: Rule, *, money: int = 0, points: int = 0) -> None:
        """Note that a promotion gave something."""
        self._applied[rule.promotion_id] = rule
        known = self.uses.get(rule.promotion_id)
        self.uses[rule.promotion_id] = Use(
            promotion_id=rule.promotion_id,
            version_id=rule.version_id,
            code=rule.code,
            money_minor=money + (known.money_minor if known else 0),
            points=points + (known.points if known else 0),
        )

    # discounts

    def fit(self, task: Task, offs: Mapping[int, int]) -> dict[int, int]:
        """Position → money off, cut to what each line may lose and what limits leave."""
        position, rule = self.scene.position, task.rule
        fitting = {
            (n := position[line_no]): min(off, self.room(rule, n))
            for line_no, off in offs.items()
            if off > 0
        }
        left = self.scene.left.get(rule.promotion_id)
        most = bounds.left_of(left.money_minor if left else None, 0)
        # Cut before it competes: the rest of a budget beats no better offer.
        return bounds.cut(fitting, [one], 0)[0] if (one := next(most, None)) else fitting

    def room(self, rule: Rule, position: int) -> int:
        line = self.lines[position]
        if not self.terms.bounds_lines and not rule.definition.bounds_lines:
            return line.net_minor
        taken = self._taken[rule.promotion_id, position]
        return bounds.line_room(rule.definition.stacking.caps, self.terms, line, taken)

    def floor_name(self, rule: Rule, positions: Iterable[int]) -> str:
        """What keeps lines from getting cheaper, when something does."""
        caps, lines = rule.definition.stacking.caps, [self.lines[n] for n in positions]
        return bounds.floor_name(caps, self.terms, lines)

    def take(self, task: Task, offs: Mapping[int, int], wanted: int, reason: str) -> None:
        """Take money off lines (positions), within the bounds of the promotion and the receipt."""
        offs, bound = bounds.cut(offs, self._most(task.rule), wanted)
        for position, off in offs.items():
            self.lines[position].discount_minor += off
            self._taken[task.rule.promotion_id, position] += off
        self._reprice(offs)
        off = sum(offs.values())
        self._off_minor += off
        if off:
            self.use(task.rule, money=off)
        if self.explains:
            if bound == "price_floor":
                bound = self.floor_name(task.rule, offs)
            capped: Params = {"wanted": wanted, **self.limited_by(task.rule, "money", bound)}
            decision = self.decide(task, "capped", bound, capped) if bound else self.decide(
                task, "applied", reason
            )  # fmt: skip
            decision.discount_minor = off
            decision.lines = sorted(self.lines[n].line.line_no for n in offs)

    def _reprice(self, positions: Iterable[int]) -> None:
        """The new prices of some lines. Goods taken out before keep the old ones."""
        prices = self._prices = [*self.prices()]
        self._priced.clear()
        for n in positions:
            line = self.lines[n]
            prices[n] = Part(line.line, line.line.quantity_milli, line.net_minor)

    def _most(self, rule: Rule) -> list[tuple[int, str]]:
        """What a promotion may still take off the receipt, and what bounds it."""
        used = self.uses.get(rule.promotion_id)
        given = used.money_minor if used else 0
        left = self.scene.left.get(rule.promotion_id)
        most = self.scene.gross_minor * self.terms.max_discount_percent // 100
        return [
            (most - self._off_minor, "max_discount"),
            *bounds.receipt_money(rule.definition, given),
            *bounds.left_of(left.money_minor if left else None, given),
        ]

    def limited_by(self, rule: Rule, what: str, bound: str) -> Params:
        """The kind of limit that cut a gift, when a limit did."""
        if bound != "limit_reached":
            return {}
        left = self.scene.left.get(rule.promotion_id) or Left()
        counted = {"money": left.money_minor, "points": left.points}[what]
        mine = bounds.receipt_limit(rule.definition, what)
        of_receipt = counted is None or (mine is not None and mine <= counted)
        return {"per": "receipt" if of_receipt else left.per.get(what, "total")}

    def most_points(self, rule: Rule) -> tuple[int, str] | None:
        """The points a promotion may still give on the receipt, and what bounds them."""
        left = self.scene.left.get(rule.promotion_id)
        if left is None and not rule.definition.bounds_points:
            return None
        used = self.uses.get(rule.promotion_id)
        given = used.points if used else 0
        found = [
            *bounds.receipt_points(rule.definition, given),
            *bounds.left_of(left.points if left else None, given),
        ]
        return min(found) if found else None


def excludes(one: Rule, other: Rule) -> bool:
    """Whether one of two promotions names the other as one it does not go with."""
    return (
        other.code in one.definition.stacking.not_with
        or one.code in other.definition.stacking.not_with
    )


def _label(decision: Decision, rule: Rule) -> None:
    """What the receipt and the cashier say of it, and who pays."""
    labels, funding = rule.definition.labels, rule.definition.funding
    decision.label, decision.message = labels.receipt or {}, labels.cashier or {}
    if funding:
        decision.funding = funding.model_dump(exclude_none=True)
