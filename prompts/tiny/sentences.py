"""The words around the tags, in the user's language.

They announce and never claim: the picture may still fail, and then something else stands at its place.
"""

from __future__ import annotations

import re
import zlib
from typing import Literal

from prompts.tiny.format import Size

Occasion = Literal[
    "image",
    "several",
    "edit",
    "variation",
    "select",
    "nothing",
    "refine",
    "limit",
    "unclear",
    "talk",
    "check",
    "english",
]

SENTENCES: dict[str, dict[Occasion, tuple[str, ...]]] = {
    "en": {
        "image": ("Let me draw that:", "Here is what I have in mind:", "Coming up:"),
        "several": ("{n} to choose from:", "Here are {n} directions:", "Let me try {n}:"),
        "edit": ("Picture {i} with your change:", "A new version of picture {i}:", "Starting from picture {i}:"),
        "variation": ("Another take on picture {i}:", "More in the spirit of picture {i}:"),
        "select": ("Picture {i} it is.", "We go on with picture {i}."),
        "nothing": ("Picture {i} is how it began; there is nothing to undo.",),
        "refine": ("Picture {i} again, larger and finer:", "Working out the details of picture {i}:"),
        "limit": ("I make at most {n} at once; ask again for more.",),
        "unclear": ("I did not get that. Could you say in other words what you would like to see?",),
        "talk": ("Tell me what I should draw or change.",),
        "check": ("(I am a very small model; better check that.)",),
        "english": ("I answer questions in English only.",),
    },
    "de": {
        "image": ("Ich zeichne das:", "So stelle ich es mir vor:"),
        "several": ("{n} zur Auswahl:", "Hier sind {n} Entwürfe:"),
        "edit": ("Bild {i} mit deiner Änderung:", "Eine neue Fassung von Bild {i}:"),
        "variation": ("Noch eine Fassung von Bild {i}:",),
        "select": ("Weiter mit Bild {i}.",),
        "nothing": ("Mit Bild {i} hat es angefangen; es gibt nichts rückgängig zu machen.",),
        "refine": ("Bild {i} noch einmal, größer und feiner:",),
        "limit": ("Ich mache höchstens {n} auf einmal; frag einfach noch einmal.",),
        "unclear": ("Das habe ich nicht verstanden. Was möchtest du sehen?",),
        "talk": ("Gern! Sag mir, was ich zeichnen oder ändern soll.",),
        "check": ("(Ich bin ein sehr kleines Modell; bitte nachprüfen.)",),
        "english": ("Fragen kann ich leider nur auf Englisch beantworten; zeichnen kann ich auch auf Deutsch.",),
    },
    "fr": {
        "image": ("Je dessine cela :", "Voici mon idée :"),
        "several": ("{n} au choix :", "Voici {n} pistes :"),
        "edit": ("L'image {i} avec votre changement :", "Une nouvelle version de l'image {i} :"),
        "variation": ("Une autre version de l'image {i} :",),
        "select": ("On continue avec l'image {i}.",),
        "nothing": ("L'image {i} est le début ; il n'y a rien à annuler.",),
        "refine": ("L'image {i}, plus grande et plus fine :",),
        "limit": ("J'en fais au plus {n} à la fois ; redemandez pour la suite.",),
        "unclear": ("Je n'ai pas compris. Que voulez-vous voir ?",),
        "talk": ("Avec plaisir ! Dites-moi ce que je dois dessiner ou changer.",),
        "check": ("(Je suis un tout petit modèle ; à vérifier.)",),
        "english": ("Je ne réponds aux questions qu'en anglais ; pour dessiner, le français me va très bien.",),
    },
    "es": {
        "image": ("Voy a dibujarlo:", "Así me lo imagino:"),
        "several": ("{n} para elegir:", "Aquí van {n} ideas:"),
        "edit": ("La imagen {i} con tu cambio:", "Una nueva versión de la imagen {i}:"),
        "variation": ("Otra versión de la imagen {i}:",),
        "select": ("Seguimos con la imagen {i}.",),
        "nothing": ("La imagen {i} es el principio; no hay nada que deshacer.",),
        "refine": ("La imagen {i}, más grande y más fina:",),
        "limit": ("Hago como máximo {n} a la vez; pide más después.",),
        "unclear": ("No lo he entendido. ¿Qué te gustaría ver?",),
        "talk": ("¡Con gusto! Dime qué dibujo o qué cambio.",),
        "check": ("(Soy un modelo muy pequeño; mejor compruébalo.)",),
        "english": ("Solo sé responder preguntas en inglés; para dibujar, el español me vale.",),
    },
    "it": {
        "image": ("Lo disegno:", "Ecco la mia idea:"),
        "several": ("{n} tra cui scegliere:", "Ecco {n} proposte:"),
        "edit": ("L'immagine {i} con la tua modifica:", "Una nuova versione dell'immagine {i}:"),
        "variation": ("Un'altra versione dell'immagine {i}:",),
        "select": ("Continuiamo con l'immagine {i}.",),
        "nothing": ("L'immagine {i} è l'inizio; non c'è niente da annullare.",),
        "refine": ("L'immagine {i}, più grande e più fine:",),
        "limit": ("Ne faccio al massimo {n} alla volta; chiedi ancora per le altre.",),
        "unclear": ("Non ho capito. Che cosa vorresti vedere?",),
        "talk": ("Volentieri! Dimmi che cosa disegnare o cambiare.",),
        "check": ("(Sono un modello molto piccolo; meglio verificare.)",),
        "english": ("So rispondere alle domande solo in inglese; per disegnare va benissimo l'italiano.",),
    },
    "pt": {
        "image": ("Vou desenhar:", "Imagino assim:"),
        "several": ("{n} para escolher:", "Aqui estão {n} ideias:"),
        "edit": ("A imagem {i} com a sua mudança:", "Uma nova versão da imagem {i}:"),
        "variation": ("Outra versão da imagem {i}:",),
        "select": ("Continuamos com a imagem {i}.",),
        "nothing": ("A imagem {i} é o começo; não há nada para desfazer.",),
        "refine": ("A imagem {i}, maior e mais detalhada:",),
        "limit": ("Faço no máximo {n} de cada vez; peça mais depois.",),
        "unclear": ("Não entendi. O que você gostaria de ver?",),
        "talk": ("Com prazer! Diga o que devo desenhar ou mudar.",),
        "check": ("(Sou um modelo muito pequeno; é melhor conferir.)",),
        "english": ("Só sei responder perguntas em inglês; para desenhar, pode ser em português.",),
    },
    "nl": {
        "image": ("Ik teken het:", "Zo stel ik het me voor:"),
        "several": ("{n} om uit te kiezen:", "Hier zijn {n} ideeën:"),
        "edit": ("Plaatje {i} met jouw wijziging:", "Een nieuwe versie van plaatje {i}:"),
        "variation": ("Nog een versie van plaatje {i}:",),
        "select": ("We gaan verder met plaatje {i}.",),
        "nothing": ("Plaatje {i} is het begin; er valt niets ongedaan te maken.",),
        "refine": ("Plaatje {i} nog eens, groter en fijner:",),
        "limit": ("Ik maak er hoogstens {n} tegelijk; vraag gerust om meer.",),
        "unclear": ("Dat begreep ik niet. Wat wil je zien?",),
        "talk": ("Graag! Zeg maar wat ik moet tekenen of veranderen.",),
        "check": ("(Ik ben een heel klein model; controleer het even.)",),
        "english": ("Vragen kan ik alleen in het Engels beantwoorden; tekenen kan ook in het Nederlands.",),
    },
    "zh": {
        "image": ("我来画：", "我是这样想的："),
        "several": ("{n} 张供你选择：",),
        "edit": ("按你的要求修改图 {i}：", "图 {i} 的新版本："),
        "variation": ("图 {i} 的另一个版本：",),
        "select": ("接下来用图 {i}。",),
        "nothing": ("图 {i} 就是最初的图，没有可以撤销的。",),
        "refine": ("图 {i}，更大更精细：",),
        "limit": ("一次最多画 {n} 张，想要更多请再说一次。",),
        "unclear": ("我没听懂。你想看什么？",),
        "talk": ("好的！告诉我想画什么，或者想改什么。",),
        "check": ("（我是很小的模型，请再核实。）",),
        "english": ("我只能用英语回答问题；画画可以用中文说。",),
    },
    "ja": {
        "image": ("描いてみます：", "こんな感じでどうでしょう："),
        "several": ("{n} 枚の候補です：",),
        "edit": ("画像 {i} を変更します：", "画像 {i} の新しい版です："),
        "variation": ("画像 {i} の別の案です：",),
        "select": ("画像 {i} で続けます。",),
        "nothing": ("画像 {i} が最初のものなので、元に戻すものはありません。",),
        "refine": ("画像 {i} をより大きく細かく描きます：",),
        "limit": ("一度に {n} 枚までです。続きはもう一度言ってください。",),
        "unclear": ("うまく理解できませんでした。何を見たいですか？",),
        "talk": ("はい！描きたいものや変えたいところを教えてください。",),
        "check": ("（とても小さなモデルなので、確認してください。）",),
        "english": ("質問には英語でしか答えられませんが、絵は日本語で頼めます。",),
    },
}

_SIZES: dict[Size, str] = {
    "wide": r"landscape format|wide ?screen|16\s?[:x]\s?9|panorama|wide (?:picture|image|format|version|banner)"
    r"|querformat|format paysage|横向|横長",
    "tall": r"portrait (?:format|orientation)|9\s?[:x]\s?16|phone wallpaper|tall (?:picture|image|format|version)"
    r"|vertical (?:picture|image|format)|hochformat|format portrait|竖版|縦長",
    "square": r"square (?:picture|image|format|version)|\b1\s?:\s?1\b|quadratisch|format carré|方形|正方形",
}


def size_wanted(text: str) -> Size | None:
    """Read a wished format from the message; plain words do this more surely than a tiny model."""
    return next((size for size, words in _SIZES.items() if re.search(words, text, re.IGNORECASE)), None)


def sentence(occasion: Occasion, language: str, seed: str, *, n: int = 0, i: int | None = None) -> str:
    """One sentence for the occasion; the same seed gives the same one, so a replay reads the same."""
    choices = SENTENCES.get(language, SENTENCES["en"])[occasion]
    return choices[zlib.crc32(f"{occasion}|{seed}".encode()) % len(choices)].format(n=n, i=i)
