"""Short forms and spellings of first names, in Spanish and in English."""

from __future__ import annotations

# First the name, then what people also call who bears it; all folded.
_NAMES = """
alberto berto
alejandro alex jandro
alejandra sandra
alfonso fonso
ana ann anne annie anita
andres andy
antonio tony tonio toni antonia
anthony tony
beatriz bea
benjamin ben benja
carolina carol caro
catherine kate cathy katie kathy katherine
charles charlie chuck
christopher chris
concepcion concha conchi conchita
consuelo chelo
cristina cris
daniel dani dan danny
david dave
dolores lola loli lolita
edward ed eddie ted
eduardo edu lalo
elizabeth liz beth betty lizzie eliza
encarnacion encarna encarni
enrique quique kike
esperanza espe
eulalia laia lali
felipe pipe
fernando fer nando
francisco paco fran curro pancho quico kiko fco francesc xisco
francisca paca paqui
gabriel gabi
gregorio goyo
guadalupe lupe
guillermo guille willy memo
ignacio nacho iñaki inaki
inmaculada inma
isabel isa bel chabela
jacobo yago
james jim jimmy jamie
javier javi xavier
jesus chus suso chuy
joaquin quino ximo joaquim
john jack johnny
jose pepe josep pepin
josefa pepa
joseph joe joey
juan juanito joan
lawrence larry
leonardo leo
luis lucho lluis
manuel manolo manu lolo
margaret maggie peggy meg
margarita marga
maria ma mary
mercedes merche mercè merce
michael mike mick mickey
miguel miki
milagros mila
montserrat montse
nicolas nico
patricia patri pat patty
patrick pat paddy
pedro perico
pilar pili
rafael rafa
ramon moncho
remedios reme
richard dick rick ricky
robert bob bobby rob robbie bert
roberto rober beto
rosario charo
salvador salva
samuel sam sammy
santiago santi yago
sebastian sebas
sergio sergi
stephen steve steven
susana susi
teresa tere maite
thomas tom tommy
tomas tomi
vicente chente vicent
victoria vicky vito
william bill billy will willie
"""


def _read() -> dict[str, str]:
    known: dict[str, str] = {}
    for line in _NAMES.split("\n"):
        words = line.split()
        for word in words:
            # A short form of two names stands for the first of them.
            known.setdefault(word, words[0])
    return known


NICKNAMES = _read()
