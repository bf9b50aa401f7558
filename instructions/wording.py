"""The sentences of instructions. No sentence and no topic of one split is in the other."""

from collections.abc import Mapping
from typing import Literal

VERSION = "1"
"""Raised when a seed would give another instruction, or a text another verdict."""

Split = Literal["train", "held_out"]

# All ask for something short, so that an answer ends within some dozens of tokens.
REQUESTS: Mapping[Split, tuple[str, ...]] = {
    "train": (
        "Tell me briefly about {topic}.",
        "Write a short note on {topic}.",
        "Describe {topic} in brief.",
        "Say something short about {topic}.",
        "Name one interesting thing about {topic}.",
        "Give one reason why people like {topic}.",
        "What is one thing to know about {topic}?",
        "Explain {topic} to a child, but briefly.",
    ),
    "held_out": (
        "Teach me one thing about {topic}.",
        "Share a short thought on {topic}.",
        "Give a quick idea of {topic}.",
        "What matters most about {topic}, in short?",
    ),
}

CONSTRAINTS: Mapping[str, Mapping[Split, tuple[str, ...]]] = {
    "sentences": {
        "train": (
            "Answer in exactly {sentences}.",
            "Use exactly {sentences}.",
            "Your answer must be exactly {sentences} long.",
            "Write {sentences}, no more and no fewer.",
        ),
        "held_out": (
            "Reply with exactly {sentences}.",
            "Keep it to {sentences}, not more and not less.",
        ),
    },
    "at_most": {
        "train": (
            "Use at most {words} words.",
            "Answer in no more than {words} words.",
            "Your answer may have {words} words at most.",
            "Do not write more than {words} words.",
        ),
        "held_out": ("Stay within {words} words.", "Limit your reply to {words} words."),
    },
    "contains": {
        "train": (
            'Use the word "{word}".',
            'Your answer must contain the word "{word}".',
            'The word "{word}" must occur in your answer.',
            'Include the word "{word}".',
        ),
        "held_out": (
            'Work the word "{word}" into your reply.',
            'Make sure that "{word}" is one of your words.',
        ),
    },
    "without": {
        "train": (
            'Do not use the word "{word}".',
            'Your answer must not contain the word "{word}".',
            'Avoid the word "{word}".',
            'Leave out the word "{word}".',
        ),
        "held_out": (
            'The word "{word}" is forbidden.',
            'Reply without ever writing the word "{word}".',
        ),
    },
    "starts": {
        "train": (
            'Begin your answer with "{words}".',
            'Start with the words "{words}".',
            'The first words must be "{words}".',
            'Your answer must start with "{words}".',
        ),
        "held_out": (
            'Open your reply with "{words}".',
            'Make "{words}" the very beginning of your reply.',
        ),
    },
    "ends": {
        "train": (
            'End your answer with "{words}".',
            'Finish with the words "{words}".',
            'The last words must be "{words}".',
            'Your answer must end with "{words}".',
        ),
        "held_out": (
            'Close your reply with "{words}".',
            'Make "{words}" the very last part of your reply.',
        ),
    },
    "capitals": {
        "train": (
            "Write in capital letters only.",
            "Use only capital letters.",
            "Your whole answer must be in capital letters.",
            "Every letter must be a capital.",
        ),
        "held_out": ("Reply in all caps.", "Do not use any lowercase letters."),
    },
    "dashes": {
        "train": (
            'Answer with exactly {lines} lines, each starting with "- ".',
            "Write a list of exactly {lines} lines that start with a dash, and nothing else.",
            "Give only {lines} lines. Each must begin with a dash and a space.",
            'Your answer must be {lines} lines, and every line must start with "- ".',
        ),
        "held_out": (
            'Reply with {lines} bullet lines that use "- " as the bullet, and with no other line.',
            "Make it {lines} lines with a dash in front of each, without any text around them.",
        ),
    },
    "json": {
        "train": (
            "Answer only with a JSON object with the keys {keys}.",
            "Write nothing but a JSON object whose keys are {keys}.",
            "Your answer must be a JSON object with exactly the keys {keys}.",
            "Give JSON with the keys {keys} and no other text.",
        ),
        "held_out": (
            "Reply as a JSON object: its keys are {keys}. Add nothing to it.",
            "Return pure JSON, an object that has {keys} as its only keys.",
        ),
    },
    "language": {
        "train": (
            "Answer in {language}.",
            "Write in {language}.",
            "Your answer must be in {language}.",
            "Use {language} only.",
        ),
        "held_out": ("Reply in {language}.", "The reader understands {language} only."),
    },
    "letters": {
        "train": (
            'Use the letter "{letter}" at least {least} times.',
            'Your answer must contain the letter "{letter}" at least {least} times.',
            'The letter "{letter}" must occur {least} times or more.',
            'Write the letter "{letter}" no fewer than {least} times.',
        ),
        "held_out": (
            'Make sure that "{letter}" appears in your reply at least {least} times as a letter.',
            'Fit the letter "{letter}" into your reply at least {least} times.',
        ),
    },
}


def _topics(listed: str) -> tuple[str, ...]:
    return tuple(" ".join(topic.split()) for topic in listed.split(","))


TOPICS: Mapping[Split, tuple[str, ...]] = {
    "train": _topics(
        """
        bees, honey, bicycles, chess, rain, snow, volcanoes, bread, cheese, coffee, tea, chocolate,
        apples, oranges, potatoes, rice, soup, pizza, pasta, salt, sugar, gardens, trees, forests,
        rivers, oceans, islands, deserts, mountains, glaciers, caves, storms, lightning, rainbows,
        clouds, stars, planets, comets, gravity, magnets, electricity, batteries, computers, robots,
        telephones, radio, television, cameras, photography, painting, sculpture, music, guitars,
        pianos, violins, drums, dancing, opera, theatre, films, novels, poetry, libraries, paper,
        printing, letters, stamps, coins, banks, markets, shops, bridges, tunnels, castles, towers,
        lighthouses, windmills, trains, ships, submarines, airplanes, balloons, cars, buses, roads,
        maps, compasses, clocks, calendars, holidays, birthdays, weddings, schools, teachers,
        doctors, nurses, firefighters, farmers, bakers, carpenters, sailors, pilots, astronauts,
        football, tennis, swimming, running, skiing, cycling, hiking, fishing, sleep, dreams,
        memory, laughter, friendship, kindness, patience, courage, honesty, curiosity, cats, dogs,
        horses, cows, sheep, goats, chickens, ducks, owls, eagles, penguins, whales, dolphins,
        sharks, turtles, frogs, snakes, spiders, ants, butterflies, mosquitoes, elephants, lions,
        tigers, bears, wolves, foxes, rabbits, mice, glass, steel, wood, gold, silver, iron, cotton,
        wool, silk, leather, soap, candles, shoes, hats, umbrellas, pencils, scissors, mirrors
        """
    ),
    "held_out": _topics(
        """
        monkeys, camels, kangaroos, crocodiles, parrots, salmon, crabs, worms, tomatoes, carrots,
        bananas, lemons, onions, butter, noodles, ice cream, waterfalls, beaches, swamps, fog,
        earthquakes, the moon, telescopes, microscopes, satellites, elevators, skyscrapers, museums,
        circuses, puppets, jazz, flutes, ballet, comics, newspapers, dictionaries, passports,
        hospitals, lawyers, gardeners, plumbers, basketball, golf, surfing, yoga, kites, puzzles,
        tents, bells, keys, pottery, diamonds, copper, rubber, plastic, perfume, gloves, blankets
        """
    ),
}
