"""Judges the splitting of recurring series by an independent implementation of RFC 5545: python-dateutil.

    oracle.py judge COUNT SEED PROGRAM   makes series, lets PROGRAM (split.rs) split them, and compares
    oracle.py table COUNT SEED           writes the table of right values that `cargo test` compares with

A place is a number of seconds since 1970: UTC for times, the calendar's for whole days.
"""

import json
import random
import subprocess
import sys
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

ZONES = [
    "Europe/Berlin", "America/New_York", "America/Los_Angeles", "Asia/Tokyo", "Asia/Kolkata", "Australia/Sydney",
    "Australia/Lord_Howe", "Pacific/Auckland", "America/Sao_Paulo", "Africa/Casablanca", "America/Santiago", "Europe/London", "UTC",
]
DAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
EPOCH = datetime(1970, 1, 1)
LIMIT = 300
LAST_YEAR = 2120


def place(local, zone):
    """Where a time on the clocks of a zone is; a whole day is its midnight."""
    if zone is None:
        return int((local - EPOCH).total_seconds())
    moment = local.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(timezone.utc)
    return int((moment.replace(tzinfo=None) - EPOCH).total_seconds())


def local(at, zone):
    """What the clocks of a zone show at a place."""
    utc = EPOCH + timedelta(seconds=at)
    if zone is None:
        return utc
    return utc.replace(tzinfo=timezone.utc).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def rule_places(start, zone, rule):
    """The places of a rule's occurrences, more than anybody looks at."""
    begin = start if zone is None else start.replace(tzinfo=ZoneInfo(zone))
    found = []
    for moment in rrulestr(rule, dtstart=begin):
        if moment.year > LAST_YEAR or len(found) > 4 * LIMIT:
            break
        found.append(place(moment.replace(tzinfo=None), zone))
    return found


def times(line, zone):
    """The places in an RDATE or EXDATE line."""
    head, value = line.split(":", 1)
    named = zone
    for parameter in head.split(";")[1:]:
        name, given = parameter.split("=", 1)
        if name == "TZID":
            named = given
    result = []
    for text in value.split(","):
        if zone is None:
            result.append(place(datetime.strptime(text[:8], "%Y%m%d"), None))
        elif text.endswith("Z"):
            result.append(place(datetime.strptime(text, "%Y%m%dT%H%M%SZ"), "UTC"))
        else:
            result.append(place(datetime.strptime(text, "%Y%m%dT%H%M%S"), named))
    return result


def expand(start, zone, lines):
    """The places of a series, and whether these are all."""
    added, excluded, whole = {place(start, zone)}, set(), True
    for line in lines:
        name = line.split(":", 1)[0].split(";")[0]
        if name in ("RRULE", "EXRULE"):
            found = rule_places(start, zone, line.split(":", 1)[1])
            whole = whole and ("COUNT" in line or "UNTIL" in line) and (not found or local(found[-1], zone).year < LAST_YEAR)
            (added if name == "RRULE" else excluded).update(found)
        else:
            (added if name == "RDATE" else excluded).update(times(line, zone))
    places = sorted(added - excluded)
    return (places, True) if whole and len(places) <= LIMIT else (places[:LIMIT], False)


def a_rule(dice, frequency):
    """A rule without an end."""
    parts = [f"FREQ={frequency}"]
    if dice.random() < 0.5:
        parts.append(f"INTERVAL={dice.randint(2, 5)}")
    if dice.random() < 0.3:
        parts.append(f"WKST={dice.choice(DAYS)}")
    some = lambda values, most: ",".join(str(value) for value in dice.sample(values, dice.randint(1, most)))
    kind = dice.random()
    if frequency == "DAILY":
        if kind < 0.3:
            parts.append("BYDAY=" + some(DAYS, 5))
        elif kind < 0.4:
            parts.append("BYMONTH=" + some(range(1, 13), 6))
        elif kind < 0.5:
            parts.append("BYHOUR=" + some(range(9, 18), 2))
    elif frequency == "WEEKLY":
        if kind < 0.7:
            parts.append("BYDAY=" + some(DAYS, 4))
    elif frequency == "MONTHLY":
        if kind < 0.25:
            parts.append("BYMONTHDAY=" + some([*range(1, 32), -1, -2, -3], 3))
        elif kind < 0.5:
            parts.append("BYDAY=" + ",".join(f"{dice.choice([1, 2, 3, 4, 5, -1, -2])}{day}" for day in dice.sample(DAYS, dice.randint(1, 2))))
        elif kind < 0.65:
            parts += ["BYDAY=MO,TU,WE,TH,FR", f"BYSETPOS={dice.choice([1, 2, -1, -2])}"]
        elif kind < 0.75:
            parts.append("BYDAY=" + some(DAYS, 3))
    elif frequency == "YEARLY":
        if kind < 0.2:
            parts += ["BYMONTH=" + some(range(1, 13), 3), "BYMONTHDAY=" + some(range(1, 32), 2)]
        elif kind < 0.4:
            parts += ["BYMONTH=" + some(range(1, 13), 2), f"BYDAY={dice.choice([1, 2, 3, 4, -1])}{dice.choice(DAYS)}"]
        elif kind < 0.5:
            parts.append(f"BYDAY={dice.choice([1, 5, 20, -1, -10])}{dice.choice(DAYS)}")
        elif kind < 0.6:
            parts.append("BYYEARDAY=" + some([1, 60, 100, 200, 366, -1, -100], 3))
        elif kind < 0.7:
            # Not the last weeks of a year: dateutil takes 2 January 2039 for a day of week 53, and no day for one of week 52.
            parts += ["BYWEEKNO=" + some([1, 10, 20, 30], 3), "BYDAY=" + some(DAYS, 2)]
    else:
        if kind < 0.4:
            parts.append("BYDAY=" + some(DAYS, 4))
        elif kind < 0.6 and frequency == "HOURLY":
            parts.append("BYHOUR=" + some(range(24), 8))
    return ";".join(parts)


def a_series(dice):
    """A series with a place at which to split it and how its rest moves; none where the dice fell badly."""
    zone = None if dice.random() < 0.25 else dice.choice(ZONES)
    frequencies = ["DAILY", "WEEKLY", "WEEKLY", "MONTHLY", "MONTHLY", "YEARLY"]
    if zone == "UTC":
        frequencies += ["HOURLY", "MINUTELY"]
    frequency = dice.choice(frequencies)
    rule = a_rule(dice, frequency)
    base = datetime(dice.randint(2010, 2030), dice.randint(1, 12), dice.randint(1, 28))
    if dice.random() < 0.2:
        base += timedelta(days=dice.randint(0, 3))
    if zone is not None:
        base += timedelta(minutes=15 * dice.randint(0, 95))
    elif "BYHOUR" in rule:
        return None
    # The start is an occurrence of its own rule: what else is undefined (RFC 5545, 3.8.5.3).
    found = rule_places(base, zone, rule)
    if len(found) < 3:
        return None
    start = local(found[0], zone)
    found = rule_places(start, zone, rule)
    if len(found) < 3 or found[0] != place(start, zone) or place(start, zone) != place(local(found[0], zone), zone):
        return None
    end = dice.random()
    if end < 0.35:
        rule += f";COUNT={dice.randint(2, min(len(found), 120))}"
    elif end < 0.65:
        until = found[dice.randint(1, min(len(found), 120) - 1)]
        rule += ";UNTIL=" + (EPOCH + timedelta(seconds=until)).strftime("%Y%m%d" if zone is None else "%Y%m%dT%H%M%SZ")
    lines = ["RRULE:" + rule]
    written = lambda at: (EPOCH + timedelta(seconds=at)).strftime("%Y%m%d") if zone is None else (
        local(at, zone).strftime("%Y%m%dT%H%M%S") if zone != "UTC" else (EPOCH + timedelta(seconds=at)).strftime("%Y%m%dT%H%M%SZ"))
    head = ";VALUE=DATE:" if zone is None else (":" if zone == "UTC" else f";TZID={zone}:")
    inner = found[: min(len(found), 60)]
    if dice.random() < 0.4:
        lines.append("EXDATE" + head + ",".join(written(at) for at in sorted(dice.sample(inner, min(len(inner), dice.randint(1, 4))))))
    if dice.random() < 0.3:
        more = [at + 86_400 * dice.randint(1, 9) + (0 if zone is None else 900 * dice.randint(-8, 8)) for at in dice.sample(inner, min(len(inner), 3))]
        lines.append("RDATE" + head + ",".join(written(at) for at in sorted(more)))
    if dice.random() < 0.05 and frequency in ("DAILY", "WEEKLY"):
        lines.append("EXRULE:FREQ=MONTHLY;BYMONTHDAY=" + str(dice.randint(1, 28)))
    places, _ = expand(start, zone, lines)
    if len(places) < 2:
        return None
    at = dice.choice(places[: min(len(places), 100)])
    by, to_zone = 0, zone
    change = dice.random()
    if zone is None:
        if change < 0.5:
            by = 86_400 * dice.randint(-6, 6)
    else:
        if change < 0.6:
            by = 900 * dice.randint(-40, 40)
        elif change < 0.8:
            by = 86_400 * dice.randint(-6, 6) + 1_800 * dice.randint(-4, 4)
        if dice.random() < 0.1:
            to_zone = dice.choice(ZONES)
    return {"start": place(start, None), "zone": zone, "lines": lines, "at": at, "by": by, "to_zone": to_zone, "limit": LIMIT}


def right(series):
    """What both parts of a series must be: the places before, and the moved places after, as far as they go."""
    places, whole = expand(EPOCH + timedelta(seconds=series["start"]), series["zone"], series["lines"])
    time = (EPOCH + timedelta(seconds=series["start"])).time()

    def moved(at):
        shown = local(at, series["zone"])
        # Where clocks were set forward over the time of the series, it is that time that moves.
        by_rule = datetime.combine(shown.date(), time)
        shown = by_rule if place(by_rule, series["zone"]) == at else shown
        return place(shown + timedelta(seconds=series["by"]), series["to_zone"])

    before = [at for at in places if at < series["at"]]
    after = [moved(at) for at in places if at >= series["at"]]
    return places, before, after, whole


def all_series(dice, count):
    made = []
    while len(made) < count:
        series = a_series(dice)
        if series is not None:
            made.append(series)
    return made


def part(answer, zone):
    """The places of a part, by its lines and this implementation."""
    if answer is None:
        return [], True
    return expand(EPOCH + timedelta(seconds=answer["start"]), zone, answer["lines"])


def is_right(series, answer):
    """Whether both parts have the right places by this implementation, and by the program's own reading of its lines."""
    places, before, after, whole = right(series)
    kept, _ = part(answer["kept"], series["zone"])
    rest, _ = part(answer["rest"], series["to_zone"])
    # Without an end, only what both have room for can be compared.
    size = len(after) if whole else min(len(after), LIMIT - len(before))
    own = lambda name: answer[name]["places"] if answer[name] else []
    same_length = len(answer["places"]) == len(places) and len(rest) == len(after) if whole else True
    return (
        same_length
        and answer["places"][: len(places)] == places
        and kept == before == own("kept")
        and rest[:size] == after[:size] == own("rest")[:size]
    )


def judge(count, seed, program):
    """Compares at least so many series; a failure is printed as the line that goes into the program."""
    dice = random.Random(seed)
    equal, wrong, refused = 0, [], []
    while equal + len(wrong) < count:
        made = all_series(dice, 500)
        given = "\n".join(json.dumps(series) for series in made)
        run = subprocess.run([program], input=given, capture_output=True, text=True, check=True)
        answers = [json.loads(line) for line in run.stdout.splitlines()]
        assert len(answers) == len(made), f"{len(answers)} answers to {len(made)} lines"
        for series, answer in zip(made, answers):
            if "error" in answer:
                refused.append(series)
            elif is_right(series, answer):
                equal += 1
            else:
                wrong.append(series)
    # What moves to other days may be refused: no rule need describe the days after those of another rule.
    unmoved = [series for series in refused if series["by"] == 0 and series["zone"] == series["to_zone"]]
    for series in (wrong + unmoved)[:10]:
        print(json.dumps(series), file=sys.stderr)
    print(
        f"{equal} series equal, {len(wrong)} wrong; {len(refused)} more cannot be described by a rule after their move, "
        f"{len(unmoved)} were refused without one"
    )
    sys.exit(1 if wrong or unmoved else 0)


def table(count, seed):
    rows = []
    for series in all_series(random.Random(seed), count):
        _, before, after, whole = right(series)
        row = {name: series[name] for name in ("start", "zone", "lines", "at", "by", "to_zone")}
        row |= {"before": len(before), "last_before": before[-2:], "after": len(after) if whole else None}
        compared = len(after) if whole else min(len(after), LIMIT - len(before), 100)
        row |= {"compared": compared, "first_after": after[:3], "last_after": after[:compared][-2:]}
        rows.append(row)
    print("[\n" + ",\n".join(" " + json.dumps(row) for row in rows) + "\n]")


if __name__ == "__main__":
    if sys.argv[1] == "judge":
        judge(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    else:
        table(int(sys.argv[2]), int(sys.argv[3]))
