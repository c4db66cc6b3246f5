"""People for the demo: names that sound real, phones and addresses that belong to nobody.

Phones are taken from the numbers 555-0100 to 555-0199, which no network hands
out, e-mail addresses from example.com. The same household is always the same person.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date


def listed(text: str) -> list[str]:
    return text.split(" ")


WOMEN = listed(
    "Abigail Alice Amelia Anna Beatrice Caroline Charlotte Claire Clara Daisy Diana Eleanor Ella "
    "Emily Emma Esther Eva Florence Grace Hannah Harriet Isabel Ivy Jane Julia Kate Laura Lily "
    "Louise Lucy Margaret Maria Martha Mary Molly Nora Olivia Paula Rachel Rebecca Rosa Ruth "
    "Sarah Sofia Stella Susan Sylvia Teresa Vera Victoria Violet Wendy Zoe"
)
MEN = listed(
    "Aaron Adam Albert Alexander Andrew Anthony Arthur Benjamin Carl Charles Christopher Daniel "
    "David Dennis Edward Elliot Eric Felix Francis Frank George Gordon Harold Henry Hugo Ian Jack "
    "Jacob James John Joseph Kevin Leo Louis Lucas Mark Martin Matthew Max Michael Nathan Nicholas "
    "Noah Oliver Oscar Patrick Paul Peter Philip Ralph Robert Samuel Simon Stephen Theodore Thomas "
    "Victor Walter William"
)
FAMILIES = listed(
    "Adams Allen Anderson Bailey Baker Barnes Bennett Brooks Bryant Butler Carter Clark Coleman "
    "Collins Cooper Cox Davis Diaz Edwards Ellis Evans Fisher Foster Garcia Gibson Gray Green "
    "Griffin Hall Hamilton Harris Hayes Henderson Hill Howard Hughes Jackson James Jenkins Johnson "
    "Jones Kelly Kennedy King Lee Lewis Long Lopez Martin Martinez Mason Miller Mitchell Moore "
    "Morgan Morris Murphy Murray Nelson Owens Parker Patterson Perry Peterson Phillips Porter "
    "Powell Price Ramirez Reed Reynolds Richardson Rivera Roberts Robinson Rogers Ross Russell "
    "Sanders Scott Simmons Smith Stewart Sullivan Taylor Thomas Thompson Torres Turner Walker "
    "Wallace Ward Washington Watson West White Williams Wilson Wood Wright Young"
)
RUSSIAN_WOMEN = listed(
    "Анна Валентина Вера Галина Дарья Екатерина Елена Жанна Зоя Ирина Ксения Любовь Людмила "
    "Мария Надежда Наталья Ольга Полина Светлана София Тамара Татьяна Юлия"
)
RUSSIAN_MEN = listed(
    "Александр Алексей Андрей Артём Борис Василий Виктор Владимир Георгий Григорий Дмитрий "
    "Евгений Иван Игорь Илья Кирилл Константин Михаил Николай Олег Павел Пётр Роман Семён Сергей "
    "Степан Фёдор Юрий"
)
RUSSIAN_FAMILIES = listed(
    "Абрамов Андреев Беляев Богданов Быков Васильев Виноградов Воробьёв Голубев Данилов Егоров "
    "Ершов Жуков Зайцев Захаров Иванов Ильин Калинин Киселёв Ковалёв Комаров Королёв Кузнецов "
    "Лебедев Макаров Медведев Михайлов Морозов Никитин Новиков Орлов Павлов Петров Поляков "
    "Романов Семёнов Смирнов Соколов Соловьёв Степанов Тарасов Титов Фёдоров Фролов Щербаков"
)
LATIN = dict(
    zip(
        "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
        listed("a b v g d e e zh z i y k l m n o p r s t u f kh ts ch sh sch  y  e yu ya"),
        strict=True,
    )
)
AREA_CODES = (
    202, 203, 205, 206, 207, 208, 209, 212, 213, 214, 215, 216, 217, 218, 219, 224, 225, 228, 229,
    231, 234, 239, 240, 248, 251, 252, 253, 254, 256, 260, 262, 267, 269, 270, 276, 281, 301, 302,
)  # fmt: skip
SHARE_RUSSIAN = 0.2


@dataclass(frozen=True)
class Person:
    """Somebody who does not exist."""

    name: str
    phone: str
    email: str | None
    birth_date: date | None
    language: str
    wants_advertising: bool


def person(key: str, number: int) -> Person:
    """The person of a household. ``number`` is different for each, and so is the phone."""
    chance = random.Random(f"demo:{key}")  # noqa: S311 (a likeness, no secret)
    russian = chance.random() < SHARE_RUSSIAN
    name = russian_name(chance) if russian else english_name(chance)
    born = date(chance.randint(1948, 2005), chance.randint(1, 12), chance.randint(1, 28))
    return Person(
        name=name,
        phone=f"+1{AREA_CODES[number // 100 % len(AREA_CODES)]}555{100 + number % 100:04}",
        email=f"{handle(name)}.{key}@example.com" if chance.random() < 0.7 else None,
        birth_date=born if chance.random() < 0.8 else None,
        language="ru" if russian else "en",
        wants_advertising=chance.random() < 0.6,
    )


def english_name(chance: random.Random) -> str:
    return f"{chance.choice(chance.choice((WOMEN, WOMEN, MEN)))} {chance.choice(FAMILIES)}"


def russian_name(chance: random.Random) -> str:
    family = chance.choice(RUSSIAN_FAMILIES)
    if chance.random() < 0.6:
        return f"{chance.choice(RUSSIAN_WOMEN)} {family}а"
    return f"{chance.choice(RUSSIAN_MEN)} {family}"


def handle(name: str) -> str:
    """The first part of an address: Latin letters and a point."""
    letters = "".join(LATIN.get(sign, sign) for sign in name.lower())
    return letters.replace(" ", ".")
