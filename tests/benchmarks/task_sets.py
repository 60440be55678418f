"""Data sets to choose settings by: nine that are made here, four of the samples.

Those made here are after the shapes of public sets (named at each), with texts of our own: drawn
from word lists and sentence patterns, so that any number of different rows can be had. Each row is
a dictionary with ``prompt`` and ``completion``, or with ``messages``. The same seed gives the same
rows.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

Kind = Literal["labels", "short answers", "free text", "conversations"]
Row = dict[str, Any]

SAMPLES = Path(__file__).parents[2] / "resources" / "samples"
MOST = 5200


class TaskSet(NamedTuple):
    """A named set of rows: a sample in its order, or made in any number."""

    name: str
    kind: Kind
    make: Callable[[random.Random], Iterator[Row]]

    def rows(self, most: int = MOST) -> list[Row]:
        """At most *most* different rows."""
        found: dict[str, Row] = {}
        misses = 0
        draw = random.Random(f"{self.name} 11")
        for row in self.make(draw):
            key = json.dumps(row.get("messages") or row["prompt"])
            misses = misses + 1 if key in found else 0
            found.setdefault(key, row)
            if len(found) == most or misses > 2000:
                break
        return list(found.values())


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _pair(prompt: str, completion: str) -> Row:
    return {"prompt": prompt, "completion": completion}


_NAMES = _words(
    """Ada Bruno Carla Dario Elena Farid Greta Hugo Ines Jonas Karim Lena Marco Nadia Omar Paula
    Quentin Rosa Sami Teresa Umberto Vera Willem Xenia Yusuf Zoe Alma Boris Chiara Dennis"""
)
_CITIES = _words(
    """Lisbon Turin Ghent Leipzig Porto Graz Malmo Seville Krakow Nantes Cork Bergen Utrecht
    Trieste Bilbao Tampere Basel Brno Aarhus Split Valencia Antwerp Zagreb Lyon"""
)
_THINGS = _words(
    """lamp kettle backpack keyboard rain jacket bread knife desk chair water bottle toaster
    headset bicycle pump yoga mat tent drill scarf notebook teapot mirror rug speaker"""
)
_COLOURS = _words("red blue green black white grey yellow orange purple brown")


def _typos(draw: random.Random, text: str, share: float = 0.25) -> str:
    """The text as people type it: now and then a letter lost or swapped, no capital, no stop."""
    letters = list(text)
    if draw.random() < share and len(letters) > 8:
        at = draw.randrange(1, len(letters) - 2)
        if draw.random() < 0.5:
            del letters[at]
        else:
            letters[at], letters[at + 1] = letters[at + 1], letters[at]
    typed = "".join(letters)
    if draw.random() < share:
        typed = typed.lower()
    return typed.rstrip(".?") if draw.random() < share else typed


# --- labels -----------------------------------------------------------------------------------

_INTENTS = {
    "card_lost": (
        "I lost my {c} card",
        "my card is gone since {d}",
        "someone took my card in {p}",
        "I can't find my debit card anywhere",
        "my wallet with the card was stolen",
    ),
    "card_delivery": (
        "my new card has not come yet",
        "when will the card reach {p}?",
        "it's been {n} days and still no card",
        "track the card you sent me",
    ),
    "card_declined": (
        "my card was declined in {p}",
        "the shop says my card does not work",
        "payment refused at the till on {d}",
        "why can't I pay with my card?",
    ),
    "pin_forgotten": (
        "I forgot my PIN",
        "what is the code of my card?",
        "PIN blocked after {n} tries",
        "I need a new secret number for the card",
    ),
    "top_up_failed": (
        "my top up of {a} failed",
        "the money I added is not there",
        "adding {a} did not work",
        "top-up was returned on {d}",
    ),
    "transfer_pending": (
        "transfer to {w} still pending",
        "I sent {a} on {d} and it has not arrived",
        "{w} did not get my money yet",
        "why does the transfer take so long?",
    ),
    "transfer_cancel": (
        "cancel my transfer to {w}",
        "I sent {a} to the wrong person",
        "stop the payment I made to {w}",
        "can I take back a transfer?",
    ),
    "fee_charged": (
        "why was I charged {a} extra?",
        "there is a fee I don't understand",
        "you took {a} for withdrawing cash in {p}",
        "what is this charge of {d}?",
    ),
    "exchange_rate": (
        "which exchange rate do you use?",
        "the rate in {p} was wrong",
        "I got fewer euros than I should",
        "is the currency rate better on weekdays?",
    ),
    "refund_missing": (
        "the shop refunded {a} but I don't see it",
        "where is my refund?",
        "my refund from {d} is missing",
        "the seller says the money was sent back",
    ),
    "double_charge": (
        "I was charged twice",
        "{a} was taken two times on {d}",
        "same payment appears twice in the list",
        "duplicate charge from {p}",
    ),
    "change_address": (
        "I moved to {p}",
        "how do I update my address?",
        "new street, same city",
        "please send post to {p} from now on",
    ),
    "change_name": (
        "I got married and have a new name",
        "how to change my surname?",
        "my name is spelled wrong, it is {w}",
        "update the name on the account",
    ),
    "verify_identity": (
        "why do you need my passport?",
        "my identity check fails",
        "how do I prove who I am?",
        "the photo of my id was rejected {n} times",
    ),
    "close_account": (
        "close my account",
        "I want to leave your bank",
        "delete my account by {d}",
        "how can I end the contract?",
    ),
    "app_login": (
        "I can't log in to the app",
        "the app asks for a code I never get",
        "new phone, no access to the app",
        "locked out of the app since {d}",
    ),
    "limit_raise": (
        "raise my limit to {a}",
        "how much can I withdraw a day?",
        "I need a higher limit in {p}",
        "the maximum is too low for me",
    ),
    "cash_machine": (
        "the cash machine kept my card",
        "the machine in {p} gave me no money",
        "I got {a} less from the machine",
        "where can I withdraw cash in {p}?",
    ),
}


def _filled(draw: random.Random, pattern: str) -> str:
    return pattern.format(
        c=draw.choice(("debit", "credit", "bank", "blue")),
        d=draw.choice(("Monday", "Friday", "last week", "yesterday", "the 3rd", "this morning")),
        p=draw.choice(_CITIES),
        n=draw.randint(2, 14),
        a=f"{draw.randint(3, 900)} {draw.choice(('euros', 'pounds', 'dollars', 'EUR'))}",
        w=draw.choice(_NAMES),
    )


def _intents(draw: random.Random) -> Iterator[Row]:
    """After Banking77: what a bank's customer wants, 18 labels."""
    before = ("", "", "", "Hi, ", "Hello! ", "Please help: ", "Hey there, ", "Good morning, ")
    after = ("", "", "", ", what now?", ". Thanks", ", can you help?", ". It is urgent", " :(")
    while True:
        label = draw.choice(list(_INTENTS))
        said = _filled(draw, draw.choice(_INTENTS[label]))
        text = _typos(draw, draw.choice(before) + said + draw.choice(after))
        yield _pair(f"Message: {text}\nIntent:\n", label)


_TOPICS = {
    "World": (
        "The government of {p} has called elections for {d}",
        "Talks in {p} ended without a treaty",
        "Thousands marched through {p} against the new law",
        "A strong quake shook {p} at dawn",
    ),
    "Sports": (
        "{w} won the final in {p} after {n} sets",
        "The team from {p} signed {w} for two seasons",
        "{w} broke the record by {n} seconds",
        "Rain stopped the race in {p} on {d}",
    ),
    "Business": (
        "Shares of the {p} brewer fell by {n} percent",
        "The bank in {p} will cut {n}00 jobs",
        "{w} was named chief executive of the retailer",
        "Prices rose less than expected in {p}",
    ),
    "Science": (
        "Researchers in {p} found water ice on a small moon",
        "A new chip from {p} halves its power",
        "{w} and colleagues sequenced a rare orchid",
        "The telescope saw {n} young galaxies",
    ),
}
_ASIDES = (
    "according to people familiar with the matter",
    "its organisers said on {d}",
    "after months of delay",
    "in a surprise to most observers",
    "for the first time in {n} years",
    "{w} told reporters",
)


def _topics(draw: random.Random) -> Iterator[Row]:
    """After AG News: the section of a short report, four labels."""
    while True:
        label = draw.choice(list(_TOPICS))
        first = _filled(draw, draw.choice(_TOPICS[label]))
        said = [f"{first}, {_filled(draw, draw.choice(_ASIDES))}"]
        if draw.random() < 0.5:
            said.append(_filled(draw, draw.choice(_TOPICS[label])))
        yield _pair("Report: " + ". ".join(said) + ".\nSection:\n", label)


def _same_question(draw: random.Random) -> Iterator[Row]:
    """After Quora's question pairs: whether two questions ask for the same, yes or no."""
    while True:
        one, other = draw.sample(list(_INTENTS), 2)
        same = draw.random() < 0.5
        first, second = (
            draw.sample(_INTENTS[one], 2)
            if same
            else (draw.choice(_INTENTS[one]), draw.choice(_INTENTS[other]))
        )
        a, b = _typos(draw, _filled(draw, first)), _typos(draw, _filled(draw, second))
        yield _pair(f"A: {a}\nB: {b}\nSame?\n", "yes" if same else "no")


# --- short answers ----------------------------------------------------------------------------


def _orders(draw: random.Random) -> Iterator[Row]:
    """After extraction sets such as SROIE: the fields of an order as one line of JSON."""
    patterns = (
        "Hi, {who} here from {city}. Please send me {n} {colour} {thing}s, I need them by {day}.",
        "Could you deliver {n} x {thing} ({colour}) to {city} until {day}? Name: {who}.",
        "{who} wants {n} {thing}s in {colour}. Ship to {city}, latest {day}.",
        "We are short of {thing}s in {city}: {n} pieces, {colour} please, before {day}. "
        "Thanks, {who}",
    )
    while True:
        fields = {
            "who": draw.choice(_NAMES),
            "city": draw.choice(_CITIES),
            "n": draw.randint(1, 60),
            "colour": draw.choice(_COLOURS),
            "thing": draw.choice(_THINGS),
            "day": draw.choice(("Monday", "Tuesday", "Friday", "May 3", "June 17", "August 9")),
        }
        kept = {
            "name": fields["who"],
            "item": fields["thing"],
            "count": fields["n"],
            "city": fields["city"],
        }
        yield _pair(draw.choice(patterns).format(**fields) + "\n", json.dumps(kept))


_MONTHS = _words(
    """January February March April May June July August September October November December"""
)


def _dates(draw: random.Random) -> Iterator[Row]:
    """Dates in many ways of writing, as ISO 8601."""
    while True:
        year, month, day = draw.randint(1950, 2029), draw.randint(1, 12), draw.randint(1, 28)
        name = _MONTHS[month - 1]
        ending = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd"}.get(day, "th")
        written = draw.choice(
            (
                f"{day} {name} {year}",
                f"{name} {day}, {year}",
                f"{day}.{month}.{year}",
                f"the {day}{ending} of {name} {year}",
                f"{day:02}/{month:02}/{year}",
                f"{name[:3]} {day} {year}",
                f"{day}-{name[:3]}-{str(year)[2:]}",
            )
        )
        if written.endswith(f"-{str(year)[2:]}"):
            year = 1900 + year % 100 if year % 100 > 29 else 2000 + year % 100
        place = draw.choice(
            ("Born {}.", "Paid on {}.", "Valid until {}", "{}", "Meeting: {}, 9 am")
        )
        yield _pair(place.format(written) + "\nISO date:\n", f"{year}-{month:02}-{day:02}")


def _table_questions(draw: random.Random) -> Iterator[Row]:
    """After WikiTableQuestions: a value of a small table."""
    while True:
        people = draw.sample(_NAMES, 4)
        cities = draw.sample(_CITIES, 4)
        ages = [draw.randint(18, 79) for _ in people]
        table = "\n".join(
            f"{who} | {city} | {age}" for who, city, age in zip(people, cities, ages, strict=True)
        )
        at = draw.randrange(4)
        question, answer = draw.choice(
            (
                (f"Where does {people[at]} live?", cities[at]),
                (f"How old is {people[at]}?", str(ages[at])),
                (f"Who lives in {cities[at]}?", people[at]),
            )
        )
        yield _pair(f"name | city | age\n{table}\n{question}\n", answer)


# --- free text --------------------------------------------------------------------------------


def _descriptions(draw: random.Random) -> Iterator[Row]:
    """After E2E NLG: a sentence or two that say a product's attributes."""
    openings = (
        "Meet the {name}: a {colour} {thing}",
        "The {name} is a {colour} {thing}",
        "Our {colour} {thing}, the {name},",
    )
    middles = {
        "price": (" costs {price} euros", " is yours for {price} euros"),
        "weight": (" weighs only {grams} grams", " comes at {grams} grams"),
    }
    ends = (
        ". It is made in {city} and ships within {days} days.",
        ". Made in {city}; expect it in {days} days.",
    )
    while True:
        facts: dict[str, Any] = {
            "name": draw.choice(
                ("Nordlys", "Aria", "Polo", "Kite", "Terra", "Lumo", "Vento", "Mica")
            ),
            "colour": draw.choice(_COLOURS),
            "thing": draw.choice(_THINGS),
            "price": draw.randint(5, 400),
            "grams": draw.randint(40, 3000),
            "city": draw.choice(_CITIES),
            "days": draw.randint(1, 9),
        }
        opening = draw.choice(openings)
        joint = "" if opening.endswith(",") else ", which" if "Meet" in opening else " that"
        middle = draw.choice(middles["price"]) + " and" + draw.choice(middles["weight"])
        text = (opening + joint + middle + draw.choice(ends)).format(**facts)
        prompt = "; ".join(f"{name}: {value}" for name, value in facts.items())
        yield _pair(f"Describe.\n{prompt}\n", text)


def _summaries(draw: random.Random) -> Iterator[Row]:
    """After SAMSum: what two people agree on, in one sentence."""
    plans = (
        "have dinner",
        "see a film",
        "go running",
        "repair the bike",
        "visit the museum",
        "cook pasta",
        "play chess",
        "buy a present",
    )
    times = ("at six", "at seven", "on Friday", "on Sunday", "tomorrow", "after work", "at noon")
    refusals = ("I have to work", "my sister is visiting", "I am still ill", "it is too expensive")
    while True:
        a, b = draw.sample(_NAMES, 2)
        plan, time, place = draw.choice(plans), draw.choice(times), draw.choice(_CITIES)
        said = [f"{a}: {draw.choice(('Hey', 'Hi', 'Hello'))} {b}, shall we {plan} {time}?"]
        if draw.random() < 0.6:
            said += [
                f"{b}: {draw.choice(('Sure', 'Great idea', 'Yes, gladly'))}! Where?",
                f"{a}: In {place}. I will {draw.choice(('pick you up', 'wait at the station'))}.",
                f"{b}: {draw.choice(('Perfect', 'See you', 'Fine'))}.",
            ]
            told = f"{a} and {b} will {plan} {time} in {place}."
        else:
            why = draw.choice(refusals)
            said += [f"{b}: Sorry, I can't, {why}.", f"{a}: {draw.choice(('Pity', 'No problem'))}."]
            because = why.replace("I have", "has").replace("my", "their").replace("I am", "is")
            told = f"{a} asks {b} to {plan} {time}, but {b} can't because {because}."
        yield _pair("\n".join(said) + "\nSummary:\n", told)


# --- conversations ----------------------------------------------------------------------------


def _bookings(draw: random.Random) -> Iterator[Row]:
    """After MultiWOZ: a table booked in several turns, in the house's fixed words."""
    while True:
        who, city = draw.choice(_NAMES), draw.choice(_CITIES)
        people, hour = (
            draw.randint(2, 9),
            draw.choice(("18:00", "18:30", "19:15", "20:00", "21:30")),
        )
        day = draw.choice(("Monday", "Wednesday", "Friday", "Saturday"))
        turns = [
            (
                "user",
                draw.choice(
                    (
                        f"I'd like a table in {city}.",
                        f"Can I book in {city} please?",
                        f"Hello, do you have a table in {city} on {day}?",
                    )
                ),
            ),
            ("assistant", f"Gladly, in our house in {city}. For how many people, and when?"),
            (
                "user",
                draw.choice(
                    (
                        f"{people} people, {day} at {hour}.",
                        f"We are {people}. {day}, {hour}.",
                        f"{day} {hour}, {people} of us.",
                    )
                ),
            ),
            ("assistant", f"{people} people on {day} at {hour}, noted. Under which name?"),
            ("user", draw.choice((f"{who}.", f"My name is {who}.", f"On {who} please"))),
            (
                "assistant",
                f"Thank you, {who}. Your table for {people} is booked: {city}, {day}, {hour}.",
            ),
        ]
        yield {"messages": [{"role": role, "content": text} for role, text in turns]}


# --- the samples ------------------------------------------------------------------------------


def _lines(name: str) -> Iterator[Any]:
    with (SAMPLES / name).open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def _emotions(_: random.Random) -> Iterator[Row]:
    for row in _lines("emotions.jsonl"):
        yield _pair(f"### Text: {row['phrase']}\n### The tone is:\n", row["tone"])


def _reviews(_: random.Random) -> Iterator[Row]:
    for row in _lines("recensioni_it.jsonl"):
        yield _pair(f"Recensione: {row['testo']}\nGiudizio:\n", row["giudizio"])


def _answers(_: random.Random) -> Iterator[Row]:
    with (SAMPLES / "faq.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield _pair(row["Question"] + "\n", row["Best Answer"])


def _support(_: random.Random) -> Iterator[Row]:
    yield from _lines("support_chat.jsonl")


TASK_SETS = (
    TaskSet("emotions", "labels", _emotions),
    TaskSet("reviews", "labels", _reviews),
    TaskSet("intents", "labels", _intents),
    TaskSet("topics", "labels", _topics),
    TaskSet("same question", "labels", _same_question),
    TaskSet("orders", "short answers", _orders),
    TaskSet("dates", "short answers", _dates),
    TaskSet("table questions", "short answers", _table_questions),
    TaskSet("answers", "free text", _answers),
    TaskSet("descriptions", "free text", _descriptions),
    TaskSet("summaries", "free text", _summaries),
    TaskSet("support", "conversations", _support),
    TaskSet("bookings", "conversations", _bookings),
)
