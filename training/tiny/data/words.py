"""The vocabulary of generated conversations: the miniature world and subjects far outside it.

What matters is breadth: the model must learn to copy whatever noun it is given, so no list is complete
and none needs to be.
"""

# ruff: noqa: E501 -- phrase tables read better unwrapped

from __future__ import annotations

from prompts.lexicon.words import terms


def phrases(text: str) -> list[str]:
    """Split at bars, whatever the line breaks."""
    return [p for p in (part.strip() for part in text.replace("\n", "").split("|")) if p]


LIVING = {"animal", "person", "myth"}
MINI_WORLD = phrases("""apple|airplane|ball|balloon|banana|bear|bee|bicycle|boat|burger|bus|butterfly|cactus|cake|car|carrot|castle|cat|chair
|cow|crab|crown|dinosaur|dog|donut|duck|elephant|fish|fox|frog|gift|heart|horse|house|ice cream|lion|monkey|mushroom|octopus|owl|palm tree
|panda|penguin|pig|pizza|rabbit|rainbow|robot|rocket|rose|sheep|snowman|star|strawberry|sunflower|teddy bear|tent|tiger|train|tree|turtle
|umbrella|unicorn|whale""")
"""What the bundled picture model knows.

Its places are among the scenes below: meadow, beach, sea, snow, desert, city, forest, mountains, room, space."""

ADJECTIVES: dict[str, list[str]] = {
    "animal": terms(
        "cute tiny giant fluffy sleepy playful old young angry happy sad lonely majestic wild shy curious small big"
    ),
    "person": terms("young old tall happy sad tired brave smiling elegant serious lonely mysterious strong bearded"),
    "vehicle": terms("old vintage rusty shiny tiny huge futuristic fast antique wooden small big"),
    "object": terms("old broken antique shiny wooden tiny huge ornate simple dusty elegant small big"),
    "food": terms("delicious giant tiny burnt half-eaten homemade steaming small big"),
    "plant": terms("tall tiny blooming dried old giant wild lonely small big"),
    "place": terms("small huge old abandoned ancient modern quiet ruined magical futuristic medieval"),
    "myth": terms("tiny giant friendly scary angry old young sleepy majestic evil glowing"),
}
COMPARATIVES = {
    "bigger": "big", "larger": "large", "smaller": "small", "older": "old", "younger": "young", "happier": "happy",
    "sadder": "sad", "angrier": "angry", "scarier": "scary", "cuter": "cute", "fluffier": "fluffy", "shinier": "shiny",
    "taller": "tall", "fatter": "fat", "thinner": "thin", "friendlier": "friendly", "darker": "dark",
    "brighter": "bright", "more colorful": "colorful", "more elegant": "elegant", "more futuristic": "futuristic",
    "more realistic": "realistic", "more mysterious": "mysterious", "more modern": "modern", "rounder": "round",
    "more dramatic": "dramatic", "rustier": "rusty", "more magical": "magical", "dirty": "dirty", "wet": "wet",
    "transparent": "transparent", "wooden": "wooden", "tiny": "tiny", "huge": "huge", "chubby": "chubby",
    "simpler": "simple", "cozier": "cozy", "wilder": "wild", "softer": "soft", "more abstract": "abstract",
}  # fmt: skip
OPPOSITES = [
    {"big", "large", "huge", "giant", "small", "tiny"}, {"old", "young", "modern", "ancient", "vintage"},
    {"happy", "sad", "angry", "serious", "smiling", "tired"}, {"tall", "short"}, {"fat", "skinny", "thin", "chubby"},
    {"scary", "cute", "friendly", "evil"}, {"dark", "bright"}, {"shiny", "rusty", "dusty", "dirty"},
    {"simple", "ornate"},
]  # fmt: skip
CLOTHES = """hat|top hat|scarf|pair of sunglasses|crown|cape|bow tie|backpack|raincoat|helmet|sweater|necklace|wizard hat
|apron|leather jacket|flower crown|mask|straw hat|monocle|pair of boots|pair of headphones|baseball cap|tuxedo|kimono
|santa hat|pair of gloves|eye patch|beanie|party hat|pair of glasses|poncho|lab coat|tie|pair of earrings""".replace(
    "\n", ""
).split("|")
THINGS = """a flag|some flowers|a rainbow|a full moon|a bird|a small boat|a campfire|some balloons|a tree|a bicycle
|a cup of tea|a wooden fence|mountains|a crowd of people|a snowman|some clouds|a ladder|street lamps|a picnic basket
|a bridge|falling leaves|a river|a red door|a butterfly|fireflies|a stack of books|a bowl of fruit|stars|a waterfall
|a windmill|a mailbox|a football|palm trees|a castle|a spaceship|fireworks|two ducks|a rug|a clock|a bench|a sign
|a tall tower|some bubbles|a comet|a fountain|a sandcastle|a lamp|a sleeping dog|birds|a shark fin|a treasure chest
|a pond|smoke|a candle|a broken window|a telescope|a little mouse|a hot air balloon""".replace("\n", "").split("|")
PARTS = """blue eyes|long hair|a long beard|big ears|a long tail|butterfly wings|sharp teeth|tattoos|a silver sword
|a wooden leg|freckles|muddy boots|a magic wand|a big smile|a red nose|a walking stick|a ponytail|green stripes
|golden wings|curly hair|white spots|a pipe|big wheels|a fishing rod""".replace("\n", "").split("|")
SCENES = """on a beach|in a snowy forest|in the desert|on the moon|under water|in space|on a mountain top|in a meadow
|in a kitchen|in a library|on a busy street|in a jungle|on a rooftop|in a garden|by a lake|in a cave|at a train station
|on a pirate ship|in a castle hall|in a flower field|in a swimming pool|in a cornfield|on a farm|in a museum
|in a rainy city|in Paris|in Tokyo|in New York|in ancient Rome|in Venice|at the North Pole|on Mars|in a bathtub|on a sofa
|in a cafe|at a carnival|in a laboratory|in an office|on a bridge|on a cliff by the sea|in front of a volcano
|inside a greenhouse|in a classroom|on a stage|in a cozy living room|in a cathedral|on a boat|in a barn|in the clouds
|in a park|on the grass|in the snow|on the sea|in the city|in the forest|on a red background|on a plain white background
|in a harbor|in an old workshop|on a frozen lake|on a wooden table|in a subway|in a wheat field""".replace(
    "\n", ""
).split("|")
TIMES = """at night|at sunset|at dawn|at noon|in winter|in autumn|in spring|in summer|in the rain|in thick fog
|under a full moon|during a storm|under a starry sky|in the morning light|in golden light|on a cloudy day
|under the northern lights|at dusk|in heavy snowfall|by candlelight""".replace("\n", "").split("|")
ACTIONS = {
    "run": "running", "sleep": "sleeping", "jump": "jumping", "sit": "sitting", "dance": "dancing", "swim": "swimming",
    "eat an apple": "eating an apple", "play with a ball": "playing with a ball", "wave": "waving", "sing": "singing",
    "read a newspaper": "reading a newspaper", "ride a skateboard": "riding a skateboard", "cry": "crying",
    "play the guitar": "playing the guitar", "drink tea": "drinking tea", "fly a kite": "flying a kite",
    "yawn": "yawning", "look at the stars": "looking at the stars", "hold a balloon": "holding a balloon",
    "climb a tree": "climbing a tree", "smile": "smiling", "cook dinner": "cooking dinner", "fly": "flying",
    "ride a bicycle": "riding a bicycle", "paint a picture": "painting a picture", "surf a wave": "surfing a wave",
    "play chess": "playing chess", "chase a butterfly": "chasing a butterfly", "eat ice cream": "eating ice cream",
    "walk": "walking", "juggle": "juggling", "drive a car": "driving a car", "laugh": "laughing", "lie down": "lying down",
    "build a snowman": "building a snowman", "stand on one leg": "standing on one leg", "look up": "looking up",
}  # fmt: skip
STYLES = {
    "oil painting": "an oil painting of", "watercolor": "a watercolor painting of", "pencil sketch": "a pencil sketch of",
    "photo": "a photo of", "3d render": "a 3d render of", "cartoon": "a cartoon of", "comic": "a comic drawing of",
    "anime": "an anime drawing of", "pixel art": "a pixel art of", "charcoal drawing": "a charcoal drawing of",
    "ink drawing": "an ink drawing of", "low poly": "a low poly render of", "stained glass": "a stained glass window of",
    "clay model": "a clay model of", "pop art": "a pop art print of", "mosaic": "a mosaic of", "origami": "an origami model of",
    "vintage postcard": "a vintage postcard of", "embroidery": "an embroidery of", "line drawing": "a line drawing of",
    "graffiti": "a graffiti of", "woodcut": "a woodcut of", "sticker": "a sticker of", "logo": "a logo of",
    "black and white photo": "a black and white photo of", "neon sign": "a neon sign of", "blueprint": "a blueprint of",
    "paper cutout": "a paper cutout of", "poster": "a poster of", "crayon drawing": "a crayon drawing of",
    "tattoo design": "a tattoo design of", "icon": "an icon of", "children's book illustration": "a children's book illustration of",
    "marble statue": "a marble statue of", "polaroid": "a polaroid of", "coloring page": "a coloring page of",
}  # fmt: skip
ARTISTS = """Van Gogh|Picasso|Monet|Hokusai|Rembrandt|Dali|Klimt|Warhol|Frida Kahlo|Banksy|Matisse|Munch|Tim Burton|Hopper
|Miro|Studio Ghibli|Pixar|Art Deco|Bauhaus|Turner""".replace("\n", "").split("|")
EXTRAS = """soft light|highly detailed|dramatic lighting|vivid colors|cinematic|pastel colors|minimalist|sharp focus
|warm colors|dreamy mood|wide angle|muted palette|clean lines|flat colors|shallow depth of field|long shadows
|centered composition|studio lighting|thick brush strokes|film grain|gold accents|a sense of calm""".replace(
    "\n", ""
).split("|")
MATERIALS = terms(
    "chocolate wood gold lego glass stone ice paper cheese cloud bronze marble yarn candy metal sand bread moss"
)
PRODUCTS = phrases("""logo|poster|flyer|banner|business card|book cover|album cover|greeting card|invitation|t-shirt design|sign
|icon|mascot|wallpaper|menu cover|app icon|badge|label""")
BUSINESSES = """bakery|bike shop|coffee shop|flower shop|dental clinic|rock band|yoga studio|pet store|law firm|bookshop
|summer camp|jazz festival|school play|charity run|book club|science fair|pizza place|barber shop|tech startup|chess club
|farmers market|wedding|birthday party|film festival|hair salon|music school|travel agency|football team|art exhibition
|brewery|kindergarten|garden center""".replace("\n", "").split("|")
RELATIONS = phrases("and|next to|behind|in front of|near|beside|under")
LIVING_RELATIONS = phrases("holding|riding|chasing|hugging|carrying|looking at|talking to|feeding")
ORDINALS = terms("first second third fourth fifth sixth seventh eighth")
NUMBERS = terms("zero one two three four five six seven eight nine")

COUNTRIES = terms("""Japan Italy Brazil Canada Egypt Norway Kenya India Peru Spain Poland Greece Turkey Vietnam Australia Mexico
Chile Austria Ireland Morocco Finland Nepal Cuba Thailand""")
TOPICS = """gravity|photosynthesis|inflation|black holes|the French Revolution|machine learning|volcanoes|evolution
|electricity|the moon landing|vaccines|democracy|the Roman Empire|climate change|jazz music|impressionism|recursion|tides
|dreams|the water cycle|chess openings|origami|yoga|the Renaissance|earthquakes|sleep|probability|the Silk Road|surrealism
|perspective in painting|photography|color theory|cubism|typography|watercolor techniques|the golden ratio|taxes
|compound interest|volcanic islands|printing presses""".replace("\n", "").split("|")
FAMOUS = phrases("""Leonardo da Vinci|Marie Curie|Mozart|Van Gogh|Einstein|Cleopatra|Shakespeare|Gandhi|Frida Kahlo|Napoleon
|Newton|Picasso|Beethoven|Ada Lovelace|Monet|Rembrandt|Darwin|Galileo|Hokusai|Rothko""")
SKILLS = """cook rice|sleep better|learn Spanish|fix a bike|save money|meditate|write faster|clean a carpet|tie a tie
|plant a tree|run a marathon|bake bread|change a tire|make friends|save energy|play the guitar|train a puppy
|remove a coffee stain|build a website|grow tomatoes|quit smoking|paint a fence|draw portraits|take better photos
|frame a picture|print a poster|mix colors|hold a brush|sharpen a pencil|edit photos""".replace("\n", "").split("|")
RELATIVES = terms(
    "sister brother mother father boss neighbor friend cousin wife husband teacher colleague daughter son grandma"
)
PRAISE = phrases("""great|lovely|beautiful|adorable|gorgeous|stunning|awesome|amazing|perfect|cute|so good|wonderful|cool
|fantastic|funny|impressive|neat|incredible|brilliant|nice|sweet|really good""")
NAMES = terms(
    "Tom Lena Ravi Sofia Kenji Paula Omar Ines Jonas Mei Aisha Pedro Nina Lars Chloe Diego Yuki Emma Noah Ola Priya Sam Kim Viktor"
)
TOO = {
    "dark": "brighter bright", "bright": "darker dark", "small": "bigger big", "big": "smaller small", "sad": "happier happy",
    "happy": "more serious serious", "old": "younger young", "young": "older old", "colorful": "more muted muted", "busy": "simpler simple",
    "modern": "more old-fashioned old-fashioned", "scary": "friendlier friendly", "cute": "scarier scary", "clean": "dirtier dirty",
    "thin": "thicker thick", "fat": "slimmer slim", "tall": "shorter short", "serious": "funnier funny", "cold": "warmer warm",
    "smooth": "rougher rough", "angry": "calmer calm", "stiff": "livelier lively", "flat": "more three-dimensional three-dimensional",
    "realistic": "more cartoonish cartoonish", "childish": "more grown-up grown-up", "plain": "more decorated decorated", "heavy": "lighter light",
    "pale": "more vivid vivid", "sharp": "softer soft", "boring": "more exciting exciting", "aggressive": "gentler gentle", "short": "longer long",
}  # fmt: skip
SKIES = phrases(
    "violet|orange|dark|stormy|clear|starry|cloudless|pink|dramatic|grey|pale|cloudy|golden|red|turquoise|threatening|milky"
)
LIGHTS = phrases(
    "warm|cold|soft|harsh|golden|dim|bright|blue|red|neon|candle|morning|evening|natural|dramatic|flickering|green"
)
WATERS = phrases("calm|rough|dark|turquoise|emerald|frozen|sparkling|black|murky|crystal clear|choppy|still")
BODY = phrases("eyes|hair|fur|feathers|wings|skin|ears|paws|scales|whiskers|nose|lips|hooves|spots|stripes|tail")
