"""The gallery of the usual offers: a card each, a few blanks to fill, then the builder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from loyalty_crm.kernel import clock
from rewards.admin.builder import faults
from rewards.admin.builder.actions import Actions
from rewards.admin.builder.drawn import Drawn
from rewards.admin.builder.faults import Fault
from rewards.admin.builder.nodes import Drawing, Node
from rewards.admin.builder.preview import Preview, preview_of
from rewards.admin.builder.shapes import Leaf, Record, Rows, Shape, Unit, definition_shape
from rewards.admin.builder.state import ABSENT, Reading, nested, read, write
from rewards.admin.builder.views import ADD, BuilderPages, new_form
from rewards.admin.template_words import TEMPLATES as WORDS
from rewards.models import Programme
from rewards.rules import templates
from rewards.rules.definitions import InvalidDefinitionError
from rewards.rules.templates import Parameter, Template
from rewards.services.programmes import default_programme

P = "p"
_UNITS: Mapping[str, Unit] = {
    "money": "money", "price": "money", "percent": "percent", "times": "times", "points": "points",
    "count": "", "days": "",
}  # fmt: skip
_CODES = {"categories", "products", "tenders", "channels"}


def shape_of(template: Template) -> Record:
    """The blanks of a template, in the same shapes as those of a definition."""
    return Record("Template", {one.name: _shape(one) for one in template.parameters})


def _shape(parameter: Parameter) -> Shape:
    name, kind = parameter.name, parameter.kind
    if kind in _UNITS:
        return Leaf("number", name, _UNITS[kind], required=parameter.required)
    if kind in _CODES:
        return Leaf("codes", name, default=[], required=parameter.required)
    match kind:
        case "choice":
            return Leaf("choice", name, choices=parameter.choices, required=True)
        case "goods":
            return _goods()
        case "weekdays":
            return Leaf("numbers", name, default=[], bounds={"low": 1, "high": 7})
        case "hours":
            return Record("Hours", {"start": Leaf("hour", "start"), "end": Leaf("hour", "end")})
        case "off_steps" | "spend_steps":
            return Rows(_step(kind), 20)
        case _:
            return Leaf("text", name, required=parameter.required)


def _goods() -> Record:
    goods = definition_shape().fields["goods"]
    assert isinstance(goods, Record)
    include = goods.fields["include"]
    assert isinstance(include, Record)
    return include


def _step(kind: str) -> Record:
    unit: Unit = "money" if kind == "spend_steps" else ""
    start = Leaf("number", "start", unit, required=True)
    return Record("Step", {"start": start, "percent": Leaf("number", "percent", "percent")})


@dataclass
class TemplateForm(Drawn):
    """The blanks as they are filled in, and the definition that they make."""

    template: Template
    programme: Programme
    state: dict[str, Any]
    strict: bool = False
    focus: str = ""

    @classmethod
    def blank(cls, template: Template, programme: Programme) -> TemplateForm:
        values = {one.name: one.default for one in template.parameters if one.default is not None}
        return cls(template, programme, write(_whole(template), {P: values}, programme))

    @classmethod
    def sent(cls, template: Template, programme: Programme, post: QueryDict) -> TemplateForm:
        state = nested((name, post.getlist(name)) for name in post if name.startswith(f"{P}."))
        state = state if isinstance(state, dict) and state else {P: {}}
        actions = Actions(_whole(template), state, programme)
        actions.do(post.get("do", ""), {})
        return cls(template, programme, state, focus=actions.focus)

    @cached_property
    def _read(self) -> tuple[dict[str, Any] | None, list[Fault]]:
        reading, shape = Reading(self.programme), shape_of(self.template)
        found = read(shape, self.state.get(P), reading)
        values = {} if found is ABSENT else found
        for one in self.template.parameters:
            if one.kind == "weekdays":
                values.setdefault(one.name, [])
        wrong = faults.of_texts(reading.faults, P)
        try:
            document = self.template.build(values)
        except InvalidDefinitionError as refused:
            state = self.state.get(P) or {}
            known = faults.of_definition(refused.errors, state, shape, self.programme)
            seen = {one.path for one in wrong}
            placed = [Fault(f"{P}.{one.path}".rstrip("."), one.code, one.text) for one in known]
            return None, [*wrong, *(one for one in placed if one.path not in seen)]
        return (None if wrong else document), wrong

    @property
    def drawn(self) -> list[Node]:
        return self.nodes

    @property
    def known_faults(self) -> list[Fault]:
        return self.faults

    @property
    def document(self) -> dict[str, Any] | None:
        """The definition; None while something is missing or wrong."""
        return self._read[0]

    @property
    def faults(self) -> list[Fault]:
        return self._read[1]

    @cached_property
    def root(self) -> Node:
        """The blanks, drawn."""
        (root,) = Drawing(self.programme, self.shown_faults, self.focus).draw(
            _whole(self.template), self.state
        )
        return root

    @property
    def nodes(self) -> list[Node]:
        return self.root.parts


def _whole(template: Template) -> Record:
    return Record("", {P: shape_of(template)})


class GalleryPages:
    """Cards of all templates, and the page of each."""

    def __init__(self, builder: BuilderPages) -> None:
        self.builder = builder

    def urls(self) -> list[URLPattern]:
        guard = self.builder.site.admin_view
        own: list[tuple[str, Callable[..., HttpResponse], str]] = [
            ("templates/", self.gallery, "rewards_promotion_templates"),
            ("templates/<slug:template>/", self.template_page, "rewards_promotion_template"),
        ]
        return [path(at, guard(view), name=name) for at, view, name in own]

    def gallery(self, request: HttpRequest) -> HttpResponse:
        if not request.user.has_perm(ADD):
            raise PermissionDenied
        cards = [
            {"code": one.code, "name": WORDS[one.code].name, "about": WORDS[one.code].about}
            for one in templates.TEMPLATES
        ]
        context = {**self._frame(request), "cards": cards}
        return TemplateResponse(request, "admin/rewards/promotions/gallery.html", context)

    def template_page(self, request: HttpRequest, template: str) -> HttpResponse:
        """The blanks of one offer; ``open`` goes on to the builder with what they make."""
        if not request.user.has_perm(ADD):
            raise PermissionDenied
        if (known := templates.by_code.get(template)) is None:
            raise Http404
        programme, asked = default_programme(), request.POST.get("do", "")
        if request.method != "POST":
            return self._show(request, TemplateForm.blank(known, programme))
        form = TemplateForm.sent(known, programme, request.POST)
        form.strict = asked == "open"
        if asked == "open" and form.document is not None:
            about = {"name": str(WORDS[known.code].name)}
            return self.builder.show(
                request,
                new_form(programme, form.document, about),
                action=reverse("admin:rewards_promotion_build"),
            )
        return self._show(request, form, 422 if form.strict else 200)

    def _show(self, request: HttpRequest, form: TemplateForm, status: int = 200) -> HttpResponse:
        context = {
            "form": form,
            "preview": _preview(form),
            "action": request.path,
            "told": WORDS[form.template.code],
            "code": form.template.code,
        }
        if getattr(request, "htmx", False):
            part = "_template.html" if request.POST.get("do") else "_template_preview.html"
            return render(request, f"admin/rewards/promotions/{part}", context, status=status)
        return TemplateResponse(
            request,
            "admin/rewards/promotions/template.html",
            {**self._frame(request), **context},
            status=status,
        )

    def _frame(self, request: HttpRequest) -> dict[str, Any]:
        return {
            **self.builder.site.each_context(request),
            "opts": self.builder.opts,
            "title": _("Templates of promotions"),
        }


def _preview(form: TemplateForm) -> Preview:
    if form.document is None:
        wrong = sum(not one.is_unfinished for one in form.faults)
        return Preview(unfinished=form.unfinished(), wrong=wrong)
    about = {"name": str(WORDS[form.template.code].name)}
    return preview_of(new_form(form.programme, form.document, about), clock.now())
