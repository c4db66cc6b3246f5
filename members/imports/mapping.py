"""Mapping files: how the columns of somebody's file become receipts with lines.

A mapping is TOML or JSON, checked as a whole before a row is read. Ready ones
lie in ``mappings/`` beside this file and are called by their name.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import tomllib
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from django.utils.translation import gettext_lazy as _
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from members.imports.errors import MappingInvalid
from members.imports.expressions import Expression, columns_of

READY = Path(__file__).parent / "mappings"
LARGEST_MAPPING = 1_000_000


def known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("not a time zone of the IANA list, such as Europe/Moscow")
    return name


Zone = Annotated[str, AfterValidator(known_zone)]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceFile(Part):
    """A file, and how it is written. With ``package`` the path is inside that Python package."""

    file: str = ""
    package: str = ""
    format: Literal["auto", "csv", "parquet", "words"] = "auto"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    encoding: str = "utf-8"
    header: Annotated[list[str], Field(max_length=200)] = []
    decimal_comma: bool = False
    optional: Annotated[list[str], Field(max_length=200)] = []

    @cached_property
    def path(self) -> Path | None:
        """Where the file lies; None when the command line has to say it."""
        if not self.file:
            return None
        return package_folder(self.package) / self.file if self.package else Path(self.file)


class TableFile(SourceFile):
    """A table that lookups read: products, stores. Kept in memory, by its key."""

    key: str


class ReceiptFields(Part):
    """What stands once on a receipt. Store and number together name it."""

    store: Expression
    number: Expression
    occurred_at: Expression
    member: Expression | None = None
    card: Expression | None = None
    terminal: Expression | None = None
    cashier: Expression | None = None
    tender: Expression | None = None
    total: Expression | None = None


class LineFields(Part):
    """What stands on each line. Of gross, discount and net, one may be left to follow from two."""

    sku: Expression
    name: Expression | None = None
    quantity: Expression
    unit_price: Expression | None = None
    gross: Expression | None = None
    discount: Expression | None = None
    net: Expression | None = None
    coupon: Expression | None = None

    @model_validator(mode="after")
    def has_money(self) -> LineFields:
        if not (self.gross or self.net or self.unit_price):
            raise ValueError("name at least one of gross, net and unit_price")
        return self


class Thousandths(Part):
    """Rows whose quantity counts thousandths of a unit, such as litres or gallons of fuel.

    A row belongs here when ``of`` starts with the given text and one piece would
    cost less than the smallest coin.
    """

    of: Expression
    starts_with: str


class ProductFields(Part):
    """The file's product table, for products that are new; the others stay as they are."""

    table: str
    sku: Expression
    name: Expression
    barcode: Expression | None = None
    brand: Expression | None = None
    categories: Annotated[list[Expression], Field(max_length=8)] = []


class StoreFields(Part):
    """What a store is called that the file names and nobody knows yet."""

    name: str = "Store {code}"
    time_zone: Zone = "UTC"


class Mapping(Part):
    """One way to read one kind of file."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}$")]
    title: str = ""
    source: SourceFile = SourceFile()
    lines: SourceFile | None = None
    tables: dict[str, TableFile] = {}
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    time_zone: Zone = "UTC"
    time_format: str = ""
    money_in: Literal["units", "minor"] = "units"
    unknown_products: Literal["create", "refuse"] = "refuse"
    unknown_stores: Literal["create", "refuse"] = "refuse"
    unknown_members: Literal["create", "refuse"] = "refuse"
    zero_quantity: Literal["one", "refuse"] = "refuse"
    stores: StoreFields = StoreFields()
    receipt: ReceiptFields
    line: LineFields
    thousandths: Thousandths | None = None
    products: ProductFields | None = None

    @model_validator(mode="after")
    def names_its_tables(self) -> Mapping:
        if self.products and self.products.table not in self.tables:
            raise ValueError(f"products names the table {self.products.table}, which is not there")
        return self

    @cached_property
    def columns(self) -> frozenset[str]:
        """The columns of the receipt file that anything here reads."""
        fields = [*self.receipt.__dict__.values(), *self.line.__dict__.values()]
        fields.append(self.thousandths.of if self.thousandths else None)
        return frozenset(columns_of([one for one in fields if one is not None]))

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def load_mapping(name_or_path: str) -> Mapping:
    """A ready mapping by its name, or one's own by its path."""
    ready = READY / f"{name_or_path}.toml"
    path = ready if name_or_path.isidentifier() and ready.exists() else Path(name_or_path)
    if not path.is_file() or path.stat().st_size > LARGEST_MAPPING:
        names = ", ".join(sorted(one.stem for one in READY.glob("*.toml")))
        raise MappingInvalid(_("There is no such mapping file"), mapping=name_or_path, ready=names)
    try:
        return Mapping.model_validate(parsed(path))
    except ValidationError as wrong:
        raise MappingInvalid(errors=faults(wrong), mapping=name_or_path) from wrong


def parsed(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
        return json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except ValueError as wrong:  # bad UTF-8, bad TOML and bad JSON alike
        raise MappingInvalid(str(wrong), mapping=str(path)) from wrong


def faults(wrong: ValidationError) -> list[dict[str, str]]:
    """Where each fault stands and what is wrong, in the words of the checker."""
    return [
        {"field": ".".join(map(str, one["loc"])), "expected": one["msg"]}
        for one in wrong.errors(include_url=False, include_context=False)
    ]


def package_folder(name: str) -> Path:
    """The folder of an installed package, found without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise MappingInvalid(_("A package with the data is not installed"), package=name)
    return Path(next(iter(spec.submodule_search_locations)))
