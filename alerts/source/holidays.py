"""The national holidays of the countries where operations are: how the law says on which date each is kept."""

from collections.abc import Iterator
from datetime import date, timedelta

YEARS = (2026, 2027)
MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = range(7)

Holiday = tuple[date, str]


def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar, by Gauss as Lichtenberg corrected him."""
    century = year // 100
    moon = 15 + (3 * century + 3) // 4 - (8 * century + 13) // 25
    sun = 2 - (3 * century + 3) // 4
    cycle = year % 19
    seed = (19 * cycle + moon) % 30
    full_moon = 21 + seed - (seed // 29 + (seed // 28 - seed // 29) * (cycle // 11))
    first_sunday = 7 - (year + year // 4 + sun) % 7
    return date(year, 3, 1) + timedelta(full_moon + 7 - (full_moon - first_sunday) % 7 - 1)


def around_easter(year: int, days: int) -> date:
    return easter(year) + timedelta(days)


def monday_from(day: date) -> date:
    """That day if it is a Monday, or the Monday after it."""
    return day + timedelta(-day.weekday() % 7)


def nth_monday(year: int, month: int, number: int) -> date:
    return monday_from(date(year, month, 1)) + timedelta(7 * (number - 1))


def colombia(year: int) -> Iterator[Holiday]:
    yield date(year, 1, 1), "Año Nuevo"
    yield around_easter(year, -3), "Jueves Santo"
    yield around_easter(year, -2), "Viernes Santo"
    yield date(year, 5, 1), "Día del Trabajo"
    yield date(year, 7, 20), "Día de la Independencia"
    yield date(year, 8, 7), "Batalla de Boyacá"
    yield date(year, 12, 8), "Inmaculada Concepción"
    yield date(year, 12, 25), "Navidad"
    # Ley 51 de 1983 (Ley Emiliani): kept on the Monday that follows. Ley 2578 de 2026 added Chiquinquirá.
    for day, name in [
        (date(year, 1, 6), "Reyes Magos"),
        (date(year, 3, 19), "San José"),
        (around_easter(year, 39), "Ascensión del Señor"),
        (around_easter(year, 60), "Corpus Christi"),
        (around_easter(year, 68), "Sagrado Corazón de Jesús"),
        (date(year, 6, 29), "San Pedro y San Pablo"),
        (date(year, 7, 9), "Virgen de Chiquinquirá"),
        (date(year, 8, 15), "Asunción de la Virgen"),
        (date(year, 10, 12), "Día de la Diversidad Étnica y Cultural"),
        (date(year, 11, 1), "Todos los Santos"),
        (date(year, 11, 11), "Independencia de Cartagena"),
    ]:
        yield monday_from(day), name


def mexico(year: int) -> Iterator[Holiday]:
    """Ley Federal del Trabajo, artículo 74, without election days."""
    yield date(year, 1, 1), "Año Nuevo"
    yield nth_monday(year, 2, 1), "Día de la Constitución"
    yield nth_monday(year, 3, 3), "Natalicio de Benito Juárez"
    yield date(year, 5, 1), "Día del Trabajo"
    yield date(year, 9, 16), "Día de la Independencia"
    if (year - 2024) % 6 == 0:
        yield date(year, 10, 1), "Transmisión del Poder Ejecutivo Federal"
    yield nth_monday(year, 11, 3), "Día de la Revolución"
    yield date(year, 12, 25), "Navidad"


def peru(year: int) -> Iterator[Holiday]:
    """Decreto Legislativo 713, artículo 6: none is moved. Easter Sunday is no holiday of its own."""
    yield date(year, 1, 1), "Año Nuevo"
    yield around_easter(year, -3), "Jueves Santo"
    yield around_easter(year, -2), "Viernes Santo"
    yield date(year, 5, 1), "Día del Trabajo"
    yield date(year, 6, 7), "Batalla de Arica y Día de la Bandera"
    yield date(year, 6, 29), "San Pedro y San Pablo"
    yield date(year, 7, 23), "Día de la Fuerza Aérea"
    yield date(year, 7, 28), "Fiestas Patrias"
    yield date(year, 7, 29), "Fiestas Patrias"
    yield date(year, 8, 6), "Batalla de Junín"
    yield date(year, 8, 30), "Santa Rosa de Lima"
    yield date(year, 10, 8), "Combate de Angamos"
    yield date(year, 11, 1), "Todos los Santos"
    yield date(year, 12, 8), "Inmaculada Concepción"
    yield date(year, 12, 9), "Batalla de Ayacucho"
    yield date(year, 12, 25), "Navidad"


def chile(year: int) -> Iterator[Holiday]:
    def near_monday(day: date) -> date:
        """Ley 19.668: from Tuesday to Thursday, kept on the Monday before; from Friday, on the one after."""
        if day.weekday() in (TUESDAY, WEDNESDAY, THURSDAY):
            return day - timedelta(day.weekday())
        return monday_from(day) if day.weekday() == FRIDAY else day

    yield date(year, 1, 1), "Año Nuevo"
    yield around_easter(year, -2), "Viernes Santo"
    yield around_easter(year, -1), "Sábado Santo"
    yield date(year, 5, 1), "Día del Trabajo"
    yield date(year, 5, 21), "Día de las Glorias Navales"
    # The winter solstice, in Chile's own zone; astronomers say when.
    yield date(year, 6, {2026: 21, 2027: 21}[year]), "Día de los Pueblos Indígenas"
    yield near_monday(date(year, 6, 29)), "San Pedro y San Pablo"
    yield date(year, 7, 16), "Virgen del Carmen"
    yield date(year, 8, 15), "Asunción de la Virgen"
    yield date(year, 9, 18), "Independencia Nacional"
    yield date(year, 9, 19), "Glorias del Ejército"
    # Leyes 20.215 and 20.983: a working day that would stand alone beside these two, or the Friday before a weekend of them.
    independence = date(year, 9, 18).weekday()
    if independence in (TUESDAY, SATURDAY):
        yield date(year, 9, 17), "Fiestas Patrias"
    if independence == WEDNESDAY:
        yield date(year, 9, 20), "Fiestas Patrias"
    if date(year, 1, 1).weekday() == SUNDAY:
        yield date(year, 1, 2), "Año Nuevo"
    yield near_monday(date(year, 10, 12)), "Encuentro de Dos Mundos"
    # Ley 20.299: from Tuesday, kept on the Friday before; from Wednesday, on the one after.
    evangelical = date(year, 10, 31)
    moved = {TUESDAY: -4, WEDNESDAY: 2}.get(evangelical.weekday(), 0)
    yield evangelical + timedelta(moved), "Día de las Iglesias Evangélicas"
    yield date(year, 11, 1), "Todos los Santos"
    yield date(year, 12, 8), "Inmaculada Concepción"
    yield date(year, 12, 25), "Navidad"


def ecuador(year: int) -> Iterator[Holiday]:
    """Ley de Feriados of 2016. The day off is moved: from a Tuesday to the Monday before, from Wednesday or Thursday to that
    week's Friday, from Saturday to the day before, from Sunday to the day after."""

    def weekend(day: date, name: str) -> Iterator[Holiday]:
        # Also the day itself: nobody is rung up on the Saturday of Christmas.
        yield day, name
        if day.weekday() in (SATURDAY, SUNDAY):
            yield day + timedelta(-1 if day.weekday() == SATURDAY else 1), name

    def moved(day: date, name: str) -> Iterator[Holiday]:
        if day.weekday() in (TUESDAY, WEDNESDAY, THURSDAY):
            yield day + timedelta(-1 if day.weekday() == TUESDAY else FRIDAY - day.weekday()), name
        else:
            yield from weekend(day, name)

    new_year = date(year + 1, 1, 1)
    yield from (holiday for holiday in weekend(date(year, 1, 1), "Año Nuevo") if holiday[0].year == year)
    yield from (holiday for holiday in weekend(new_year, "Año Nuevo") if holiday[0].year == year)
    yield around_easter(year, -48), "Carnaval"
    yield around_easter(year, -47), "Carnaval"
    yield around_easter(year, -2), "Viernes Santo"
    yield from moved(date(year, 5, 1), "Día del Trabajo")
    yield from moved(date(year, 5, 24), "Batalla de Pichincha")
    yield from moved(date(year, 8, 10), "Primer Grito de Independencia")
    yield from moved(date(year, 10, 9), "Independencia de Guayaquil")
    # Two days in a row move together, next to a weekend.
    souls, cuenca = date(year, 11, 2), date(year, 11, 3)
    off = {
        TUESDAY: (-1, -1),
        WEDNESDAY: (1, 1),
        FRIDAY: (-1, -1),
        SATURDAY: (-1, 1),
        SUNDAY: (1, 1),
    }.get(souls.weekday(), (0, 0))
    yield souls + timedelta(off[0]), "Día de Difuntos"
    yield cuenca + timedelta(off[1]), "Independencia de Cuenca"
    yield from weekend(date(year, 12, 25), "Navidad")


def spain(year: int) -> Iterator[Holiday]:
    """What all regions keep. One that falls on a Sunday is left out: each region puts another day in its place."""
    for day, name in [
        (date(year, 1, 1), "Año Nuevo"),
        (date(year, 1, 6), "Epifanía del Señor"),
        (around_easter(year, -2), "Viernes Santo"),
        (date(year, 5, 1), "Fiesta del Trabajo"),
        (date(year, 8, 15), "Asunción de la Virgen"),
        (date(year, 10, 12), "Fiesta Nacional de España"),
        (date(year, 11, 1), "Todos los Santos"),
        (date(year, 12, 6), "Día de la Constitución Española"),
        (date(year, 12, 8), "Inmaculada Concepción"),
        (date(year, 12, 25), "Natividad del Señor"),
    ]:
        if day.weekday() != SUNDAY:
            yield day, name


COUNTRIES = {"cl": chile, "co": colombia, "ec": ecuador, "es": spain, "mx": mexico, "pe": peru}


def of_country(country: str) -> list[Holiday]:
    """Each date once, in order."""
    return sorted({day: name for year in YEARS for day, name in COUNTRIES[country](year)}.items())
