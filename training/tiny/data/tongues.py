"""The same turns in German, French, Spanish, Italian, Portuguese, Dutch, Chinese and Japanese.

The message is in the language, the description in English, because that is what picture models read.
"""

# ruff: noqa: E501 -- phrase tables read better unwrapped

from __future__ import annotations

import random

from prompts.lexicon.glossary import gloss
from prompts.tiny.format import TinyTurn
from training.tiny.data import make, talk
from training.tiny.data.picture import Picture
from training.tiny.data.table import Example, Row, Table, shown

LANGUAGES = ("de", "fr", "es", "it", "pt", "nl", "zh", "ja")

_NOUNS = """dog|einen Hund|un chien|un perro|un cane|um cachorro|een hond|一只狗|犬
cat|eine Katze|un chat|un gato|un gatto|um gato|een kat|一只猫|猫
horse|ein Pferd|un cheval|un caballo|un cavallo|um cavalo|een paard|一匹马|馬
fox|einen Fuchs|un renard|un zorro|una volpe|uma raposa|een vos|一只狐狸|狐
owl|eine Eule|un hibou|un búho|un gufo|uma coruja|een uil|一只猫头鹰|フクロウ
bear|einen Bären|un ours|un oso|un orso|um urso|een beer|一只熊|熊
lion|einen Löwen|un lion|un león|un leone|um leão|een leeuw|一只狮子|ライオン
elephant|einen Elefanten|un éléphant|un elefante|un elefante|um elefante|een olifant|一头大象|象
penguin|einen Pinguin|un pingouin|un pingüino|un pinguino|um pinguim|een pinguïn|一只企鹅|ペンギン
fish|einen Fisch|un poisson|un pez|un pesce|um peixe|een vis|一条鱼|魚
butterfly|einen Schmetterling|un papillon|una mariposa|una farfalla|uma borboleta|een vlinder|一只蝴蝶|蝶
frog|einen Frosch|une grenouille|una rana|una rana|um sapo|een kikker|一只青蛙|カエル
rabbit|einen Hasen|un lapin|un conejo|un coniglio|um coelho|een konijn|一只兔子|うさぎ
dragon|einen Drachen|un dragon|un dragón|un drago|um dragão|een draak|一条龙|ドラゴン
robot|einen Roboter|un robot|un robot|un robot|um robô|een robot|一个机器人|ロボット
knight|einen Ritter|un chevalier|un caballero|un cavaliere|um cavaleiro|een ridder|一个骑士|騎士
witch|eine Hexe|une sorcière|una bruja|una strega|uma bruxa|een heks|一个女巫|魔女
pirate|einen Piraten|un pirate|un pirata|un pirata|um pirata|een piraat|一个海盗|海賊
astronaut|einen Astronauten|un astronaute|un astronauta|un astronauta|um astronauta|een astronaut|一个宇航员|宇宙飛行士
king|einen König|un roi|un rey|un re|um rei|een koning|一个国王|王様
car|ein Auto|une voiture|un coche|una macchina|um carro|een auto|一辆汽车|車
train|einen Zug|un train|un tren|un treno|um trem|een trein|一列火车|電車
sailboat|ein Segelboot|un voilier|un velero|una barca a vela|um veleiro|een zeilboot|一艘帆船|ヨット
bicycle|ein Fahrrad|un vélo|una bicicleta|una bicicletta|uma bicicleta|een fiets|一辆自行车|自転車
airplane|ein Flugzeug|un avion|un avión|un aereo|um avião|een vliegtuig|一架飞机|飛行機
rocket|eine Rakete|une fusée|un cohete|un razzo|um foguete|een raket|一枚火箭|ロケット
house|ein Haus|une maison|una casa|una casa|uma casa|een huis|一座房子|家
castle|ein Schloss|un château|un castillo|un castello|um castelo|een kasteel|一座城堡|お城
lighthouse|einen Leuchtturm|un phare|un faro|un faro|um farol|een vuurtoren|一座灯塔|灯台
bridge|eine Brücke|un pont|un puente|un ponte|uma ponte|een brug|一座桥|橋
mountain|einen Berg|une montagne|una montaña|una montagna|uma montanha|een berg|一座山|山
oak tree|eine Eiche|un chêne|un roble|una quercia|um carvalho|een eik|一棵橡树|樫の木
rose|eine Rose|une rose|una rosa|una rosa|uma rosa|een roos|一朵玫瑰|バラ
sunflower|eine Sonnenblume|un tournesol|un girasol|un girasole|um girassol|een zonnebloem|一朵向日葵|ひまわり
cactus|einen Kaktus|un cactus|un cactus|un cactus|um cacto|een cactus|一棵仙人掌|サボテン
cake|einen Kuchen|un gâteau|un pastel|una torta|um bolo|een taart|一个蛋糕|ケーキ
pizza|eine Pizza|une pizza|una pizza|una pizza|uma pizza|een pizza|一个披萨|ピザ
apple|einen Apfel|une pomme|una manzana|una mela|uma maçã|een appel|一个苹果|りんご
book|ein Buch|un livre|un libro|un libro|um livro|een boek|一本书|本
piano|ein Klavier|un piano|un piano|un pianoforte|um piano|een piano|一架钢琴|ピアノ
umbrella|einen Regenschirm|un parapluie|un paraguas|un ombrello|um guarda-chuva|een paraplu|一把雨伞|傘
clock|eine Uhr|une horloge|un reloj|un orologio|um relógio|een klok|一个时钟|時計
snowman|einen Schneemann|un bonhomme de neige|un muñeco de nieve|un pupazzo di neve|um boneco de neve|een sneeuwpop|一个雪人|雪だるま
wolf|einen Wolf|un loup|un lobo|un lupo|um lobo|een wolf|一只狼|狼
mouse|eine Maus|une souris|un ratón|un topo|um rato|een muis|一只老鼠|ねずみ
turtle|eine Schildkröte|une tortue|una tortuga|una tartaruga|uma tartaruga|een schildpad|一只乌龟|亀"""
_COLOURS = """red|rot|rouge|rojo|rosso|vermelho|rood|红色|赤
blue|blau|bleu|azul|blu|azul|blauw|蓝色|青
green|grün|vert|verde|verde|verde|groen|绿色|緑
yellow|gelb|jaune|amarillo|giallo|amarelo|geel|黄色|黄色
black|schwarz|noir|negro|nero|preto|zwart|黑色|黒
white|weiß|blanc|blanco|bianco|branco|wit|白色|白
purple|lila|violet|morado|viola|roxo|paars|紫色|紫
orange|orange|orange|naranja|arancione|laranja|oranje|橙色|オレンジ色
pink|rosa|rose|rosa|rosa|rosa|roze|粉色|ピンク
golden|golden|doré|dorado|dorato|dourado|goud|金色|金色"""
_PLACES = """on a beach|am Strand|sur une plage|en la playa|sulla spiaggia|na praia|op het strand|在海滩上|浜辺
in the snow|im Schnee|dans la neige|en la nieve|nella neve|na neve|in de sneeuw|在雪地里|雪の中
in a forest|im Wald|dans la forêt|en el bosque|nel bosco|na floresta|in het bos|在森林里|森の中
in the desert|in der Wüste|dans le désert|en el desierto|nel deserto|no deserto|in de woestijn|在沙漠里|砂漠
in a meadow|auf einer Wiese|dans un pré|en un prado|in un prato|em um prado|in een weide|在草地上|草原
on the moon|auf dem Mond|sur la lune|en la luna|sulla luna|na lua|op de maan|在月球上|月の上
in the city|in der Stadt|en ville|en la ciudad|in città|na cidade|in de stad|在城市里|街の中
at night|bei Nacht|la nuit|de noche|di notte|à noite|'s nachts|在夜晚|夜
at sunset|bei Sonnenuntergang|au coucher du soleil|al atardecer|al tramonto|ao pôr do sol|bij zonsondergang|在日落时|夕暮れ
in the rain|im Regen|sous la pluie|bajo la lluvia|sotto la pioggia|na chuva|in de regen|在雨中|雨の中
under water|unter Wasser|sous l'eau|bajo el agua|sott'acqua|debaixo d'água|onder water|在水下|水中
in space|im Weltraum|dans l'espace|en el espacio|nello spazio|no espaço|in de ruimte|在太空中|宇宙
in a kitchen|in einer Küche|dans une cuisine|en una cocina|in una cucina|em uma cozinha|in een keuken|在厨房里|台所"""
_THINGS = """wearing a hat|einen Hut|un chapeau|un sombrero|un cappello|um chapéu|een hoed|一顶帽子|帽子
wearing a crown|eine Krone|une couronne|una corona|una corona|uma coroa|een kroon|一个王冠|王冠
with a rainbow|einen Regenbogen|un arc-en-ciel|un arcoíris|un arcobaleno|um arco-íris|een regenboog|一道彩虹|虹
with a moon|einen Mond|une lune|una luna|una luna|uma lua|een maan|一个月亮|月
with flowers|Blumen|des fleurs|flores|dei fiori|flores|bloemen|一些花|花
wearing a red scarf|einen roten Schal|une écharpe rouge|una bufanda roja|una sciarpa rossa|um cachecol vermelho|een rode sjaal|一条红围巾|赤いマフラー
wearing glasses|eine Brille|des lunettes|gafas|degli occhiali|óculos|een bril|一副眼镜|眼鏡
with a tree|einen Baum|un arbre|un árbol|un albero|uma árvore|een boom|一棵树|木"""
_STYLES = """a watercolor painting of|als Aquarell|à l'aquarelle|en acuarela|ad acquerello|em aquarela|als aquarel|水彩画风格|水彩画風
a pencil sketch of|als Bleistiftzeichnung|au crayon|a lápiz|a matita|a lápis|als potloodtekening|铅笔素描|鉛筆画風
a cartoon of|als Comic|en dessin animé|como dibujo animado|come cartone animato|como desenho animado|als cartoon|卡通风格|漫画風
an oil painting of|als Ölgemälde|en peinture à l'huile|como pintura al óleo|come dipinto a olio|como pintura a óleo|als olieverfschilderij|油画风格|油絵風
a photo of|als Foto|en photo|como foto|come foto|como foto|als foto|照片风格|写真風"""


def _column(text: str) -> list[tuple[str, dict[str, str]]]:
    rows = [line.split("|") for line in text.split("\n")]
    return [(r[0], dict(zip(LANGUAGES, r[1:], strict=True))) for r in rows]


NOUNS, COLOURS, PLACES, THINGS, STYLES = map(_column, (_NOUNS, _COLOURS, _PLACES, _THINGS, _STYLES))

Phrases = dict[str, dict[str, list[str]]]
PHRASES: Phrases = {
    "new": {
        "de": ["zeichne {x}", "Zeichne mir bitte {x}", "mal {x}", "ich möchte {x} sehen", "ein Bild: {x}", "kannst du {x} malen?", "Bitte {x}"],
        "fr": ["dessine {x}", "dessine-moi {x}", "je voudrais voir {x}", "une image : {x}", "peux-tu dessiner {x} ?", "montre-moi {x}"],
        "es": ["dibuja {x}", "dibújame {x}", "quiero ver {x}", "una imagen: {x}", "¿puedes dibujar {x}?", "muéstrame {x}, por favor"],
        "it": ["disegna {x}", "disegnami {x}", "vorrei vedere {x}", "un'immagine: {x}", "puoi disegnare {x}?", "mostrami {x}"],
        "pt": ["desenhe {x}", "desenha {x} para mim", "quero ver {x}", "uma imagem: {x}", "você pode desenhar {x}?", "me mostre {x}"],
        "nl": ["teken {x}", "teken voor mij {x}", "ik wil {x} zien", "een plaatje: {x}", "kun je {x} tekenen?", "laat me {x} zien"],
        "zh": ["画{x}", "请画{x}", "帮我画{x}", "我想看{x}", "生成一张图：{x}", "能画{x}吗？"],
        "ja": ["{x}を描いて", "{x}を描いてください", "{x}の絵を描いて", "{x}が見たい", "{x}の画像をお願いします", "{x}を描ける？"],
    },
    "colour": {
        "de": ["mach es {c}", "lieber in {c}", "bitte {c}", "ändere die Farbe zu {c}", "kann es {c} sein?"],
        "fr": ["mets-le en {c}", "plutôt en {c}", "en {c} s'il te plaît", "change la couleur en {c}", "et en {c} ?"],
        "es": ["hazlo {c}", "mejor en {c}", "cámbialo a {c}", "que sea {c}", "¿y en {c}?"],
        "it": ["fallo {c}", "meglio in {c}", "cambia il colore in {c}", "e in {c}?", "lo vorrei {c}"],
        "pt": ["deixe {c}", "melhor em {c}", "mude a cor para {c}", "e em {c}?", "quero que seja {c}"],
        "nl": ["maak het {c}", "liever in {c}", "verander de kleur naar {c}", "kan het {c} zijn?", "graag {c}"],
        "zh": ["改成{c}", "换成{c}", "把颜色变成{c}", "要{c}的", "能变成{c}吗？"],
        "ja": ["{c}にして", "色を{c}に変えて", "{c}の方がいい", "{c}にできますか？", "{c}でお願いします"],
    },
    "place": {
        "de": ["jetzt {p}", "und {p}?", "das Gleiche, aber {p}", "bitte {p}", "wie sieht es {p} aus?"],
        "fr": ["maintenant {p}", "la même chose mais {p}", "et {p} ?", "plutôt {p}", "comment ce serait {p} ?"],
        "es": ["ahora {p}", "lo mismo pero {p}", "¿y {p}?", "ponlo {p}", "mejor {p}"],
        "it": ["adesso {p}", "lo stesso ma {p}", "e {p}?", "mettilo {p}", "meglio {p}"],
        "pt": ["agora {p}", "o mesmo, mas {p}", "e {p}?", "coloque {p}", "melhor {p}"],
        "nl": ["nu {p}", "hetzelfde maar {p}", "en {p}?", "zet het {p}", "liever {p}"],
        "zh": ["放{p}", "一样的，但是{p}", "现在{p}", "让它{p}", "改为{p}"],
        "ja": ["背景を{p}にして", "同じもので、{p}で", "今度は{p}で", "{p}に変えて", "{p}にしてください"],
    },
    "add": {
        "de": ["füge {t} hinzu", "noch {t} dazu", "mit {t} bitte", "gib ihm {t}"],
        "fr": ["ajoute {t}", "avec {t} s'il te plaît", "rajoute {t}", "et {t} en plus"],
        "es": ["añade {t}", "con {t}, por favor", "ponle {t}", "agrega {t}"],
        "it": ["aggiungi {t}", "con {t}, per favore", "mettici {t}", "anche {t}"],
        "pt": ["adicione {t}", "com {t}, por favor", "coloque {t}", "e também {t}"],
        "nl": ["voeg {t} toe", "met {t} graag", "doe er {t} bij", "geef het {t}"],
        "zh": ["加上{t}", "添加{t}", "给它{t}", "再加{t}"],
        "ja": ["{t}を追加して", "{t}も入れて", "{t}を足して", "{t}をつけて"],
    },
    "style": {
        "de": ["{s} bitte", "lieber {s}", "mach es {s}", "das Gleiche {s}"],
        "fr": ["plutôt {s}", "refais-le {s}", "la même chose {s}", "{s} s'il te plaît"],
        "es": ["mejor {s}", "hazlo {s}", "lo mismo {s}", "{s}, por favor"],
        "it": ["meglio {s}", "rifallo {s}", "lo stesso {s}", "{s}, per favore"],
        "pt": ["melhor {s}", "refaça {s}", "o mesmo {s}", "{s}, por favor"],
        "nl": ["liever {s}", "maak het {s}", "hetzelfde {s}", "{s} graag"],
        "zh": ["改成{s}", "用{s}", "{s}，谢谢", "变成{s}"],
        "ja": ["{s}にして", "{s}でお願い", "{s}に変えてください", "{s}がいい"],
    },
    "remove": {
        "de": ["ohne {t}", "nimm {t} weg", "entferne {t}", "{t} stört, bitte weg"],
        "fr": ["sans {t}", "enlève {t}", "retire {t} s'il te plaît", "supprime {t}"],
        "es": ["sin {t}", "quita {t}", "elimina {t}, por favor", "no quiero {t}"],
        "it": ["senza {t}", "togli {t}", "elimina {t}, per favore", "rimuovi {t}"],
        "pt": ["sem {t}", "tire {t}", "remova {t}, por favor", "não quero {t}"],
        "nl": ["zonder {t}", "haal {t} weg", "verwijder {t} graag", "{t} mag weg"],
        "zh": ["去掉{t}", "不要{t}", "把{t}删除", "没有{t}更好"],
        "ja": ["{t}を消して", "{t}なしで", "{t}を取って", "{t}を削除してください"],
    },
    "named colour": {
        "de": ["mach {x} {c}", "{x} soll {c} sein", "ich hätte {x} lieber {c}"],
        "fr": ["mets {x} en {c}", "{x} doit être {c}", "je préfère {x} en {c}"],
        "es": ["pon {x} de {c}", "{x} debe ser {c}", "quiero {x} en {c}"],
        "it": ["fai {x} {c}", "{x} deve essere {c}", "vorrei {x} in {c}"],
        "pt": ["deixe {x} {c}", "{x} deve ser {c}", "quero {x} em {c}"],
        "nl": ["maak {x} {c}", "{x} moet {c} zijn", "ik wil {x} in {c}"],
        "zh": ["把{x}变成{c}", "{x}应该是{c}", "让{x}变{c}"],
        "ja": ["{x}を{c}にして", "{x}は{c}がいい", "{x}を{c}に変えて"],
    },
    "replace": {
        "de": ["ersetze {x} durch {y}", "statt {x} lieber {y}", "{y} statt {x} bitte"],
        "fr": ["remplace {x} par {y}", "{y} à la place de {x}", "plutôt {y} que {x}"],
        "es": ["cambia {x} por {y}", "{y} en lugar de {x}", "mejor {y} que {x}"],
        "it": ["sostituisci {x} con {y}", "{y} invece di {x}", "meglio {y} che {x}"],
        "pt": ["troque {x} por {y}", "{y} em vez de {x}", "prefiro {y} a {x}"],
        "nl": ["vervang {x} door {y}", "{y} in plaats van {x}", "liever {y} dan {x}"],
        "zh": ["把{x}换成{y}", "不要{x}，要{y}", "用{y}代替{x}"],
        "ja": ["{x}を{y}に変えて", "{x}じゃなくて{y}", "{x}の代わりに{y}"],
    },
    "select": {
        "de": ["das {o} gefällt mir", "nimm das {o}", "das {o} bitte", "ich nehme das {o}", "Bild {i}", "zurück zu Bild {i}"],
        "fr": ["la {o} me plaît", "prends la {o}", "la {o} s'il te plaît", "je choisis la {o}", "l'image {i}", "reviens à l'image {i}"],
        "es": ["me gusta la {o}", "elijo la {o}", "la {o}, por favor", "usa la {o}", "la imagen {i}", "vuelve a la imagen {i}"],
        "it": ["mi piace la {o}", "scelgo la {o}", "la {o}, per favore", "prendi la {o}", "l'immagine {i}", "torna all'immagine {i}"],
        "pt": ["gosto da {o}", "escolho a {o}", "a {o}, por favor", "use a {o}", "a imagem {i}", "volte para a imagem {i}"],
        "nl": ["de {o} vind ik mooi", "neem de {o}", "de {o} graag", "ik kies de {o}", "plaatje {i}", "terug naar plaatje {i}"],
        "zh": ["我喜欢{o}", "选{o}", "用{o}", "就要{o}", "图片{i}", "回到图片{i}"],
        "ja": ["{o}がいい", "{o}にします", "{o}でお願いします", "{o}を使って", "画像{i}", "画像{i}に戻って"],
    },
    "undo": {
        "de": ["rückgängig", "mach das rückgängig", "zurück", "das vorherige war besser"],
        "fr": ["annule", "reviens en arrière", "annule ça", "c'était mieux avant"],
        "es": ["deshacer", "deshazlo", "vuelve atrás", "antes estaba mejor"],
        "it": ["annulla", "torna indietro", "annulla la modifica", "prima era meglio"],
        "pt": ["desfazer", "desfaça isso", "volte atrás", "antes estava melhor"],
        "nl": ["ongedaan maken", "maak dat ongedaan", "ga terug", "het vorige was beter"],
        "zh": ["撤销", "撤销刚才的修改", "回到上一张", "之前的更好"],
        "ja": ["元に戻して", "取り消して", "前の方がよかった", "一つ前に戻って"],
    },
    "variation": {
        "de": ["noch eins", "mehr davon", "nochmal", "eine andere Version bitte", "etwas Ähnliches"],
        "fr": ["encore", "encore une autre version", "d'autres comme ça", "une variante", "quelque chose de similaire"],
        "es": ["otra vez", "otra versión", "más como este", "una variación", "algo parecido"],
        "it": ["ancora", "un'altra versione", "altri come questo", "una variante", "qualcosa di simile"],
        "pt": ["de novo", "outra versão", "mais como este", "uma variação", "algo parecido"],
        "nl": ["nog een keer", "een andere versie", "meer zoals dit", "een variant", "iets soortgelijks"],
        "zh": ["再来一张", "换一个版本", "更多类似的", "再试一次", "类似的"],
        "ja": ["もう一枚", "別のバージョン", "似たようなものをもっと", "もう一度", "他のバージョンも見たい"],
    },
    "refine": {
        "de": ["bitte schärfer", "verbessere die Qualität", "höhere Auflösung", "mehr Details"],
        "fr": ["améliore la qualité", "plus net", "plus de détails", "en meilleure résolution"],
        "es": ["mejora la calidad", "más nítido", "más detalles", "mayor resolución"],
        "it": ["migliora la qualità", "più nitido", "più dettagli", "risoluzione più alta"],
        "pt": ["melhore a qualidade", "mais nítido", "mais detalhes", "maior resolução"],
        "nl": ["verbeter de kwaliteit", "scherper graag", "meer details", "hogere resolutie"],
        "zh": ["提高画质", "更清晰一点", "更多细节", "高清一点"],
        "ja": ["画質を上げて", "もっと鮮明に", "もっと詳細に", "高解像度にして"],
    },
    "reply": {
        "de": ["Danke!", "Hallo", "sehr schön", "Wie geht es dir?", "Wer hat die Mona Lisa gemalt?", "Was kannst du alles?", "Was fressen {pl}?",
               "Warum ist der Himmel blau?", "Schreib ein Gedicht über den Herbst", "Was ist die Hauptstadt von Frankreich?", "Tschüss", "hm, weiß nicht",
               "Erklär mir den Impressionismus", "Wie spät ist es?", "Das gefällt mir", "Wie malt man mit Aquarell?", "super gemacht", "Was ist 7 mal 8?"],
        "fr": ["Merci !", "Bonjour", "très joli", "Comment ça va ?", "Qui a peint la Joconde ?", "Que sais-tu faire ?", "Pourquoi le ciel est-il bleu ?",
               "Écris un poème sur l'automne", "Quelle est la capitale de l'Espagne ?", "Au revoir", "je ne sais pas trop", "Explique-moi le cubisme",
               "Quelle heure est-il ?", "j'adore", "Comment peindre à l'aquarelle ?", "Combien font 7 fois 8 ?"],
        "es": ["¡Gracias!", "Hola", "muy bonito", "¿Cómo estás?", "¿Quién pintó la Mona Lisa?", "¿Qué sabes hacer?", "¿Por qué el cielo es azul?",
               "Escribe un poema sobre el otoño", "¿Cuál es la capital de Italia?", "Adiós", "no estoy seguro", "Explícame el surrealismo",
               "¿Qué hora es?", "me encanta", "¿Cómo se pinta con acuarela?", "¿Cuánto es 7 por 8?"],
        "it": ["Grazie!", "Ciao", "molto bello", "Come stai?", "Chi ha dipinto la Gioconda?", "Cosa sai fare?", "Perché il cielo è blu?",
               "Scrivi una poesia sull'autunno", "Qual è la capitale della Spagna?", "Arrivederci", "non sono sicuro", "Spiegami il Rinascimento",
               "Che ore sono?", "lo adoro", "Come si dipinge ad acquerello?", "Quanto fa 7 per 8?"],
        "pt": ["Obrigado!", "Olá", "muito bonito", "Como vai?", "Quem pintou a Mona Lisa?", "O que você sabe fazer?", "Por que o céu é azul?",
               "Escreva um poema sobre o outono", "Qual é a capital da Itália?", "Tchau", "não tenho certeza", "Explique o cubismo",
               "Que horas são?", "adorei", "Como se pinta com aquarela?", "Quanto é 7 vezes 8?"],
        "nl": ["Dank je!", "Hallo", "heel mooi", "Hoe gaat het?", "Wie schilderde de Nachtwacht?", "Wat kun je allemaal?", "Waarom is de lucht blauw?",
               "Schrijf een gedicht over de herfst", "Wat is de hoofdstad van Spanje?", "Tot ziens", "ik weet het niet zeker", "Leg het impressionisme uit",
               "Hoe laat is het?", "geweldig", "Hoe schilder je met waterverf?", "Hoeveel is 7 keer 8?"],
        "zh": ["谢谢", "你好", "很漂亮", "你好吗？", "蒙娜丽莎是谁画的？", "你会做什么？", "天空为什么是蓝色的？", "写一首关于秋天的诗", "法国的首都是哪里？",
               "再见", "不太确定", "解释一下印象派", "现在几点？", "太棒了", "怎么画水彩画？", "七乘八是多少？"],
        "ja": ["ありがとう", "こんにちは", "とてもきれい", "元気ですか？", "モナリザを描いたのは誰？", "何ができますか？", "空はなぜ青いの？", "秋についての詩を書いて",
               "フランスの首都はどこ？", "さようなら", "うーん、どうかな", "印象派について教えて", "今何時？", "すごい", "水彩画の描き方は？", "7かける8は？"],
    },
}  # fmt: skip
_ORDINALS = {
    "de": ["erste", "zweite", "dritte", "vierte"], "fr": ["première", "deuxième", "troisième", "quatrième"],
    "es": ["primera", "segunda", "tercera", "cuarta"], "it": ["prima", "seconda", "terza", "quarta"],
    "pt": ["primeira", "segunda", "terceira", "quarta"], "nl": ["eerste", "tweede", "derde", "vierde"],
    "zh": ["第一张", "第二张", "第三张", "第四张"], "ja": ["一番目", "二番目", "三番目", "四番目"],
}  # fmt: skip
_COUNTED = {
    "de": ("zeichne {n} Bilder: {x}", ["zwei", "drei", "vier"]), "fr": ("dessine {n} images : {x}", ["deux", "trois", "quatre"]),
    "es": ("dibuja {n} imágenes: {x}", ["dos", "tres", "cuatro"]), "it": ("disegna {n} immagini: {x}", ["due", "tre", "quattro"]),
    "pt": ("desenhe {n} imagens: {x}", ["duas", "três", "quatro"]), "nl": ("teken {n} plaatjes: {x}", ["twee", "drie", "vier"]),
    "zh": ("画{n}张图：{x}", ["两", "三", "四"]), "ja": ("{x}の絵を{n}枚描いて", ["二", "三", "四"]),
}  # fmt: skip


_SMALL = {
    "how are you": "how are you", "thank you": "thanks", "hello": "greet", "goodbye": "bye", "not sure": "doubt", "beautiful": "praise", "great": "praise",
    "i like": "praise", "i love": "praise",
}  # fmt: skip
"""How small talk is known in word-by-word English, and the heading of its answer."""


def _some(rng: random.Random) -> tuple[Picture, dict[str, str]]:
    noun, names = rng.choice(NOUNS)
    return Picture(noun, make.kind_of(noun)), names


def _spoken(rng: random.Random, language: str) -> tuple[Picture, str]:
    """A picture of the lexicon and how it is said in the language."""
    p, names = _some(rng)
    said = names[language]
    if rng.random() < 0.55:
        place, spoken = rng.choice(PLACES)
        p.place = place
        if language == "ja":
            said = f"{spoken[language]}の{said}"
        elif language == "zh":
            said = f"{spoken[language]}的{said}"
        else:
            said = f"{said} {spoken[language]}"
    return p, said


def group(rng: random.Random, branches: int) -> list[Example]:
    """Turns in one language that share a picture table."""
    language = rng.choice(LANGUAGES)
    table = _table(rng, language)
    return [_turn(rng, language, table) for _ in range(branches)]


def _table(rng: random.Random, language: str) -> Table:
    kind = rng.random()
    start = 1 if rng.random() < 0.6 else rng.randint(2, 9)
    if kind < 0.3:
        return []
    if kind < 0.6:
        p = _spoken(rng, language)[0]
        if rng.random() < 0.4:
            english = rng.choice(THINGS)[0]
            (p.wears if english.startswith("wearing") else p.items).append(_item(english))
        return [Row(start, p)]
    if kind < 0.8:
        return [Row(start + i, _spoken(rng, language)[0], batch=True) for i in range(rng.choice([2, 3, 4]))]
    first = _spoken(rng, language)[0]
    return [Row(start, first), Row(start + 1, _edited(rng, first), start)]


def _turn(rng: random.Random, language: str, table: Table) -> Example:
    """One turn in another language."""
    weights = (
        {"new": 5.0, "counted": 1.0, "reply": 4.0}
        if not table
        else {"new": 1.2, "edit": 5, "variation": 1, "refine": 1, "reply": 3}
    )
    if len(table) > 1:
        weights["select" if table[-1].batch else "undo"] = 3
    kind = rng.choices(list(weights), list(weights.values()))[0]
    last = table[-1] if table else None
    phrases = PHRASES.get(kind, {}).get(language, [""])
    message = rng.choice(phrases)
    match kind:
        case "new":
            p, said = _spoken(rng, language)
            message, command = message.format(x=said), f"image: {p}"
        case "counted":
            p, said = _spoken(rng, language)
            n = rng.choice([2, 3, 4])
            template, numbers = _COUNTED[language]
            message, command = template.format(n=numbers[n - 2], x=said), f"image x{n}: {p}"
        case "select":
            j = rng.randrange(len(table))
            message, command = message.format(o=_ORDINALS[language][j], i=table[j].id), f"select {table[j].id}"
        case "reply":
            message = message.format(pl={"de": "Eulen"}.get(language, ""))
            said = gloss(message).lower()
            command = talk.answer(
                rng, table, next((heading for word, heading in _SMALL.items() if word in said), "facts")
            )
        case "edit":
            assert last is not None
            message, command = _edit(rng, language, last)
        case "undo":
            assert last is not None
            command = f"select {last.parent}"
        case _:
            assert last is not None
            command = f"{kind} {last.id}"
    return Example("plain" if kind == "reply" else "languages", TinyTurn(message, shown(table)), command)


def _edited(rng: random.Random, p: Picture) -> Picture:
    changed = p.copy()
    changed.adjectives = [rng.choice(COLOURS)[0]]
    return changed


def _edit(rng: random.Random, language: str, row: Row) -> tuple[str, str]:
    p = row.picture.copy()
    present = [(english, said) for english, said in THINGS if _item(english) in [*p.wears, *p.items]]
    kinds = [
        "colour",
        "place",
        "add",
        "style",
        "place",
        "named colour",
        "replace",
        *(["remove"] * 4 if present else []),
    ]
    kind = rng.choice(kinds)
    ask = rng.choice(PHRASES[kind][language])
    size = "large"
    names = next((said for english, said in NOUNS if english == p.noun), {language: p.noun})
    match kind:
        case "colour" | "named colour":
            english, said = rng.choice(COLOURS)
            p.adjectives, size, ask = [english], "small", ask.format(c=said[language], x=names[language])
        case "place":
            english, said = rng.choice(PLACES)
            p.place, ask = english, ask.format(p=said[language])
        case "add":
            english, said = rng.choice(THINGS)
            (p.wears if english.startswith("wearing") else p.items).append(_item(english))
            size, ask = "small", ask.format(t=said[language])
        case "remove":
            english, said = rng.choice(present)
            (p.wears if english.startswith("wearing") else p.items).remove(_item(english))
            size, ask = "small", ask.format(t=said[language])
        case "replace":
            noun, said = rng.choice(NOUNS)
            p.noun, p.kind, ask = noun, make.kind_of(noun), ask.format(x=names[language], y=said[language])
        case _:
            english, said = rng.choice(STYLES)
            p.medium, ask = english, ask.format(s=said[language])
    return ask, f"edit {row.id} {size}: {p}"


def _item(english: str) -> str:
    """ "wearing a hat" is the item "a hat"."""
    return english.partition(" ")[2]
