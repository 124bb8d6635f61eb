"""Innocent phrases in which no word is found, and disguised ones in which it is."""

import pytest

from bot.filtering.wordlist import WordList

ENTRIES = (
    """
damn hell ass dick cock tit tits bum dam crap arse sex nude penis anal anus rape homo bitch kill
boob puta culo hole butt coon spic wank fag cum hoe ho nazi shit*
""".strip()
    .replace("\n", " ")
    .split(" ")
)
WORDS = WordList(ENTRIES)

INNOCENT = """
Scunthorpe United
a cocktail in Penistone
the town of Clitheroe
Lightwater and Middlesex
Essex, Sussex and Wessex
a classic bass guitar
glass, grass and brass
the assassin assumes an assistant
an embassy of passengers
massive compass, hourglass
a peacock and a woodcock
hancock and hitchcock
shuttlecock over the net
cockpit of an airplane
a dickens novel
moby the whale
a titan and a titanium shell
title, petite, stitch
titmouse on a twig
an album of bumblebees
bumper cars
damsel in the damp garden
Amsterdam at night
a beaver's damaged house
scrap metal and skyscrapers
a parsec, a parsing tree
Marseille and coarse sand
sextant and sextet
a denuded hill
an analog analysis
canal boats, a banal signal
grapes, drapes and a trapeze
a therapist in a parachute
homogeneous milk, a homonym
a skilled painter
killjoy, killer whale, overkill
boobook owl
disputable reputation
a calculator, ridiculous
wholesome loopholes
a button, a butterfly, a butter dish
raccoon and cocoon
spice, hospice and auspicious
swanky hotel
fagotto, a bassoon
cucumber and document
cumulus clouds
shoes and horses' hooves
an echo of a choir
Nazareth
mishit, a cushion
click on the link
a clock with clean hands
clamp the clams
clay, clever clouds
burn, turn and return
a corner of the barn
darn the socks
modern lanterns in the morning
a stern captain, stubborn goats
horn, thorn and unicorn
a tavern with a fern
the county governor
a horno de barro
un horno de leña
savvy, navvy, revved engine
a vacuum and a continuum
a pen is on the desk
the pen is red, is it?
a b c d
as Sam said
as soon as possible
a son, as sung
an al dente pasta
an US flag
put a cat on a mat
he'll be there, she'll too
HE’LL and we’ll and they’ll
he'd, I'd, we'd
it's Tim's and the boss's
wasn''t it
l'amour, l'eau, d'accord, qu'il
c'est la vie, j'ai faim
rock 'n' roll
h e l l o
h e l l o   w o r l d
h e l l o w o r l d
h.e.l.l.o
H-E-L-L-O
H E L L O !
h 🔥 e 🔥 l 🔥 l 🔥 o
s h e l l
s.h.e.l.l
1 0 0 a s s e t s
1 0 0   a s s e t s
a s s e t s
a s s i s t
c l a s s
g r a s s
b a s s
p a s s
c o c k t a i l
p e a c o c k
t i t l e
t i t a n i c
d a m p
b u m b l e b e e
s c r a p
g r a p e
s k i l l
s e x t e t
b u t t e r f l y
b u t t o n
w h o l e
s p i c e
c u m u l u s
s h o e
a n a l y s i s
t h e p e n i s b l u e
A B C D E F G
x y z
vitamin a, b, c
plan A, plan B
U.S.S. Enterprise
e.g. a house, i.e. a home
a.k.a. the king
R.S.V.P.
P.S. I love you
455 apples
100 assets
4 5 5
a 5 5 grid
a 55 inch screen
as $5 or as 5$
80085
a 4x4 with 55 seats
1488 soldiers
50 x 50
3 + 4 = 7
f(x) = () + []
C++, C#, A+, 18+ and wow!
**bold** and 2*3
:-) and :( and ¯\\_(ツ)_/¯
a | fog:-0.5 | sky:0.3
{red} [blue] (green)
@alice and #art
Ich gehe gern in den Stern
Horn, Kern, fern und Zorn
die Straße mit Spaß und Maß
ein Kuckuck, eine Glocke
die Klasse, das Wasser
un chien et un chat
le cul-de-sac
une classe d'assassins
culotte courte
una puerta y una computadora
calculo, ridículo, artículo
el oso come pasto
o culote e a pausa
un titolo, un analista
kaas en glas
en hund och en katt
jeg liker å male
kissa ja koira
pies i kot, a w z i o
kedi ve köpek
собака и кошка
дамп памяти
и я, и ты, и мы
он пил чай с нами
рука и нога
γάτα και σκύλος
ο ήλιος και η θάλασσα
כלב וחתול
قط وكلب صغير
一只猫和一只狗
犬と猫がいる
개와 고양이
หมาและแมว
कुत्ता और बिल्ली
maður og kona
þetta er hundur
""".strip().splitlines()

DISGUISED = """
da mn
d amn
dam n
d a mn
the da mn dog
a d amn dog
the x d amn dog
a s hit
da, mn
a picture of da, mn
da | mn
da\tmn
da  mn
da. mn
da-mn
da'mn
d'amn
he ll
hel l
as s
a ss
sh it
sh itty
pe nis
pen!s
di ck
co ck
bi tch
b itch
cr ap
ra p e
darnn
a darnn dog
clamn
clarnn
d a r n n
curn
vvank
ðamn
∂amn
dаmи
DAMИ
damИ
ДAMN
dλmn
dαmπ
§hit
©rap
bu††
†i†s
dam₦
|)amn
/\\ss
/\\nal
h()le
|-|ell
\u202enmad\u202c
a \u202enmad\u202c dog
da\u202enm\u202c
\u202enmad
\u2066damn\u2069
\u202en\u202dam\u202cd
d a m n
d.a.m.n
d-a-m-n
a d a m n shame
i d a m n it
1 0 0 a s s
1 0 0 d a m n
5 d a m n dogs
d a m n 5
d a m n y o u
d a m n   y o u
y o u d a m n f o o l
g o t o h e l l
h e l l y e a h
$ h i t
d @ m m n
d🔥a🔥m🔥n
d 4 m n
da mмn
""".strip("\n").splitlines()


def test_the_corpus_is_large():
    assert len(set(INNOCENT)) >= 150


@pytest.mark.parametrize("text", INNOCENT)
def test_an_innocent_phrase_passes(text: str):
    assert WORDS.first_in(text) is None


@pytest.mark.parametrize("text", DISGUISED)
def test_a_disguised_word_is_found(text: str):
    assert WORDS.first_in(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "da mn " * 600,
        "d a m " * 700,
        "a s " * 1000,
        "rn" * 2000,
        "d a r n " * 500,
        "h e l l o " * 400,
        "\u202en\u202d" * 1300,
        "ass et " * 500,
        "a " * 2000,
        "the " * 1000,
        "t h e " * 700,
        "()" * 2000,
    ],
)
def test_long_texts_end(text: str):
    many = WordList([f"{word}{number}" for word in ENTRIES[:-1] for number in range(30)])
    assert many.first_in(text) is None
