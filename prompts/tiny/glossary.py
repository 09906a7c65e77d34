"""Word-by-word English for messages in other languages.

The tiny model reads English. A table of everyday words turns "Zeichne einen Fuchs im Schnee" into "draw a
fox in the snow", which is enough for it to see what is wanted and to describe it in English; words that
are not in the table stay as they are. Only messages that look foreign are touched.
"""

# ruff: noqa: E501 -- one row of the table is one line

from __future__ import annotations

import re
from functools import cache

LANGUAGES = ("de", "fr", "es", "it", "pt", "nl", "zh", "ja")

# english | de | fr | es | it | pt | nl | zh | ja; several forms are separated by slashes
_TABLE = """
a|ein/eine/einen/einem/einer|un/une|un/una|un/una/uno|um/uma|een|一个/一只/一条/一辆/一座/一张/一艘/一朵/一棵/一头/一匹/一架/一本/一把/一位/一顶|
the|der/die/das/den/dem/des|le/la/les/l'|el/la/los/las|il/lo/la/gli/le/l'|o/os/as|de/het||
and|und|et|y/e|e/ed|e|en|和/与|と
with|mit|avec|con|con|com|met|带着/带/有|のある/付きの
without|ohne|sans|sin|senza|sem|zonder|没有/不要|なしの/なしで/なし
in|in/im|dans/en|en|in/nel/nella/nello/nell'|em/no/na/num/numa|in|在/里|の中の/の中で/の中に/の中
on|auf/am|sur|sobre/encima de|su/sul/sulla/sullo|sobre/em cima de|op|上/上面|の上の/の上に/の上
under|unter|sous|bajo/debajo de|sotto|sob/debaixo de|onder|下面/下|の下の/の下に
next to|neben|à côté de|junto a/al lado de|accanto a/vicino a|ao lado de/perto de|naast|旁边|の隣の/の隣に
behind|hinter|derrière|detrás de|dietro|atrás de|achter|后面|の後ろの/の後ろに
of|von|de/du/d'|de/del|di/del/della/dell'|de/do/da|van|的|の
that|das da/jenes|ça/cela|eso/que|quello/che|isso/que|dat/die|那个|それ/その
it|es|le/lo|lo/la|lo/la|ele/isso|het/hem|它|それを
this|dieses/diesen/diese/dies|ce/cette/ceci|este/esta/esto|questo/questa|este/esta/isto|dit/deze|这个/这|これ/この
but|aber/jedoch|mais|pero|ma|mas|maar|但是/但|でも/だけど
more|mehr|plus/davantage|más|più|mais|meer|更多/更|もっと/より
please|bitte|s'il te plaît/s'il vous plaît/stp|por favor|per favore/per piacere|por favor|graag/alsjeblieft/alstublieft|请|ください/お願いします/お願い
thank you|danke/vielen dank|merci|gracias|grazie|obrigado/obrigada|bedankt/dank je/dank je wel|谢谢|ありがとう/ありがとうございます
hello|hallo|bonjour/salut|hola|ciao/buongiorno|olá/oi|hallo/hoi|你好|こんにちは
now|jetzt/nun|maintenant|ahora|adesso/ora|agora|nu|现在|今度は/今
again|nochmal/noch einmal|encore/à nouveau|otra vez/de nuevo|ancora/di nuovo|de novo/outra vez|nog een keer/opnieuw|再来一张/再试一次/再来一次|もう一度/もう一回/もう一枚
another|noch ein/noch eine/noch einen/noch eins|encore un/encore une/un autre/une autre|otro/otra|un altro/un'altra|outro/outra|nog een|另一个/另一张|別の/もう一つの
draw|zeichne/zeichnen/male/malen|dessine/dessiner/dessinez|dibuja/dibujar/dibújame/pinta|disegna/disegnare/disegnami/dipingi|desenhe/desenha/desenhar/pinte|teken/tekenen/schilder|画/绘制|を描いて/描いて/を描く
make|mach/mache/machen/erstelle|fais/faire/faites/mets|haz/hacer/hazlo/crea/ponlo|fai/fare/fallo/crea|faça/fazer/deixe/crie|maak/maken|做/让/变成/改成/换成|にして/に変えて/にする/に変更して/作って
show me|zeig mir/zeige mir|montre-moi/montrez-moi|muéstrame/enséñame|mostrami/mi fai vedere/fammi vedere|me mostre/mostre|laat me zien/toon|给我看/来|を見せて/見せて
i want to see|ich möchte sehen/ich will sehen|je veux voir/je voudrais voir|quiero ver|voglio vedere/vorrei vedere|quero ver|ik wil zien|我想看/想看|が見たい/を見たい
i would like|ich möchte/ich hätte gern/ich hätte gerne|je voudrais/j'aimerais|quisiera/me gustaría|vorrei/mi piacerebbe|eu gostaria/gostaria|ik zou graag/ik wil graag|我想要/想要|がほしい/が欲しい
i like|ich mag/mir gefällt|j'aime/me plaît|me gusta|mi piace|gosto de/gosto da/gosto do|ik vind mooi/ik hou van|我喜欢|が好き/がいい
i choose|ich nehme/nimm/ich wähle|je prends/je choisis/prends|elijo/escojo|scelgo/prendo/prendi|escolho|ik kies/ik neem/neem|选/就要/选择|にします/を選ぶ
add|füge hinzu/ergänze|ajoute/ajouter/rajoute/ajoutez/ajoute-lui|añade/agrega/ponle|aggiungi/mettici|adicione/acrescente/coloque|voeg toe|加上/添加/再加/加|を追加して/を足して/をつけて/も入れて/追加して
remove|entferne/entfern/nimm weg|enlève/retire/supprime|quita/elimina|togli/rimuovi/elimina|tire/remova|verwijder/haal weg|去掉/删除/移除|を消して/を取って/を削除して
change|ändere/ändern|change/changer|cambia/cambiar|cambia/cambiare|mude/mudar|verander|改变/改|を変えて/変えて
instead|stattdessen/lieber|plutôt/à la place|en vez de eso/mejor|invece/piuttosto|em vez disso/melhor|liever/in plaats daarvan|代替|代わりに/の代わりに
back to|zurück zu/zurück zum/zurück zur|reviens à/retour à|vuelve a/volver a|torna a/torna all'|volte para/volta para|terug naar|回到|に戻って
undo|rückgängig/mach das rückgängig/zurück|annule/annuler/reviens en arrière|deshacer/deshazlo/vuelve atrás|annulla/torna indietro|desfazer/desfaça/volte atrás|ongedaan maken/maak ongedaan/ga terug|撤销/撤回/回到上一张|元に戻して/取り消して/一つ前に戻って
the previous one was better|das vorherige war besser/vorher war es besser|c'était mieux avant|antes estaba mejor|prima era meglio|antes estava melhor|het vorige was beter|之前的更好/刚才的更好|前の方がよかった
the same|das gleiche/dasselbe/gleiche|la même chose/le même/la même|lo mismo/el mismo|lo stesso/la stessa|o mesmo/a mesma|hetzelfde/dezelfde|一样的/同样的|同じもの/同じ
more like this|mehr davon/etwas ähnliches/ähnliche|d'autres comme ça/quelque chose de similaire|más como este/algo parecido/más como esta|altri come questo/qualcosa di simile|mais como este/algo parecido|meer zoals dit/iets soortgelijks|更多类似的/类似的|似たようなものをもっと/似たもの
another version|eine andere version/andere fassung|une autre version/une variante|otra versión/una variación|un'altra versione/una variante|outra versão/uma variação|een andere versie/een variant|换一个版本/另一个版本|別のバージョン/他のバージョン
better quality|bessere qualität/qualität verbessern/verbessere die qualität|améliore la qualité/meilleure qualité|mejora la calidad/mejor calidad|migliora la qualità/qualità migliore|melhore a qualidade/melhor qualidade|verbeter de kwaliteit/betere kwaliteit|提高画质/更高画质|画質を上げて/高画質
sharper|schärfer|plus net/plus nette|más nítido/más nítida|più nitido/più nitida|mais nítido/mais nítida|scherper|更清晰|もっと鮮明に/鮮明
higher resolution|höhere auflösung|meilleure résolution/plus haute résolution|mayor resolución/más resolución|risoluzione più alta|maior resolução|hogere resolutie|高清/更高分辨率|高解像度
more details|mehr details|plus de détails|más detalles|più dettagli|mais detalhes|meer details|更多细节|もっと詳細に/細かく
picture|bild/bilder|image/images|imagen/imágenes|immagine/immagini|imagem/imagens|plaatje/plaatjes/afbeelding/tekening|图片/图/画像|絵/画像
first|erste/ersten/erstes|première/premier|primera/primero|prima/primo|primeira/primeiro|eerste|第一张/第一个|一番目/最初の/一枚目
second|zweite/zweiten/zweites|deuxième/seconde|segunda/segundo|seconda/secondo|segunda/segundo|tweede|第二张/第二个|二番目/二枚目
third|dritte/dritten/drittes|troisième|tercera/tercero|terza/terzo|terceira/terceiro|derde|第三张/第三个|三番目/三枚目
fourth|vierte/vierten/viertes|quatrième|cuarta/cuarto|quarta/quarto|quarta/quarto|vierde|第四张|四番目
last|letzte/letzten|dernière/dernier|última/último|ultima/ultimo|última/último|laatste|最后一张|最後の
one|eins|celui/celle|uno|quello/quella|aquele/aquela|||
two|zwei|deux|dos|due|dois/duas|twee|两张/两/二|二枚/二つ
three|drei|trois|tres|tre|três|drie|三张/三|三枚/三つ
four|vier|quatre|cuatro|quattro|quatro|vier|四张/四|四枚/四つ
best|am besten|le mieux/mieux|mejor|meglio/migliore|melhor|beste|最好|一番いい
color|farbe|couleur|color|colore|cor|kleur|颜色|色
background|hintergrund|fond/arrière-plan|fondo|sfondo|fundo|achtergrond|背景|背景
style|stil|style|estilo|stile|estilo|stijl|风格|風
red|rot/rote/roten/roter/rotes|rouge/rouges|rojo/roja|rosso/rossa|vermelho/vermelha|rood/rode|红色的/红色/红|赤い/赤
blue|blau/blaue/blauen/blauer/blaues|bleu/bleue|azul|blu/azzurro|azul|blauw/blauwe|蓝色的/蓝色/蓝|青い/青
green|grün/grüne/grünen/grüner/grünes|vert/verte|verde|verde|verde|groen/groene|绿色的/绿色/绿|緑の/緑
yellow|gelb/gelbe/gelben/gelber/gelbes|jaune|amarillo/amarilla|giallo/gialla|amarelo/amarela|geel/gele|黄色的/黄色|黄色い/黄色
black|schwarz/schwarze/schwarzen/schwarzer/schwarzes|noir/noire|negro/negra|nero/nera|preto/preta|zwart/zwarte|黑色的/黑色/黑|黒い/黒
white|weiß/weiße/weißen/weißer/weißes|blanc/blanche|blanco/blanca|bianco/bianca|branco/branca|wit/witte|白色的/白色/白|白い/白
pink|rosa|rose|rosa|rosa|rosa/cor-de-rosa|roze|粉色的/粉色/粉红色|ピンクの/ピンク
purple|lila/violett|violet/violette|morado/morada|viola|roxo/roxa|paars/paarse|紫色的/紫色|紫の/紫
orange|orangefarben|orangé|naranja|arancione|laranja|oranje|橙色的/橙色|オレンジ色の/オレンジ色
golden|golden/goldene/goldenen/goldener|doré/dorée|dorado/dorada|dorato/dorata|dourado/dourada|gouden|金色的/金色|金色の/金色
big|groß/große/großen/großer/großes/größer|grand/grande/plus grand|grande/más grande|grande/più grande|grande/maior|groot/grote/groter|大的/大|大きな/大きい/大きく
small|klein/kleine/kleinen/kleiner/kleines|petit/petite/plus petit|pequeño/pequeña/más pequeño|piccolo/piccola/più piccolo|pequeno/pequena/menor|klein/kleine/kleiner|小的/小|小さな/小さい/小さく
old|alt/alte/alten/alter/altes|vieux/vieille|viejo/vieja|vecchio/vecchia|velho/velha|oud/oude|老的/旧的/老|古い
happy|fröhlich/glücklich/fröhlicher|heureux/joyeux|feliz/alegre|felice/allegro|feliz|blij/vrolijk|开心的/快乐的|楽しそうな/幸せな
sad|traurig/traurige|triste|triste|triste|triste|verdrietig|悲伤的|悲しい
cute|süß/niedlich/süße|mignon/mignonne|lindo/linda|carino/carina|fofo/fofa|schattig/schattige|可爱的|かわいい/可愛い
beach|strand|plage|playa|spiaggia|praia|strand|海滩/沙滩|浜辺/ビーチ
sea|meer|mer|mar|mare|mar|zee|大海/海|海
snow|schnee|neige|nieve|neve|neve|sneeuw|雪地/下雪/下雪天/雪|雪
snowing|schneien/schneit|neiger|nevando|nevicare|nevar|sneeuwen|下雪的|雪が降る
forest|wald|forêt|bosque|bosco/foresta|floresta|bos|森林|森
desert|wüste|désert|desierto|deserto|deserto|woestijn|沙漠|砂漠
meadow|wiese|prairie/pré|prado|prato|prado|weide|草地|草原
mountain|berg/berge/gebirge|montagne/montagnes|montaña/montañas|montagna/montagne|montanha/montanhas|berg/bergen|山|山
city|stadt|ville|ciudad|città|cidade|stad|城市|街/都市
village|dorf|village|pueblo|villaggio/paese|vila/aldeia|dorp|村庄|村
garden|garten|jardin|jardín|giardino|jardim|tuin|花园|庭
river|fluss|rivière|río|fiume|rio|rivier|河|川
lake|see|lac|lago|lago|lago|meer|湖|湖
moon|mond|lune|luna|luna|lua|maan|月球/月亮|月
sun|sonne|soleil|sol|sole|sol|zon|太阳|太陽
star|stern|étoile|estrella|stella|estrela|ster|星星|星
stars|sterne|étoiles|estrellas|stelle|estrelas|sterren|群星|星々
sky|himmel|ciel|cielo|cielo|céu|lucht/hemel|天空|空
space|weltraum/weltall|espace|espacio|spazio|espaço|ruimte|太空|宇宙
at night|bei nacht/nachts/in der nacht|de nuit/la nuit|de noche/por la noche|di notte|à noite/de noite|'s nachts|晚上/夜晚/夜里|夜の/夜に/夜
at sunset|bei sonnenuntergang|au coucher du soleil|al atardecer|al tramonto|ao pôr do sol|bij zonsondergang|日落时/日落|夕暮れの/夕暮れ/夕日
at dawn|im morgengrauen|à l'aube|al amanecer|all'alba|de madrugada/ao amanhecer|bij zonsopgang|黎明/日出时|夜明けの/夜明け
in the rain|im regen|sous la pluie|bajo la lluvia|sotto la pioggia|na chuva|in de regen|雨中/下雨|雨の中の/雨の中/雨
in the fog|im nebel|dans le brouillard|en la niebla|nella nebbia|na névoa|in de mist|雾中|霧の中の/霧の中
in winter|im winter|en hiver|en invierno|in inverno|no inverno|in de winter|冬天|冬の/冬
in autumn|im herbst|en automne|en otoño|in autunno|no outono|in de herfst|秋天|秋の/秋
in spring|im frühling|au printemps|en primavera|in primavera|na primavera|in de lente|春天|春の/春
in summer|im sommer|en été|en verano|in estate|no verão|in de zomer|夏天|夏の/夏
under water|unter wasser|sous l'eau|bajo el agua|sott'acqua|debaixo d'água|onder water|水下|水中の/水中
kitchen|küche|cuisine|cocina|cucina|cozinha|keuken|厨房|台所/キッチン
dog|hund/hunde|chien/chiens|perro/perros|cane/cani|cachorro/cão|hond/honden|狗|犬/いぬ
cat|katze/katzen|chat/chats|gato/gatos/gata|gatto/gatti|gato/gatos|kat/katten/poes|猫|猫/ねこ
kitten|kätzchen|chaton|gatito|gattino|gatinho|kitten|小猫|子猫
puppy|welpe|chiot|cachorrito|cucciolo|filhote|puppy|小狗|子犬
horse|pferd|cheval|caballo|cavallo|cavalo|paard|马|馬
cow|kuh|vache|vaca|mucca|vaca|koe|奶牛/牛|牛
pig|schwein|cochon|cerdo|maiale|porco|varken|猪|豚
sheep|schaf|mouton|oveja|pecora|ovelha|schaap|羊|羊
fox|fuchs|renard|zorro|volpe|raposa|vos|狐狸|狐/キツネ
wolf|wolf|loup|lobo|lupo|lobo|wolf|狼|狼
bear|bär/bären|ours|oso|orso|urso|beer|熊|熊/クマ
lion|löwe/löwen|lion|león|leone|leão|leeuw|狮子|ライオン
tiger|tiger|tigre|tigre|tigre|tigre|tijger|老虎|虎/トラ
elephant|elefant/elefanten|éléphant|elefante|elefante|elefante|olifant|大象|象/ゾウ
monkey|affe/affen|singe|mono|scimmia|macaco|aap|猴子|猿/サル
rabbit|hase/hasen/kaninchen|lapin|conejo|coniglio|coelho|konijn|兔子|うさぎ/ウサギ
squirrel|eichhörnchen|écureuil|ardilla|scoiattolo|esquilo|eekhoorn|松鼠|リス
hedgehog|igel|hérisson|erizo|riccio|ouriço|egel|刺猬|ハリネズミ
mouse|maus|souris|ratón|topo|rato|muis|老鼠|ねずみ/ネズミ
owl|eule|hibou/chouette|búho/lechuza|gufo|coruja|uil|猫头鹰|フクロウ/ふくろう
bird|vogel/vögel|oiseau/oiseaux|pájaro/pájaros|uccello/uccelli|pássaro/pássaros|vogel/vogels|鸟|鳥
penguin|pinguin|pingouin/manchot|pingüino|pinguino|pinguim|pinguïn|企鹅|ペンギン
parrot|papagei|perroquet|loro|pappagallo|papagaio|papegaai|鹦鹉|オウム
duck|ente|canard|pato|anatra|pato|eend|鸭子|アヒル
fish|fisch/fische|poisson/poissons|pez/peces|pesce/pesci|peixe/peixes|vis/vissen|鱼|魚
whale|wal|baleine|ballena|balena|baleia|walvis|鲸鱼|クジラ
dolphin|delfin|dauphin|delfín|delfino|golfinho|dolfijn|海豚|イルカ
frog|frosch|grenouille|rana|rana|sapo/rã|kikker|青蛙|カエル
turtle|schildkröte|tortue|tortuga|tartaruga|tartaruga|schildpad|乌龟|亀/カメ
butterfly|schmetterling|papillon|mariposa|farfalla|borboleta|vlinder|蝴蝶|蝶
bee|biene|abeille|abeja|ape|abelha|bij|蜜蜂|蜂
spider|spinne|araignée|araña|ragno|aranha|spin|蜘蛛|クモ
snake|schlange|serpent|serpiente|serpente|cobra|slang|蛇|蛇
dragon|drache/drachen|dragon|dragón|drago|dragão|draak|龙|ドラゴン/竜
unicorn|einhorn|licorne|unicornio|unicorno|unicórnio|eenhoorn|独角兽|ユニコーン
man|mann|homme|hombre|uomo|homem|man|男人|男
woman|frau|femme|mujer|donna|mulher|vrouw|女人|女
boy|junge|garçon|niño/chico|ragazzo/bambino|menino|jongen|男孩|男の子
girl|mädchen|fille|niña/chica|ragazza/bambina|menina|meisje|女孩|女の子
child|kind|enfant|crío|bimbo|criança|kind|孩子|子供
king|könig|roi|rey|re|rei|koning|国王|王様
queen|königin|reine|reina|regina|rainha|koningin|女王|女王
knight|ritter|chevalier|caballero|cavaliere|cavaleiro|ridder|骑士|騎士
witch|hexe|sorcière|bruja|strega|bruxa|heks|女巫|魔女
pirate|pirat/piraten|pirate|pirata|pirata|pirata|piraat|海盗|海賊
astronaut|astronaut/astronauten|astronaute|astronauta|astronauta|astronauta|astronaut|宇航员|宇宙飛行士
robot|roboter|robot|robot|robot|robô|robot|机器人|ロボット
car|auto|voiture|coche/carro|macchina/auto/automobile|carro|auto|汽车/车|車
train|zug|train|tren|treno|trem/comboio|trein|火车|電車/列車
boat|boot|bateau|barco|barca|barco|boot|船|船/ボート
ship|schiff|navire|buque|nave|navio|schip|轮船|大きな船
sailboat|segelboot|voilier|velero|barca a vela|veleiro|zeilboot|帆船|ヨット
bicycle|fahrrad|vélo/bicyclette|bicicleta/bici|bicicletta/bici|bicicleta|fiets|自行车|自転車
airplane|flugzeug|avion|avión|aereo|avião|vliegtuig|飞机|飛行機
rocket|rakete|fusée|cohete|razzo|foguete|raket|火箭|ロケット
house|haus/häuser|maison|casa|casa|casa|huis|房子|家
castle|schloss/burg|château|castillo|castello|castelo|kasteel|城堡|お城/城
lighthouse|leuchtturm|phare|faro|faro|farol|vuurtoren|灯塔|灯台
tower|turm|tour|torre|torre|torre|toren|塔|塔
church|kirche|église|iglesia|chiesa|igreja|kerk|教堂|教会
bridge|brücke|pont|puente|ponte|ponte|brug|桥|橋
window|fenster|fenêtre|ventana|finestra|janela|raam|窗户|窓
door|tür|porte|puerta|porta|porta|deur|门|ドア
tree|baum/bäume|arbre/arbres|árbol/árboles|albero/alberi|árvore/árvores|boom/bomen|树|木
flower|blume|fleur|flor|fiore|flor|bloem|花朵|花
flowers|blumen|fleurs|flores|fiori|flores|bloemen|鲜花/花|花々
rose|rose|rose|rosa|rosa|rosa|roos|玫瑰|バラ
sunflower|sonnenblume|tournesol|girasol|girasole|girassol|zonnebloem|向日葵|ひまわり
cactus|kaktus|cactus|cactus|cactus|cacto|cactus|仙人掌|サボテン
mushroom|pilz|champignon|seta/hongo|fungo|cogumelo|paddenstoel|蘑菇|キノコ
cake|kuchen/torte|gâteau|pastel/tarta|torta|bolo|taart|蛋糕|ケーキ
pizza|pizza|pizza|pizza|pizza|pizza|pizza|披萨|ピザ
bread|brot|pain|pan|pane|pão|brood|面包|パン
apple|apfel|pomme|manzana|mela|maçã|appel|苹果|りんご
banana|banane|banane|plátano|banana|banana|banaan|香蕉|バナナ
coffee|kaffee|café|café|caffè|café|koffie|咖啡|コーヒー
ice cream|eis|glace|helado|gelato|sorvete|ijs|冰淇淋|アイスクリーム
book|buch|livre|libro|libro|livro|boek|书|本
table|tisch|table|mesa|tavolo|mesa|tafel|桌子|テーブル
chair|stuhl|chaise|silla|sedia|cadeira|stoel|椅子|椅子
clock|uhr|horloge|reloj|orologio|relógio|klok|时钟|時計
piano|klavier|piano|piano|pianoforte|piano|piano|钢琴|ピアノ
guitar|gitarre|guitare|guitarra|chitarra|violão/guitarra|gitaar|吉他|ギター
balloon|luftballon|ballon|globo|palloncino|balão|ballon|气球|風船
umbrella|regenschirm|parapluie|paraguas|ombrello|guarda-chuva|paraplu|雨伞|傘
hat|hut|chapeau|sombrero|cappello|chapéu|hoed|帽子|帽子
wearing a hat|mit hut|avec un chapeau|con sombrero|con il cappello|de chapéu|met een hoed|戴帽子的/戴帽子|帽子をかぶった
crown|krone|couronne|corona|corona|coroa|kroon|王冠|王冠
scarf|schal|écharpe|bufanda|sciarpa|cachecol|sjaal|围巾|マフラー
glasses|brille|lunettes|gafas|occhiali|óculos|bril|眼镜|眼鏡
rainbow|regenbogen|arc-en-ciel|arcoíris|arcobaleno|arco-íris|regenboog|彩虹|虹
snowman|schneemann|bonhomme de neige|muñeco de nieve|pupazzo di neve|boneco de neve|sneeuwpop|雪人|雪だるま
fire|feuer|feu|fuego|fuoco|fogo|vuur|火|火
cloud|wolke|nuage|nube|nuvola|nuvem|wolk|云|雲
clouds|wolken|nuages|nubes|nuvole|nuvens|wolken|云彩|雲々
who|der/die gerade|qui|que|che|que|die||
reading|liest|lit|leyendo/que lee|che legge/leggendo|lendo/que lê|leest|读/看书的|を読む/を読んでいる
sleeping|schläft/schlafend|dort/endormi|durmiendo/dormido|che dorme/dormendo|dormindo|slaapt/slapend|睡觉的/睡觉|眠る/寝ている
dancing|tanzt/tanzend|danse|bailando|che balla/ballando|dançando|danst/dansend|跳舞的/跳舞|踊る/踊っている
flying|fliegt/fliegend|vole|volando|che vola/volando|voando|vliegt/vliegend|飞翔的/飞|飛ぶ/飛んでいる
running|rennt/läuft|court|corriendo|che corre/correndo|correndo|rent|奔跑的/跑步|走る/走っている
sitting|sitzt/sitzend|assis/assise|sentado/sentada|seduto/seduta|sentado/sentada|zit/zittend|坐着的/坐|座る/座っている
playing|spielt|joue|jugando/tocando|che gioca/che suona|jogando/tocando|speelt|玩/弹|遊ぶ/弾く
eating|isst/frisst|mange|comiendo|che mangia/mangiando|comendo|eet|吃|食べる/食べている
as a watercolor|als aquarell|à l'aquarelle/en aquarelle|en acuarela|ad acquerello/come acquerello|em aquarela|als aquarel|水彩画风格/水彩|水彩画風/水彩画
as a pencil sketch|als bleistiftzeichnung|au crayon|a lápiz|a matita|a lápis|als potloodtekening|铅笔素描/素描|鉛筆画風/鉛筆画
as a cartoon|als comic|en dessin animé/en bande dessinée|como dibujo animado|come cartone animato|como desenho animado|als cartoon|卡通风格/卡通|漫画風/アニメ風
as an oil painting|als ölgemälde|en peinture à l'huile|como pintura al óleo|come dipinto a olio|como pintura a óleo|als olieverfschilderij|油画风格/油画|油絵風/油絵
as a photo|als foto|en photo|como foto/como fotografía|come foto|como foto|als foto|照片风格/照片|写真風/写真
write a poem about|schreib ein gedicht über|écris un poème sur|escribe un poema sobre|scrivi una poesia su/scrivi una poesia sull'|escreva um poema sobre|schrijf een gedicht over|写一首诗/写一首关于|についての詩を書いて/詩を書いて
how are you|wie geht es dir/wie geht's|comment ça va/ça va|cómo estás/qué tal|come stai|como vai/tudo bem|hoe gaat het|你好吗|元気ですか
what is|was ist|qu'est-ce que|qué es|cos'è/che cos'è|o que é|wat is|是什么/什么是|とは/って何
how|wie|comment|cómo|come|como|hoe|怎么|どうやって/どう
why|warum|pourquoi|por qué|perché|por que|waarom|为什么|なぜ/どうして
who is|wer ist|qui est|quién es|chi è|quem é|wie is|谁是|誰
who painted|wer hat gemalt|qui a peint|quién pintó|chi ha dipinto|quem pintou|wie schilderde|谁画的|描いたのは誰
where|wo|où|dónde|dove|onde|waar|哪里|どこ
when|wann|quand|cuándo|quando|quando|wanneer|什么时候|いつ
how many|wie viele|combien|cuántos/cuántas|quanti/quante|quantos/quantas|hoeveel|多少|いくつ
capital|hauptstadt|capitale|capital|capitale|capital|hoofdstad|首都|首都
explain|erklär/erkläre/erklär mir|explique/explique-moi|explica/explícame|spiega/spiegami|explique|leg uit|解释|説明して/について教えて
very beautiful|sehr schön/wunderschön|très joli/très beau|muy bonito/muy bonita|molto bello/molto bella|muito bonito/muito bonita|heel mooi|很漂亮/真漂亮|とてもきれい/とても素敵/素敵
great|toll/super/klasse|super/génial|genial/estupendo|fantastico/ottimo|ótimo/legal|geweldig|太棒了/很好/不错|すごい/最高
perfect|perfekt|parfait|perfecto|perfetto|perfeito|perfect|完美|完璧
i am not sure|ich bin nicht sicher/weiß nicht|je ne suis pas sûr/je ne sais pas|no estoy seguro/no sé|non sono sicuro/non so|não tenho certeza/não sei|ik weet het niet|不太确定/不确定|どうかな/わからない
goodbye|tschüss/auf wiedersehen|au revoir|adiós|arrivederci|tchau/adeus|tot ziens/doei|再见|さようなら
""".strip()

_ENGLISH = frozenset(
    [
        "a",
        "an",
        "the",
        "and",
        "with",
        "without",
        "in",
        "on",
        "of",
        "it",
        "this",
        "that",
        "make",
        "draw",
        "please",
        "show",
        "me",
        "is",
        "are",
        "to",
        "you",
        "can",
        "i",
        "my",
        "we",
        "for",
        "at",
        "as",
        "but",
        "not",
        "now",
        "give",
        "add",
        "put",
        "what",
        "how",
        "why",
        "who",
        "where",
        "when",
        "which",
        "want",
        "like",
        "him",
        "her",
        "them",
        "its",
        "his",
        "one",
        "please",
        "no",
        "yes",
        "some",
        "more",
        "be",
        "do",
        "does",
        "let",
        "turn",
        "into",
        "instead",
        "image",
        "restore",
        "use",
        "picture",
    ]
)


@cache
def glossary(language: str) -> dict[str, str]:
    """The language's words and phrases with their English."""
    column = LANGUAGES.index(language) + 1
    found: dict[str, str] = {}
    for line in _TABLE.splitlines():
        cells = line.split("|")
        for form in cells[column].split("/") if column < len(cells) else []:
            if form and form not in found:
                found[form] = cells[0]
    return found


@cache
def _pattern(language: str) -> re.Pattern[str]:
    forms = sorted(glossary(language), key=len, reverse=True)
    if language in ("zh", "ja"):
        return re.compile("|".join(map(re.escape, forms)))
    alternatives = "|".join(re.escape(f) if f.endswith("'") else re.escape(f) + r"(?!\w)" for f in forms)
    return re.compile(rf"(?<![\w'])(?:{alternatives})", re.IGNORECASE)


def foreign_language(text: str) -> str | None:
    """Which language a message seems to be in; None for English and for what cannot be told."""
    if re.search(r"[぀-ヿ]", text):
        return "ja"
    if re.search(r"[一-鿿]", text):
        return "zh"
    plain = text.replace("’", "'").lower()
    words = re.findall(r"[^\W\d_]+", plain)
    english = sum(w in _ENGLISH for w in words)
    hits = {language: _weight(language, plain) for language in LANGUAGES[:6]}
    best = max(hits, key=lambda language: hits[language])
    foreign_letters = bool(re.search(r"[äöüßçñãõ¿¡éèêáíóúàìòù]", plain))
    return best if hits[best] > 1.5 * english and (hits[best] > 1 or foreign_letters or len(words) <= 2) else None


def _weight(language: str, text: str) -> int:
    """Words of the message that the language's glossary turns into something else."""
    words = glossary(language)
    matches = (m[0].lower() for m in _pattern(language).finditer(text))
    return sum(len(m.split()) for m in matches if words.get(m, m) != m)


def gloss(text: str) -> str:
    """Put a foreign message into word-by-word English; English comes back unchanged."""
    language = foreign_language(text)
    if language is None:
        return text
    words = glossary(language)
    plain = text.replace("’", "'")
    if language in ("zh", "ja"):
        replaced = _pattern(language).sub(lambda m: f" {words[m[0]]} ", plain)
        return re.sub(r"\s+", " ", replaced.translate(str.maketrans("，。？！：", ",.?!:"))).strip()
    spaced = _pattern(language).sub(lambda m: words[m[0].lower()] + (" " if m[0].endswith("'") else ""), plain)
    return re.sub(r"\s+", " ", spaced).strip()
