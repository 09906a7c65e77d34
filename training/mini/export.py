"""From checkpoints to the folder that the engine loads: fp16 safetensors, vocabulary, defaults, sprites' names.

`python -m training.mini.export FOLDER` writes the averaged weights of `$EASEL_TRAIN_HOME` as a stock
`StableDiffusionXLPipeline` folder; `vocabulary.json` and `defaults.json` go beside it, so that they always describe
the weights they came with.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from imaging.mini import HERE, WEIGHTS
from measure.mini.evaluate import FEW_STEPS, GUIDANCE, STEPS
from training.mini import runs

NAME = "easel-mini"

KINDS: dict[str, str] = {
    "wolf": "dog", "hound": "dog", "poodle": "dog", "leopard": "tiger", "cheetah": "tiger", "panther": "tiger",
    "jaguar": "tiger", "lioness": "lion", "hare": "rabbit", "donkey": "horse", "mule": "horse", "zebra": "horse",
    "deer": "horse", "camel": "horse", "bull": "cow", "ox": "cow", "buffalo": "cow", "hog": "pig", "boar": "pig",
    "goat": "sheep", "ram": "sheep", "mammoth": "elephant", "rhino": "elephant", "hippo": "elephant",
    "rhinoceros": "elephant", "hippopotamus": "elephant", "polar bear": "bear", "koala": "panda", "raccoon": "panda",
    "gorilla": "monkey", "chimpanzee": "monkey", "toad": "frog", "lizard": "dinosaur", "crocodile": "dinosaur",
    "alligator": "dinosaur", "snake": "dinosaur", "dragon": "dinosaur", "t-rex": "dinosaur", "giraffe": "dinosaur",
    "pegasus": "unicorn", "bird": "duck", "chicken": "duck", "goose": "duck", "swan": "duck", "hen": "duck",
    "eagle": "owl", "parrot": "owl", "hawk": "owl", "pigeon": "duck", "chick": "duck", "rooster": "duck",
    "goldfish": "fish", "shark": "whale", "dolphin": "whale", "squid": "octopus", "jellyfish": "octopus",
    "lobster": "crab", "shrimp": "crab", "spider": "crab", "moth": "butterfly", "wasp": "bee", "fly": "bee",
    "ladybug": "bee", "pear": "apple", "peach": "apple", "orange": "apple",
    "tomato": "apple", "cherry": "strawberry", "berry": "strawberry", "vegetable": "carrot", "bread": "burger",
    "sandwich": "burger", "cupcake": "cake", "pie": "cake", "cookie": "donut", "bagel": "donut",
    "gelato": "ice cream", "sundae": "ice cream", "truck": "bus", "van": "bus", "taxi": "car",
    "sports car": "car", "motorcycle": "bicycle", "scooter": "bicycle", "yacht": "boat", "canoe": "boat",
    "jet": "airplane", "helicopter": "airplane", "aeroplane": "airplane", "spacecraft": "rocket", "ufo": "rocket",
    "tram": "train", "subway": "train", "pine": "tree", "pine tree": "tree", "bush": "tree",
    "tulip": "rose", "daisy": "sunflower", "hut": "house", "barn": "house", "tower": "castle",
    "palace": "castle", "fortress": "castle", "camp": "tent", "doll": "teddy bear",
    "basketball": "ball", "android": "robot", "person": "robot", "man": "robot", "woman": "robot", "child": "robot",
    "astronaut": "robot", "knight": "robot", "parasol": "umbrella", "box": "gift", "tiara": "crown", "hat": "crown",
    "king": "crown", "queen": "crown", "stool": "chair", "bench": "chair", "throne": "chair", "sofa": "chair",
    "love": "heart", "sun": "star", "wizard": "robot", "witch": "robot", "princess": "crown", "prince": "crown",
    "fairy": "butterfly", "ghost": "snowman", "alien": "robot", "monster": "dinosaur", "soldier": "robot",
    "pirate": "robot", "ninja": "robot", "boy": "robot", "girl": "robot", "baby": "teddy bear", "people": "robot",
    "dancer": "robot", "chef": "robot", "superhero": "robot", "cowboy": "horse", "santa": "snowman",
    "mermaid": "fish", "walrus": "whale", "seal": "whale", "otter": "fish", "salmon": "fish", "koi": "fish",
    "squirrel": "fox", "mouse": "rabbit", "rat": "rabbit", "hamster": "rabbit", "hedgehog": "rabbit", "beaver": "bear",
    "sloth": "monkey", "kangaroo": "rabbit", "ostrich": "duck", "flamingo": "duck", "peacock": "duck", "crow": "owl",
    "bat": "owl", "snail": "turtle", "worm": "dinosaur", "ant": "bee", "beetle": "bee", "dragonfly": "butterfly",
    "coffee": "cake", "tea": "cake", "cup": "cake", "bottle": "rocket", "cheese": "pizza", "pasta": "pizza",
    "sushi": "fish", "hot dog": "burger", "taco": "burger", "fries": "burger", "candy": "donut", "chocolate": "cake",
    "lemon": "banana", "melon": "apple", "watermelon": "apple", "grapes": "strawberry", "pumpkin": "apple",
    "potato": "carrot", "corn": "carrot", "lighthouse": "castle", "church": "castle", "temple": "castle",
    "skyscraper": "house", "cabin": "house", "bridge": "train", "windmill": "house", "submarine": "boat",
    "tractor": "car", "ambulance": "bus", "fire truck": "bus", "balloons": "balloon", "kite": "balloon",
    "guitar": "umbrella", "violin": "umbrella", "piano": "chair", "drum": "cake", "book": "gift", "lamp": "mushroom",
    "table": "chair", "bed": "chair", "clock": "ball", "camera": "robot", "computer": "robot", "phone": "robot",
    "sword": "rocket", "angel": "butterfly", "diamond": "star", "flag": "umbrella", "leaf": "tree",
    "orchid": "rose", "lily": "rose", "lavender": "sunflower", "planet": "ball", "earth": "ball", "comet": "star",
}  # fmt: skip
"""Words that the model does not know → the nearest thing that it does; the reply says so."""

MEMBERS: dict[str, tuple[str, ...]] = {
    "animal": ("fox", "cat", "owl", "panda", "rabbit", "lion", "turtle", "penguin", "elephant", "tiger", "dog", "bear"),
    "pet": ("cat", "dog", "rabbit", "turtle"),
    "creature": ("octopus", "unicorn", "dinosaur", "crab", "owl"),
    "mascot": ("fox", "panda", "penguin", "robot", "owl", "lion"),
    "mammal": ("whale", "horse", "cow", "monkey", "elephant"),
    "fruit": ("apple", "banana", "strawberry"),
    "dessert": ("cake", "donut", "ice cream"),
    "snack": ("donut", "pizza", "burger"),
    "food": ("pizza", "burger", "cake", "donut", "apple"),
    "vehicle": ("car", "bus", "train", "boat", "airplane", "bicycle", "rocket"),
    "flower": ("rose", "sunflower"),
    "plant": ("cactus", "tree", "palm tree", "sunflower", "rose"),
    "building": ("house", "castle"),
    "toy": ("teddy bear", "robot", "ball", "balloon"),
    "insect": ("bee", "butterfly"),
    "symbol": ("star", "heart", "crown"),
}
"""Words for kinds → things of that kind, in the order in which they are taken."""

BACKGROUND_WORDS: dict[str, str] = {
    "grass": "meadow", "lawn": "meadow", "field": "meadow", "park": "meadow", "garden": "meadow", "hill": "meadow",
    "farm": "meadow", "seaside": "beach", "coast": "beach", "shore": "beach", "sand": "beach", "island": "beach",
    "ocean": "sea", "water": "sea", "lake": "sea", "river": "sea", "underwater": "sea", "winter": "snow",
    "ice": "snow", "arctic": "snow", "dunes": "desert", "street": "city", "town": "city", "road": "city",
    "skyline": "city", "village": "city", "woods": "forest", "jungle": "forest", "trees": "forest",
    "mountain": "mountains", "hills": "mountains", "volcano": "mountains", "indoors": "room", "house": "room",
    "kitchen": "room", "bedroom": "room", "living room": "room", "office": "room", "outer space": "space",
    "galaxy": "space", "moon": "space", "stars": "space", "grey": "gray", "purple": "pink", "orange": "yellow",
    "brown": "gray",
}  # fmt: skip
"""Words for places that the model does not know → the nearest background."""


def vocabulary() -> dict[str, Any]:
    """What the exported weights know, for prompts and for the prompt adapter."""
    from measure.mini import backgrounds, captions, sprites, world

    known = {word: thing for thing, words in captions.SYNONYMS.items() for word in words}
    said = captions.words_beside_things()
    return {
        "model": NAME,
        "things": list(world.THINGS),
        "backgrounds": [*backgrounds.OUTDOOR, *backgrounds.INDOOR, *(f"{c} background" for c in backgrounds.PLAIN)],
        "times": list(backgrounds.TIMES),
        "colours": list(sprites.TINTS),
        "tintable": list(sprites.TINTABLE),
        "sizes": ["small", "big"],
        "places": ["left", "center", "right"],
        "things_per_picture": 2,
        "phrases": {name: phrases[0] for name, phrases in captions.PLACES.items()},
        "time_phrases": {name: phrases[0] for name, phrases in captions.TIMES.items()},
        "synonyms": {**known, **KINDS},
        "kinds": {kind: list(members) for kind, members in MEMBERS.items()},
        "background_synonyms": BACKGROUND_WORDS,
        "understood": sorted({*known, *(word for word in BACKGROUND_WORDS if said >= set(word.split()))}),
        "words": sorted(said),
        "width": world.SIZE,
        "height": world.SIZE,
        "num_inference_steps": STEPS,
        "guidance_scale": GUIDANCE,
        "sampler": "EulerDiscreteScheduler",
        "few_steps": FEW_STEPS,
    }


def defaults() -> dict[str, Any]:
    """How the exported weights want to be run."""
    known = vocabulary()
    return {
        "name": NAME,
        "width": known["width"],
        "height": known["height"],
        "num_inference_steps": STEPS,
        "guidance_scale": GUIDANCE,
        "few_steps": FEW_STEPS,
    }


def staging(home: Path) -> Path:
    """Where an export waits to be looked at before it replaces the bundled weights."""
    return home / "export" / WEIGHTS.name


def write_facts(folder: Path) -> None:
    """`vocabulary.json` and `defaults.json`."""
    for name, value in (("vocabulary", vocabulary()), ("defaults", defaults())):
        (folder / f"{name}.json").write_text(json.dumps(value, indent=1) + "\n")


def export(home: Path, weights: Path) -> Path:
    """Write the averaged weights to `weights` and the facts to its parent; returns `weights`."""
    import torch

    from training.mini import denoiser, ip_adapter, model

    trained, vae = denoiser.load_averaged(home)
    pipe = model.pipeline(trained, vae)
    weights.mkdir(parents=True, exist_ok=True)
    pipe.to(torch.float16).save_pretrained(weights)
    ip_adapter.export(home, weights)
    write_facts(weights.parent)
    return weights


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.mini.export", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=HERE / WEIGHTS.name)
    parser.add_argument("--home", type=Path, default=None)
    arguments = parser.parse_args(argv)
    export(arguments.home or runs.train_home(), arguments.folder)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
