"""What people name in a picture: living beings, things, food, plants, places, colours; and words that are surely English.

No list is complete and none needs to be: they tell a person from a thing and one language from another.
"""

# ruff: noqa: E501 -- word lists read better unwrapped

from __future__ import annotations

from functools import cache
from importlib.resources import files


def terms(text: str) -> list[str]:
    """Split at spaces; an underscore stands for a space inside a term."""
    return text.split()


ANIMALS = terms("""dog cat horse cow sheep goat pig duck goose swan owl eagle parrot penguin flamingo raven peacock turtle
lizard chameleon snake crocodile frog shark whale dolphin octopus crab lobster seahorse goldfish tiger
leopard panther wolf fox bear polar_bear panda koala kangaroo sloth monkey gorilla lemur elephant rhino
hippo giraffe zebra camel llama alpaca donkey deer moose bison beaver otter badger raccoon squirrel hedgehog
mouse hamster bat bee butterfly dragonfly ladybug spider snail puppy kitten corgi husky poodle rooster hen
pelican seal walrus meerkat rabbit bunny lion hummingbird fish boar jellyfish stingray tortoise mole ferret
lynx heron crane woodpecker sparrow toucan""")
PEOPLE = terms("""man woman boy girl grandmother grandfather teacher nurse chef farmer fisherman sailor soldier knight samurai
ninja pirate cowboy astronaut pilot firefighter mechanic carpenter blacksmith painter guitarist drummer
pianist violinist ballerina clown magician detective scientist librarian monk queen king prince princess
gardener baker hiker surfer boxer photographer explorer archer viking waitress beekeeper mountaineer
shepherd opera_singer skateboarder""")
VEHICLES = terms("""car truck bus van taxi tractor motorcycle scooter bicycle tram train steam_train submarine sailboat canoe
kayak rowboat ferry airplane helicopter biplane hot_air_balloon race_car school_bus fire_engine ambulance
convertible rocket spaceship zeppelin boat gondola cable_car camper_van fishing_boat bulldozer tank sled
hovercraft""")
OBJECTS = terms("""chair table sofa bed lamp candle lantern clock teapot mug bottle vase umbrella book typewriter camera radio
telephone violin guitar piano trumpet drum key crown sword shield helmet compass map telescope globe kite
balloon teddy_bear doll rocking_horse snow_globe suitcase backpack shoe boot hat mirror hammer anvil
microscope treasure_chest music_box robot gramophone hourglass laptop sneaker dress skateboard surfboard
toaster satellite perfume_bottle wristwatch headphones armchair bookshelf postbox street_lamp tent ring star
heart snowman windmill chessboard origami_crane ice_skate snowboard wine_glass lighthouse""")
FOOD = terms("""pizza burger sandwich cake cupcake pie croissant pretzel donut cookie pancake waffle taco burrito sushi_roll
bowl_of_ramen bowl_of_soup salad steak strawberry banana pear peach mango pineapple watermelon lemon orange
apple coconut cherry avocado tomato pumpkin carrot mushroom ice_cream_cone milkshake cup_of_coffee
birthday_cake cheese_platter baguette lollipop pot_of_honey plate_of_pasta""")
PLANTS = terms("""oak_tree pine_tree palm_tree willow cherry_tree cactus sunflower tulip orchid daisy lily bonsai fern rose
water_lily bamboo_grove maple_leaf dandelion apple_tree christmas_tree poppy birch tree""")
PLACES = terms("""castle cottage cabin lighthouse windmill barn church temple pagoda tower skyscraper bridge harbor village
library museum theater school bakery bookstore cafe train_station airport igloo treehouse mansion palace
pyramid fountain waterfall mountain volcano island canyon lake river cave glacier meadow vineyard swamp
greenhouse garden forest coral_reef house monastery observatory space_station jungle_temple city_skyline
alley courtyard oil_rig""")
MYTHS = terms("""dragon unicorn phoenix griffin mermaid centaur fairy elf dwarf goblin troll giant wizard witch vampire
werewolf ghost zombie skeleton mummy alien cyborg golem kraken yeti gnome angel sphinx minotaur gargoyle""")

KINDS: dict[str, list[str]] = {
    "animal": ANIMALS,
    "person": PEOPLE,
    "vehicle": VEHICLES,
    "object": OBJECTS,
    "food": FOOD,
    "plant": PLANTS,
    "place": PLACES,
    "myth": MYTHS,
}

COLOURS = terms("""red blue green yellow purple pink orange white black brown grey golden silver turquoise teal crimson violet
beige emerald navy lime maroon""")


@cache
def sections(package: str, name: str) -> dict[str, tuple[str, ...]]:
    """The lines of a package's text file by heading; ``#`` begins a comment before the first heading only."""
    found: dict[str, list[str]] = {}
    heading = ""
    for line in files(package).joinpath(f"{name}.txt").read_text("utf-8").splitlines():
        if line.startswith("## "):
            heading = line[3:].strip()
            found[heading] = []
        elif heading and line.strip():
            found[heading].append(line)
    return {key: tuple(lines) for key, lines in found.items()}


def listed(lines: tuple[str, ...]) -> tuple[str, ...]:
    """Words that are written with commas between them."""
    return tuple(word for line in lines for word in (part.strip() for part in line.split(",")) if word)


@cache
def words(heading: str) -> tuple[str, ...]:
    """The words under a heading of words.txt."""
    return listed(sections(__package__, "words")[heading])
