"""Messages that must yield no picture: questions, thanks, praise, doubts, texts to write, small talk."""

# ruff: noqa: E501 -- phrase tables read better unwrapped

from __future__ import annotations

import random

from prompts.tiny.data import words as w
from prompts.tiny.data.scene import article, plain_scene, plural
from prompts.tiny.data.table import Example, Table, as_typed, batch_table, maybe_table, pictures
from prompts.tiny.format import TinyTurn

SMALL = w.phrases("""hello|hi|hi there|hey!|good morning|good evening|how are you?|how's it going?|what's up?|who are you?
|what's your name?|what can you do?|how does this work?|are you a robot?|are you human?|can you draw?|do you know how to draw?
|thanks|thank you so much|thanks a lot, that helps|great job|awesome!|cool|nice|wow|that's funny|lol|ok|okay|i see|sure|yes|no
|maybe later|never mind|bye|goodbye|see you later|good night|i'm bored|i'm tired today|i had a bad day|it's raining here
|you are amazing|sorry|that's all for now|nothing else, thanks|help|what languages do you speak?|who made you?|tell me a joke
|tell me something interesting|how old are you?|do you have feelings?|let's talk|i just came home from work|my name is Anna
|i'm going to the dentist tomorrow|guess what happened today|wait a second|good point|you're welcome|i don't understand
|what do you mean?|can you explain that again?|what time is it?|what day is it today?|what's the weather like?|hmm|haha|hello everyone
|i'm learning to paint|i'm an artist myself|merry christmas|are you there?|can you hear me?|i'm hungry|stop|one moment please
|i don't need a picture right now|no more pictures please|no picture, just an answer: why is the sky blue?|brb|got it|fair enough
|how many pictures can you make?|do you need a gpu?|is it free?|which model are you?|can several people use this at once?
|what commands are there?|how do i get started?|is my data stored?|how do i delete my pictures?|what does refine do?|who else is here?
|what is the difference between a variation and an edit?|how long does a picture take?|which formats can i export?|test|ping
|can you see the pictures you make?|do you remember yesterday?|what did i ask you before?|anyone here?|morning all|let's wait for Tom""")
FACTS = w.phrases("""what do {pl} eat?|how long do {pl} live?|how big is {an}?|why are {pl} so popular?|where do {pl} come from?
|are {pl} dangerous?|how fast is {an}?|is {an} heavier than a car?|what is the capital of {c}?|how many people live in {c}?
|which language do they speak in {c}?|is {c} bigger than Germany?|what should i visit in {c}?|explain {t}|explain {t} to a child
|what is {t}?|how does {t} work?|tell me about {t}|can you explain {t}?|could you tell me more about {t}?|define {t}|what causes {t}?
|i want to learn about {t}|give me a summary of {t}|what is the history of {t}?|who was {p}?|when was {p} born?|when did {p} die?
|what is {p} famous for?|who painted the Mona Lisa?|who invented the telephone?|what is {a} plus {b}?|calculate {a} times {b}
|what's {a} minus {b}?|how much is {a}% of {b}0?|solve {a}x = {b}|is {a} a prime number?|translate '{n}' into Spanish
|how do you say '{n}' in German?|what is the plural of {n}?|how do you spell {n}?|what does the word {n} mean?|spell {n} backwards
|what's the difference between {an} and {an2}?|what's a good name for my {n}?|give me {k} facts about {pl}|tell me {k} facts about {c}
|list {k} kinds of {pl}|name {k} cities in {c}|give me {k} tips for learning {t}|show me how to cook {f}|show me the recipe for {f}
|how do i make {f}?|give me a recipe with {f}|where can i buy {an}?|how much does {an} cost?|what color is {an} usually?
|why is {an} {col}?|what colors go well with {col}?|what does the color {col} mean?|is {col} a warm color?|do you like {pl}?
|what do you think about {pl}?|have you ever seen {an}?|i like {pl}|i have {an} at home|my {n} is broken, what should i do?
|what is your favorite animal?|which is better, {an} or {f}?|recommend me a film about {pl}|recommend a book about {t}|what rhymes with {n}?
|how do i become {job}?|what does {job} do?|how much does {job} earn?|can {pl} swim?|would {an} be a good present?|should i buy {an}?
|is it true that {pl} are smart?|what's the meaning of a dream about {an}?|what is a vector image?|convert {a} miles to kilometers
|how large is an A4 picture in pixels?|how do i edit a photo on my phone?|how do i remove the background in Photoshop?|what sound does {an} make?
|how do i change the color of my hair?|why is the sky blue?|how far is the moon?|what year did the war end?|what's the longest river in {c}?
|who wrote Romeo and Juliet?|which is bigger, {an} or a bus?|how do {pl} work?|why are {pl} called {pl}?|what's the speed of light?
|how many days are there in {a} weeks?|what do you need to build {an}?|are there {pl} in {c}?|who discovered {c}?|when is the best time to visit {c}?
|did {p} ever visit {c}?|why did {p} become so famous?|how do i take care of {an}?|what can i use {an} for?|in which country do most {pl} live?""")
ART = w.phrases("""what is {t}?|who invented oil painting?|what is the difference between watercolor and gouache?|how do you paint with watercolor?
|which art style is the oldest?|how do i draw {an}?|how can i learn to draw {pl}?|what is the best way to paint {an}?|what makes a good photograph?
|how do i take a good photo of {an}?|did {p} like {col}?|what did {p} paint?|who was the most famous painter of {c}?|what is a diffusion model?
|how does image generation work?|how do cameras work?|which paint is best for beginners?|why did the cubists paint like that?|what is negative space?
|what does chiaroscuro mean?|which museum shows {p}?|what's the best size for a poster?|how do i choose a color palette?|what font goes with {an}?
|what is a good logo?|what are complementary colors?|what's the rule of thirds?|is pixel art hard to learn?|how did {p} mix colors?
|what mood does {col} give a picture?|how do i sign a painting?|what's the difference between a sketch and a drawing?|what style suits a {biz}?
|what paper should i use for {t}?|how much does a portrait cost?|who was the first to paint {pl}?|tell me about the life of {p}|what does surreal mean?
|what do designers mean by contrast?|why do painters like {pl}?|can a picture be worth a thousand words?|is photography art?""")
TEXTS = w.phrases("""write a poem about {an}|write a short story about {an}|tell me a story about {an} and {f}|write a haiku about {pl}
|write a song about {t}|compose a limerick about {an}|write an email to my boss about {t}|write a letter to my {rel}|make up a riddle
|write a python function that counts {pl}|write code that draws a circle|write a program that sorts numbers|create a python script to resize images
|generate a list of {k} names for {an}|make a list of {k} things to do in {c}|create a shopping list for {f}|make a plan for a trip to {c}
|design a workout plan for me|create a schedule for studying {t}|generate a random number|generate a password|make a joke about {pl}
|come up with a slogan for my {biz}|give me {k} ideas for a {biz} name|suggest a name for my {biz}|describe {an} in one sentence
|describe in words what {an} looks like|describe the color {col}|give me a text description of {an}|write a caption for a photo of {an}
|write the lyrics of a song about {pl}|summarize the plot of a film about {an}|rewrite this sentence: the {n} was {col}|create a quiz about {t}
|correct my grammar: i has {an}|give me a synonym for {col}|finish the sentence: the {n} went to|write an essay about {t}|draft a tweet about {t}
|write a riddle about {an}|write a review of {f}|make a table of countries and capitals|show me a python example of a loop|show me the code
|draw a conclusion from this: all {pl} are {col}|paint me a picture in words of {c}|imagine you are {an}, what would you say?|show me the formula for {t}
|pretend to be {an} and greet me|let's play a word game|write html code for a web page about {pl}|give me an outline for a talk on {t}
|create a short dialogue between {an} and {job}|can you write a birthday message for my {rel}?|could you write a poem about {c}?
|i need a text about {t}|i want a bedtime story about {an}|i'd like a recipe for {f}|make a sentence with the word {n}|write a thank you note to my {rel}
|translate this to French: i like {pl}|summarize {t} in two sentences|give me pros and cons of {t}|write a product description for {an}
|make me a plan to {v}|draw up a contract for {an}|design an experiment about {t}|show me a sentence with the word {n}|generate a csv with names of {pl}
|write a press release for our {biz}|give me a title for this|produce a summary of the life of {p}|create a username for a fan of {pl}
|make a packing list for {c}|give me a quote by {p}|invent a word for someone who loves {pl}|list the colors of the rainbow|in one sentence: what is {t}?""")
LIFE = w.phrases("""how do i {v}?|how can i {v}?|what is the best way to {v}?|should i {v}?|is it hard to {v}?|my {rel} wants to {v}
|i'd like to {v}, any advice?|can you teach me to {v}?|give me tips to {v}|i tried to {v} today|how long does it take to {v}?
|show me how to {v}|explain how to {v}|could you help me {v}?|why is it so hard to {v}?|what do i need to {v}?|i want to {v}
|what's the first step if i want to {v}?|my {rel} is coming tomorrow|my {rel} has {an}|i bought {an} yesterday|yesterday i saw {an} in {c}
|i'm going to {c} next week|i feel a bit sad|what should i cook tonight?|what should i give my {rel}?|which book should i read next?
|recommend a movie|any good music from {c}?|do you believe in ghosts?|how was your weekend?|what's better, tea or coffee?
|my {rel} asked me about {t}|i read an article about {t} today|the meeting is at {h}|can we meet at {h}?|who brings the {f}?|i'll be back at {h}
|our {biz} opens next month|my {rel} works at a {biz}|the deadline is on friday|let me ask my {rel} first|i think my {rel} would like this place""")
ABOUT = w.phrases("""what kind of {n} is it?|why is the {n} like that?|is this {n} real?|how did you make this?|which one do you like best?
|how many pictures did you make?|can i use this picture on my website?|who owns the copyright of these images?|where does {an} live?
|what style is this?|how long did it take?|what is in this picture?|describe the picture|what do you see in the image?|what's the prompt of it?
|what should i call this {n}?|give the {n} a name|tell me a story about this {n}|write a poem about the {n}|what does the {n} symbolize?
|how do i save the picture?|can i print it?|what would {an} say?|do {pl} bite?|what do you think of it?|what else can you do with it?
|what changes can you make?|what is the resolution of this image?|tell me more about {pl}|so, what do {pl} eat?|how do i draw {an} like this?
|write a caption for it|why did you choose that color?|you are a great artist|what is {an} made of?|do you like it yourself?|is that a {n}?
|what time of year is best to see {pl}?|why did you draw it that way?|what was the first {n} called?|what's your opinion on {pl}?
|which of them would you choose for a {biz}?|what is the difference between them?|does it look more like {an} or {an2}?|what seed was used?
|is it too dark, do you think?|do you think the colors work?|would this work as a logo?|which country is famous for {pl}?|how many are there now?
|what was the last change?|which number is the current picture?|who asked for the {n}?|is the {n} smiling or not?|how old can {an} get?|where is it?
|is that how {pl} really look?|does the {n} have a name?|are you able to make it move?|would my {rel} like it?|what could the {n} be thinking?""")
PRAISE = w.phrases("""thanks, that's perfect|i love it|wow, beautiful|it's great, thank you|looks good|that is exactly what i wanted|amazing work
|haha, funny|cute!|my kids will love this|this reminds me of my childhood|perfect, no more changes|leave it as it is|don't change anything
|ok that's fine|good, we're done|that's {pr}|it's {pr}|this is {pr}|how {pr}|oh {pr}|{pr}|really {pr}|that looks {pr}|wow, {pr}|what a {pr} {n}
|{pr} {n}|this turned out {pr}|i think it's {pr}|the {n} looks {pr}|{pr}, thank you|{pr}! thanks a lot|{pr}, well done|very {pr}
|that's {pr}, my {rel} will love it|i'm impressed|you nailed it|what a great {n}|best {n} ever|that {n} made my day|we all like it here|well done
|the {col} is great|that {col} works well|i love the {col}|the {n} came out {pr}|good choice of colors|the {n} is a nice touch|{pr} {col}
|the light is {pr}|that detail is {pr}|the background is {pr}|yes, just like that|that's the one i had in mind, thanks|they are all {pr}|all of them are {pr}|these are {pr}|good stuff|so {pr}!""")
DOUBT = w.phrases("""not what i expected, but nice|i'm not sure if i like it|let me think about it|hm, not sure|hmm|meh|not bad|it's okay i guess
|i don't know yet|hard to say|i have to sleep on it|i can't decide|i'm not convinced|interesting|i expected something else|well, it's something
|let me show it to my {rel} first|i need to think|no idea what to do next|hmm, what do you think?|could be worse|what now?|not quite my taste
|i'm torn|both have something|difficult choice|give me a minute|it's not really my thing|that's odd|i'd have to ask my {rel}|strange {n}|weird
|that is not a {n}, is it?|i don't get it|why so serious?|not sure about this one|i wonder what my {rel} would say|that's disappointing|oh no|ugh
|maybe we should stop here|i'll decide later|my {rel} should look at this|{name} should see this first|let's ask {name}|i'd like to hear what {name} says|can {name} comment?|leave it for now|that's a strange {n}, but okay|i'm not happy with it, but never mind""")


SUBJECTS = w.phrases(
    """{pl}|{pl}|people|artists|children|they|painters|most {pl}|real {pl}|designers|computers|you|all {pl}|our customers"""
)
PREDICATES = w.phrases("""really live in {c}|get cold in winter|look {col} at night|eat {f}|sleep standing up|like {col}|make noise|need much care
|see colors|sink in water|get along with children|work with {t}|know {t}|come in {col}|last long|cost much|break easily|fly south in winter
|draw with charcoal|sell well|recognize faces|prefer {col} or {col2}|exist in {c}|change color|glow in the dark|paint from memory|need a frame
|grow in the shade|win prizes|use references|contain sugar|move around much|look better in print|still use {f} for that""")
AUXILIARIES = w.phrases(
    "can|do|do|did|could|would|will|should|why do|how do|when do|where do|why did|how often do|since when do"
)
ABOUT_THESE = w.phrases("""did somebody paint this by hand?|does any of them show {an}?|is there {an} in one of them?|do these have a signature?
|which of these is the oldest?|are those shadows correct?|has this been made by a person?|do they look alike to you?|is it finished?
|which one has more contrast?|can you tell me what is on number two?|does the second one have {an}?|are both of them square?|how heavy is the file?
|what would you change?|what could be better here?|is the {n} too big, in your opinion?|why is there {an}?|what made you think of {an}?
|were you inspired by {p}?|is it allowed to sell this?|did you use {p} as a model?|what do the others think?|would {p} have liked this?
|please write a title for it|give me two sentences about this picture|write a slogan that fits the picture|suggest a name for the {n}
|come up with a caption|tell the story behind the {n}|compose a tweet to go with it|what hashtag fits this?|draft a short text for the back of it""")


def question(rng: random.Random, table: Table) -> str:
    """A question built from parts, so that no two are alike."""
    if table and rng.random() < 0.35:
        return rng.choice(ABOUT_THESE)
    return f"{rng.choice(AUXILIARIES)} {rng.choice(SUBJECTS)} {rng.choice(PREDICATES)}?"


def _values(rng: random.Random, noun: str | None = None) -> dict[str, str]:
    n = noun or plain_scene(rng).noun
    return {
        "n": n, "an": article(n), "pl": plural(n), "an2": article(rng.choice(w.NOUNS)), "c": rng.choice(w.COUNTRIES),
        "t": rng.choice(w.TOPICS), "p": rng.choice(w.FAMOUS), "a": str(rng.randint(2, 99)), "b": str(rng.randint(2, 99)),
        "f": article(rng.choice(w.FOOD).replace("_", " ")), "col": rng.choice(w.COLOURS), "col2": rng.choice(w.COLOURS), "biz": rng.choice(w.BUSINESSES),
        "k": rng.choice(["three", "five", "two", "ten", "a few", "some", "4"]), "job": article(rng.choice(w.PEOPLE).replace("_", " ")),
        "rel": rng.choice(w.RELATIVES), "name": rng.choice(["Tom", "Lena", "Ravi", "Sofia", "Kenji", "Paula", "Omar", "Ines"]), "v": rng.choice(w.SKILLS), "pr": rng.choice(w.PRAISE), "h": rng.choice(["3", "noon", "half past five", "9"]),
    }  # fmt: skip


def talk(rng: random.Random, table: Table) -> str:
    """A message without any wish for a picture; half of the time about the picture that is there."""
    noun = rng.choice(table).scene.noun if table and rng.random() < 0.6 else None
    groups = [SMALL, FACTS, ART, TEXTS, LIFE] + ([ABOUT, PRAISE, DOUBT] if table else [])
    weights = [2.0, 3.5, 2.0, 3.0, 2.0] + ([4.0, 3.0, 2.5] if table else [])
    phrase = question(rng, table) if rng.random() < 0.25 else rng.choice(rng.choices(groups, weights)[0])
    return phrase.format(**_values(rng, noun))


def remark(rng: random.Random, table: Table) -> str:
    """A talk message as typed: what stands in `Before`."""
    return as_typed(rng, talk(rng, table))


def reply(rng: random.Random) -> Example:
    """One such message."""
    table = batch_table(rng) if rng.random() < 0.12 else maybe_table(rng, 0.55)
    before = remark(rng, table) if rng.random() < 0.15 else None
    message = talk(rng, table)
    if rng.random() < 0.08:
        message = f"{message.rstrip('.!')} {rng.choice(['by the way', 'quick question', 'just asking', 'without a picture', 'in words please', 'no drawing please'])}"
    return Example("plain", TinyTurn(as_typed(rng, message), pictures(table), before), "reply")
