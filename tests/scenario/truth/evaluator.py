# SPDX-License-Identifier: AGPL-3.0-or-later
"""FHIR R4 (4.0.1) search on Observation, evaluated in plain Python from the specification's text.

The judge of the hub's search: it shares neither code nor tables with it, is slow, and reads the whole resource for every condition. Section numbers are
those of http://hl7.org/fhir/R4/search.html; parameters are those of http://hl7.org/fhir/R4/observation.html#search.

    found(resources, [("code", "8867-4"), ("date", "ge2026")])      the resources found, in the order of _sort

Numbers keep their text (load with `load`). What cannot be understood raises Refused, which names the parameter.

Where the text leaves a choice, this one is made: the precision of a searched number counts for eq, ne and ap (100 is [99.5, 100.5)), that of a measured
number does not ("values that are greater than exactly 100"), so 140.0 finds what was written as 140; a date's precision counts on both sides.
"""
import calendar
import datetime
import json
import re
import unicodedata
import zoneinfo
from decimal import Decimal

UCUM = "http://unitsofmeasure.org"
STATUS = "http://hl7.org/fhir/observation-status"
STATUSES = {"registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown"}
OSLO = zoneinfo.ZoneInfo("Europe/Oslo")  # the zone of times without one: a setting of the installation
INFINITY = Decimal("Infinity")
DAY = 86400

# What the hub ships, by canonical URL: the sets that a scenario may name in :in.
VALUE_SETS = {
    "http://hl7.org/fhir/ValueSet/observation-status": {(STATUS, code) for code in STATUSES},
    "http://hl7.org/fhir/ValueSet/observation-category": {
        ("http://terminology.hl7.org/CodeSystem/observation-category", code) for code in
        ("social-history", "vital-signs", "imaging", "laboratory", "procedure", "survey", "exam", "therapy", "activity")},
    "http://hl7.org/fhir/ValueSet/observation-vitalsignresult": {
        ("http://loinc.org", code) for code in
        ("85353-1", "9279-1", "8867-4", "2708-6", "8310-5", "8302-2", "9843-4", "29463-7", "39156-5", "85354-9", "8480-6", "8462-4")},
}

# UCUM units -> (dimension, factor, offset): value * factor + offset in the dimension's own unit. Exact where UCUM is.
UNITS = {
    "kg": ("mass", "1", "0"), "g": ("mass", "0.001", "0"), "mg": ("mass", "0.000001", "0"), "[lb_av]": ("mass", "0.45359237", "0"),
    "m": ("length", "1", "0"), "cm": ("length", "0.01", "0"), "mm": ("length", "0.001", "0"), "[in_i]": ("length", "0.0254", "0"),
    "Cel": ("temperature", "1", "0"), "K": ("temperature", "1", "-273.15"), "[degF]": ("temperature", "5/9", "-160/9"),
    "Pa": ("pressure", "1", "0"), "kPa": ("pressure", "1000", "0"), "mm[Hg]": ("pressure", "133.322387415", "0"),
    "1": ("ratio", "1", "0"), "%": ("ratio", "0.01", "0"),
    "/s": ("rate", "60", "0"), "/min": ("rate", "1", "0"), "{beats}/min": ("rate", "1", "0"), "/h": ("rate", "1/60", "0"),
    "L": ("volume", "1", "0"), "mL": ("volume", "0.001", "0"), "dL": ("volume", "0.1", "0"),
    "L/min": ("flow", "1", "0"), "L/s": ("flow", "60", "0"), "mL/min": ("flow", "0.001", "0"),
    "s": ("time", "1", "0"), "min": ("time", "60", "0"), "h": ("time", "3600", "0"), "d": ("time", "86400", "0"),
    "mmol/L": ("substance", "1", "0"), "umol/L": ("substance", "0.001", "0"),
    "g/L": ("density", "1", "0"), "mg/dL": ("density", "0.01", "0"), "g/dL": ("density", "10", "0"),
}


class Refused(Exception):
    """The query is not one: the answer is a 400 that names the parameter."""


class Number(str):
    """A JSON number as written."""


def load(text):
    return json.loads(text, parse_float=Number, parse_int=Number)


# ---- ranges


class Range:
    """Low and high; what stands at an end belongs to it or not. A number as measured is a point."""

    def __init__(self, low, high, low_in=True, high_in=False):
        self.low, self.high, self.low_in, self.high_in = low, high, low_in, high_in

    def contains(self, other):
        return self.low <= other.low and (other.high < self.high or other.high == self.high and not (other.high_in and not self.high_in))

    def overlaps(self, other):
        return ((self.low < other.high or self.low == other.high and self.low_in and other.high_in)
                and (other.low < self.high or other.low == self.high and other.low_in and self.high_in))


def compare(prefix, search, target):
    """3.1.1.4.5: what each prefix means between two ranges."""
    above = target.high > search.high or target.high == search.high and target.high_in and not search.high_in
    below = target.low < search.low
    inside = search.contains(target)
    return {
        "eq": inside,
        "ne": not inside,
        "gt": above,
        "lt": below,
        "ge": above or inside,
        "le": below or inside,
        "sa": target.low > search.high or target.low == search.high and not (target.low_in and search.high_in),
        "eb": target.high < search.low or target.high == search.low and not (target.high_in and search.low_in),
        "ap": search.overlaps(target),
    }[prefix]


def compare_exactly(prefix, number, target):
    """3.1.1.4.3: gt lt ge le sa eb look at the number itself, whatever its precision ("greater than exactly 100")."""
    return {
        "gt": target.high > number,
        "lt": target.low < number,
        "ge": target.high > number or target.high == number and target.high_in,
        "le": target.low < number or target.low == number and target.low_in,
        "sa": target.low > number or target.low == number and not target.low_in,
        "eb": target.high < number or target.high == number and not target.high_in,
    }[prefix]


PREFIX = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?(.*)", re.S)


# ---- dates (3.1.1.4.4)

DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?)?")


def _seconds(when):
    """Exact seconds since 1970 of a datetime with a zone."""
    gone = when - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return Decimal(gone.days * DAY + gone.seconds)


def date_range(text):
    """The range of a date or dateTime by its written precision, or None where it is none."""
    match = DATE.fullmatch(text)
    if not match:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        if zone == "Z":
            at = datetime.timezone.utc
        elif zone:
            minutes = int(zone[1:3]) * 60 + int(zone[4:6])
            if minutes > 14 * 60 or int(zone[4:6]) > 59:
                return None
            at = datetime.timezone(datetime.timedelta(minutes=minutes if zone[0] == "+" else -minutes))
        else:
            at = OSLO
        start = datetime.datetime(int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=at)
    except ValueError:
        return None
    low = _seconds(start) + Decimal(fraction or 0)
    if hour is not None:
        return Range(low, low + (Decimal(1).scaleb(-len(fraction) + 1) if fraction else 1 if second is not None else 60))
    days = 1 if day else calendar.monthrange(int(year), int(month))[1] if month else 366 if calendar.isleap(int(year)) else 365
    after = (start.replace(tzinfo=None) + datetime.timedelta(days=days)).replace(tzinfo=OSLO)
    return Range(low, _seconds(after))


def period_range(period):
    """An absent boundary is open (3.1.1.4.4)."""
    start, end = period.get("start"), period.get("end")
    if start is None and end is None:
        return None
    return Range(date_range(start).low if start else -INFINITY, date_range(end).high if end else INFINITY)


def date_condition(value, now):
    prefix, rest = PREFIX.fullmatch(value).groups()
    prefix, span = prefix or "eq", date_range(rest)
    if span is None:
        raise Refused("not a date")
    if prefix == "ap":  # 10 % of the gap between now and the date
        margin = abs(now - span.low) / 10
        span = Range(span.low - margin, span.high + margin)
    return lambda target: compare(prefix, span, target)


# ---- numbers and quantities (3.1.1.4.3, 3.1.1.4.9)

NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")


def number_range(text):
    """100 is [99.5, 100.5), 100.00 is [99.995, 100.005), 1e2 is [95, 105) (the specification's own example)."""
    value = Decimal(text)
    exponent = value.as_tuple().exponent
    if re.fullmatch(r"-?\d[eE][+-]?\d+", text) and exponent > 0:
        exponent -= 1  # one digit alone is read as 1.0e2, as the specification does
    half = Decimal(5).scaleb(exponent - 1)
    return Range(value - half, value + half)


def _rational(text):
    over, _, under = text.partition("/")
    return Decimal(over) / Decimal(under or 1)


def scaled(span, unit):
    """The range in the unit of its dimension."""
    _, factor, offset = UNITS[unit]
    times, plus = _rational(factor), _rational(offset)
    # to fifteen digits, as much as a stored decimal has: or a third of a degree would decide
    exact = lambda x: x if abs(x) == INFINITY else round(x * times + plus, 15)
    return Range(exact(span.low), exact(span.high), span.low_in, span.high_in)


def quantity_range(quantity):
    """What was measured: the number itself, or what lies on one side of it (datatypes.html#quantity, comparator)."""
    if "value" not in quantity:
        return None
    value = Decimal(quantity["value"])
    return {None: Range(value, value, high_in=True), "<": Range(-INFINITY, value), "<=": Range(-INFINITY, value, high_in=True),
            ">": Range(value, INFINITY, low_in=False), ">=": Range(value, INFINITY)}[quantity.get("comparator")]


def quantity_condition(parts):
    prefix, text = PREFIX.fullmatch(parts[0]).groups()
    prefix = prefix or "eq"
    if not NUMBER.fullmatch(text) or len(parts) not in (1, 3):
        raise Refused("not a quantity")
    number, span = Decimal(text), number_range(text)
    if prefix == "ap":
        margin = abs(number) / 10
        span = Range(min(span.low, number - margin), max(span.high, number + margin), high_in=number + margin >= span.high)
    system, unit = parts[1:] if len(parts) == 3 else ("", "")

    def holds(target, scale=lambda one: one):
        if prefix in ("eq", "ne", "ap"):
            return compare(prefix, scale(span), target)
        return compare_exactly(prefix, scale(Range(number, number)).low, target)

    def matches(quantity):
        target = quantity_range(quantity)
        if target is None:
            return False
        if system == UCUM and quantity.get("system") == UCUM and unit in UNITS and quantity.get("code") in UNITS:
            return UNITS[unit][0] == UNITS[quantity["code"]][0] and holds(scaled(target, quantity["code"]), lambda one: scaled(one, unit))
        if system:
            return (quantity.get("system"), quantity.get("code")) == (system, unit) and holds(target)
        if unit:
            return unit in (quantity.get("code"), quantity.get("unit")) and holds(target)
        return holds(target)

    return matches


# ---- tokens (3.1.1.4.10)


class Token:
    """Something a token parameter looks at: its codings, and the words that go with them."""

    def __init__(self, codings, words=(), kind=None):
        self.codings, self.words, self.kind = codings, [word for word in words if word], kind or []


def concept(element):
    codings = element.get("coding", [])
    return Token([(one.get("system"), one.get("code")) for one in codings], [element.get("text"), *(one.get("display") for one in codings)])


def coding(element):
    return Token([(element.get("system"), element.get("code"))], [element.get("display")])


def identifier(element):
    kind = element.get("type", {})
    return Token([(element.get("system"), element.get("value"))], [kind.get("text")],
                 [(one.get("system"), one.get("code")) for one in kind.get("coding", [])])


def token_condition(parts):
    if len(parts) == 1:
        if not parts[0]:
            raise Refused("empty")
        return lambda token: any(code == parts[0] for _, code in token.codings)
    if len(parts) != 2 or parts == ["", ""]:
        raise Refused("not a token")
    system, code = parts
    if not code:
        return lambda token: any(one == system for one, _ in token.codings)
    return lambda token: (system or None, code) in token.codings


def of_type_condition(parts):
    if len(parts) != 3 or not all(parts):
        raise Refused("not system|code|value")
    return lambda token: (parts[0], parts[1]) in token.kind and any(value == parts[2] for _, value in token.codings)


def status_condition(parts):
    if parts[-1] not in STATUSES or len(parts) > 2 or parts[:-1] not in ([], [STATUS]):
        raise Refused("not a status")  # the list is closed (required binding), so another value is an error, not an empty answer
    return token_condition(parts)


def in_condition(value):
    if value not in VALUE_SETS:
        raise Refused("not a value set that is known")
    return lambda token: any(one in VALUE_SETS[value] for one in token.codings)


# ---- strings (3.1.1.4.8)


def folded(text):
    """Without case, without accents."""
    return "".join(one for one in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(one))


def string_condition(value, modifier):
    if not value:
        raise Refused("empty")
    return {"exact": lambda text: text == value, "contains": lambda text: folded(value) in folded(text),
            None: lambda text: folded(text).startswith(folded(value))}[modifier]


# ---- references (3.1.1.4.11)


def reference_condition(value, modifier):
    if modifier == "identifier":
        of = token_condition(split(value, "|"))
        return lambda reference: "identifier" in reference and of(identifier(reference["identifier"]))
    if not value:
        raise Refused("empty")
    if "://" in value or value.startswith("urn:"):
        return lambda reference: reference.get("reference") == value
    kind, _, name = value.rpartition("/")
    if modifier:
        kind = modifier

    def matches(reference):
        to = reference.get("reference", "").split("/_history/")[0]
        if "://" in to or "/" not in to:
            return False
        return to == f"{kind}/{name}" if kind else to.split("/")[1] == name

    return matches


# ---- the parameters of Observation


def values_of(observation, name, kind):
    """value[x] of one kind, of the Observation itself."""
    return [observation[f"value{kind}"]] if f"value{kind}" in observation else []


def _own(observation):
    return [observation]


def each(observation, *names):
    """Every element of these names, arrays opened."""
    return [one for name in names if name in observation for one in (observation[name] if isinstance(observation[name], list) else [observation[name]])]


def dates_of(element, name):
    spans = []
    for kind in ("DateTime", "Instant"):
        if f"{name}{kind}" in element:
            spans.append(date_range(element[f"{name}{kind}"]))
    if f"{name}Period" in element:
        spans.append(period_range(element[f"{name}Period"]))
    timing = element.get(f"{name}Timing", {})
    events = [date_range(one) for one in timing.get("event", [])]
    if "boundsPeriod" in timing.get("repeat", {}):
        events.append(period_range(timing["repeat"]["boundsPeriod"]))
    if events:  # only the outer limits matter
        spans.append(Range(min(one.low for one in events), max(one.high for one in events)))
    return [span for span in spans if span]


def parts_of(observation):
    return observation.get("component", [])


def every(observation):
    return [observation, *parts_of(observation)]


def _flat(function):
    return lambda observation: [one for part in parts_of(observation) for one in function(part)]


def _combo(function):
    return lambda observation: [one for part in every(observation) for one in function(part)]


def _code(part):
    return [concept(part["code"])] if "code" in part else []


def _quantity(part):
    return each(part, "valueQuantity")


def _concept(part):
    return [concept(one) for one in each(part, "valueCodeableConcept")]


def _absent(part):
    return [concept(one) for one in each(part, "dataAbsentReason")]


def _refer(name):
    return ("reference", lambda observation: each(observation, name))


PARAMETERS = {
    "_id": ("token", lambda o: [Token([(None, o.get("id"))])]),
    "_lastUpdated": ("date", lambda o: [date_range(o["meta"]["lastUpdated"])]),
    "_tag": ("token", lambda o: [coding(one) for one in o.get("meta", {}).get("tag", [])]),
    "_security": ("token", lambda o: [coding(one) for one in o.get("meta", {}).get("security", [])]),
    "_source": ("uri", lambda o: [one for one in [o.get("meta", {}).get("source")] if one]),
    "_profile": ("uri", lambda o: o.get("meta", {}).get("profile", [])),
    "identifier": ("token", lambda o: [identifier(one) for one in each(o, "identifier")]),
    "code": ("token", _code),
    "category": ("token", lambda o: [concept(one) for one in each(o, "category")]),
    "date": ("date", lambda o: dates_of(o, "effective")),
    "status": ("token", lambda o: [Token([(STATUS, o["status"])])]),
    "value-quantity": ("quantity", _quantity),
    "value-concept": ("token", _concept),
    "value-string": ("string", lambda o: [*each(o, "valueString"), *(one["text"] for one in each(o, "valueCodeableConcept") if "text" in one)]),
    "value-date": ("date", lambda o: dates_of(o, "value")),
    "component-code": ("token", _flat(_code)),
    "component-value-quantity": ("quantity", _flat(_quantity)),
    "component-value-concept": ("token", _flat(_concept)),
    "component-data-absent-reason": ("token", _flat(_absent)),
    "combo-code": ("token", _combo(_code)),
    "combo-value-quantity": ("quantity", _combo(_quantity)),
    "combo-value-concept": ("token", _combo(_concept)),
    "combo-data-absent-reason": ("token", _combo(_absent)),
    "data-absent-reason": ("token", _absent),
    "device": _refer("device"),
    "performer": _refer("performer"),
    "method": ("token", lambda o: [concept(one) for one in each(o, "method")]),
    "part-of": _refer("partOf"),
    "has-member": _refer("hasMember"),
    "derived-from": _refer("derivedFrom"),
    "focus": _refer("focus"),
    "encounter": _refer("encounter"),
    "based-on": _refer("basedOn"),
    "specimen": _refer("specimen"),
    "subject": _refer("subject"),
    "code-value-concept": ("composite", _own),
    "code-value-date": ("composite", _own),
    "code-value-quantity": ("composite", _own),
    "code-value-string": ("composite", _own),
    "component-code-value-concept": ("composite", parts_of),
    "component-code-value-quantity": ("composite", parts_of),
    "combo-code-value-concept": ("composite", every),
    "combo-code-value-quantity": ("composite", every),
}
MODIFIERS = {"token": {"not", "in", "not-in", "text"}, "string": {"exact", "contains"}, "reference": {"identifier"}}


def split(value, at):
    """Splits at a character that is not escaped; escapes are taken away only at the last level (3.1.1.4.13)."""
    parts, current, escaped = [], "", False
    for one in value:
        if escaped:
            current, escaped = current + "\\" + one, False
        elif one == "\\":
            escaped = True
        elif one == at:
            parts.append(current)
            current = ""
        else:
            current += one
    parts.append(current + ("\\" if escaped else ""))
    return [re.sub(r"\\([\\,$|])", r"\1", part) for part in parts] if at == "|" else parts


def unescaped(value):
    return re.sub(r"\\([\\,$|])", r"\1", value)


def one_condition(kind, name, modifier, value, now):
    """One value of a parameter as a function of one target."""
    if kind == "date":
        return date_condition(unescaped(value), now)
    if kind == "quantity":
        return quantity_condition(split(value, "|"))
    if kind == "string":
        return string_condition(unescaped(value), modifier)
    if kind == "uri":
        return lambda uri: uri == unescaped(value)
    if kind == "reference":
        return reference_condition(value if modifier == "identifier" else unescaped(value), modifier)
    if kind == "composite":
        pair = split(value, "$")
        if len(pair) != 2:
            raise Refused("not code$quantity")
        code = token_condition(split(pair[0], "|"))
        second = "value-" + name.rpartition("-")[2]
        kind, targets = PARAMETERS[second]
        value = one_condition(kind, second, None, pair[1], now)
        return lambda part: any(code(one) for one in _code(part)) and any(value(one) for one in targets(part))
    if modifier == "text":
        of = string_condition(unescaped(value), None)
        return lambda token: any(of(word) for word in token.words)
    if modifier in ("in", "not-in"):
        return in_condition(unescaped(value))
    if modifier == "of-type":
        return of_type_condition(split(value, "|"))
    return (status_condition if name == "status" else token_condition)(split(value, "|"))


def condition(name, value, now=None):
    """One `name=value` of a query as a function of a resource."""
    now = Decimal(datetime.datetime.now(datetime.timezone.utc).timestamp()) if now is None else now
    base, _, modifier = name.partition(":")
    if base not in PARAMETERS:
        raise Refused(name)
    kind, targets = PARAMETERS[base]
    if modifier == "missing":
        if value not in ("true", "false"):
            raise Refused(name)
        return lambda observation: (not targets(observation)) == (value == "true")
    takes = MODIFIERS.get(kind, set()) | ({"of-type"} if base == "identifier" else set())
    if modifier and modifier not in takes and not (kind == "reference" and modifier[0].isupper()):
        raise Refused(name)
    try:
        each_of = [one_condition(kind, base, modifier or None, one, now) for one in split(value, ",")]
    except Refused as refused:
        raise Refused(f"{name}: {refused}") from refused
    some = lambda observation: any(of(target) for of in each_of for target in targets(observation))
    return (lambda observation: not some(observation)) if modifier in ("not", "not-in") else some


# ---- order (3.1.1.5.1)


def sort_key(observation, name):
    """Where the Observation stands by this parameter, or None where it has no such value."""
    if name == "date":
        return min((span.low for span in dates_of(observation, "effective")), default=None)
    if name == "_lastUpdated":
        return date_range(observation["meta"]["lastUpdated"]).low
    if name == "code":
        return next((code for _, code in concept(observation["code"]).codings), None)
    if name == "value-quantity":
        quantity = next(iter(_quantity(observation)), None)
        if quantity is None:
            return None
        span = quantity_range(quantity)
        return scaled(span, quantity["code"]).low if quantity.get("code") in UNITS else span.low
    raise Refused(f"_sort: {name}")


def found(resources, query, now=None):
    """The resources that the query finds. `query` is a list of (name, value); in the order of _sort where there is one."""
    conditions = [condition(name, value, now) for name, value in query if name not in ("_sort", "_count")]
    rows = [one for one in resources if all(of(one) for of in conditions)]
    for name in reversed([name for key, value in query if key == "_sort" for name in value.split(",")]):
        plain = name.lstrip("-")
        there = sorted((row for row in rows if sort_key(row, plain) is not None), key=lambda row: sort_key(row, plain), reverse=name[0] == "-")
        rows = there + [row for row in rows if sort_key(row, plain) is None]
    return rows
