"""More than five hundred hostile input values, in families.

``VALUES_BY_FAMILY`` maps the name of a family to its values; ``ALL_VALUES`` holds (family, value).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product

from tests.sampling import IS_FULL, chance, some

# No divisor of the number of values: neighbouring fields get values of other families.
STRIDE = 37

_SQL_ENDS = ("", " --", " #", "/*", ";--", "')--", '")--', "'))--")
_SQL_TRICKS = (
    "' OR '1'='1", '" OR "1"="1', "' OR 1=1", "1 OR 1=1", "') OR ('1'='1", "' UNION SELECT NULL",
    "' UNION SELECT password FROM ab_user", "'; DROP TABLE contact", "1; DELETE FROM contact",
    "' AND SLEEP(5)", "'; SELECT pg_sleep(5)", "' AND 1=randomblob(100000000)",
    "' AND 1=CAST((SELECT version()) AS int)",
)  # fmt: skip
_XSS_CODE = ("alert(1)", "alert`1`", "top['al'+'ert'](1)")
_XSS_TAGS = (
    "<script>{}</script>", "<img src=x onerror={}>", "<svg onload={}>", "<svg/onload={}>",
    "<body onload={}>", "<details open ontoggle={}>", "<iframe srcdoc='<script>{}</script>'>",
    "<a href='javascript:{}'>x</a>", "\"><script>{}</script>", "'><img src=x onerror={}>",
    "' autofocus onfocus={} x='", '" autofocus onfocus={} x="', "</textarea><script>{}</script>",
    "</title><script>{}</script>", "</script><script>{}</script>", "<!--<script>{}//-->",
    "<math><mtext><script>{}</script></mtext></math>", "<style>@import'javascript:{}';</style>",
    "javascript:{}", "<input autofocus onfocus={}>",
)  # fmt: skip
_MARKUP = (
    "[x](javascript:alert(1))", "![x](x\"onerror=\"alert(1))", "<base href=//evil.test>",
    "<meta http-equiv=refresh content='0;url=//evil.test'>", "&lt;script&gt;", "&#60;script&#62;",
    "<![CDATA[x]]>", "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]>",
    "data:text/html,<script>alert(1)</script>", "<form action=//evil.test><button>x",
    "<link rel=stylesheet href=//evil.test>", "<object data='javascript:alert(1)'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>", "<x onclick=alert(1)>x",
)  # fmt: skip
_NUMBERS = (
    "0", "-0", "-1", "1", "00", "007", "1.5", "1,5", "-1.5", "1e3", "1E309", "-1e-309", "1e99999",
    "NaN", "nan", "Infinity", "-Infinity", "inf", "0x10", "0b1", "0o7", "1_000", "1 000", "1'000",
    "+5", "²", "½", "٣", "１２", "一", "Ⅷ", "2147483647", "2147483648", "-2147483649",
    "4294967296", "9223372036854775807", "9223372036854775808", "-9223372036854775809",
    "99999999999999999999", "1" * 309, "9" * 5000, "1.0", ".5", "5.", "--1", "1-1", "1/0", "True",
)  # fmt: skip
_DATES = (
    "0000-00-00", "0001-01-01", "9999-12-31", "10000-01-01", "-0001-01-01", "2023-02-29",
    "2024-02-30", "2024-13-01", "2024-00-10", "31/02/2024", "29/02/1900", "99/99/9999",
    "1/1/1", "2024-W01-1", "2024-001", "20240101", "2024-01-01T25:00:00", "2024-01-01T00:00:00Z",
    "2024-01-01T00:00:00+99:99", "24:00", "23:59:60", "yesterday", "ayer", "today", "next week",
    "٢٠٢٤-٠١-٠١", "2024−01−01", "12.31.2024", "1.1.99999", "0/0/0", "-1/-1/-1", "2024-1-1 ",
)  # fmt: skip
_TEMPLATES = (
    "{{7*7}}", "{{ config }}", "{{ self.__init__.__globals__ }}", "{% for x in () %}", "${7*7}",
    "#{7*7}", "<%= 7*7 %>", "{{''.__class__.__mro__}}", "{{request.application}}", "*{7*7}",
    "{{cycler.__init__.__globals__.os.popen('id').read()}}", "{#", "{{", "}}", "{%", "%}",
    "{0.__class__}", "{password}", "{}", "{0}", "{!r}", "{:>99999999}", "%s", "%(name)s", "%d",
    "%n%n%n", "%99999999d", "%", "%%", "%(", "$(id)", "`id`", "; id", "| id", "&& id", "%x%x%x",
)  # fmt: skip
_STRUCTURES = (
    "!(", "(((((", "!n", "(a:!(b))", "(col:!t,opr:eq)", "!('1',2)", "[]", "{}}", "[[[[", "{\"a\":",
    '{"__proto__": {"a": 1}}', '{"$ne": null}', '["a"]', "null", "undefined", "true", "None",
    "*)(uid=*))(|(uid=*", "*)(&", "admin*)((|userPassword=*)", "(cn=*)", ")(cn=))\\00", "a=1&b=2",
    "a;b", "a,b,,c", ",", ",,,", "__class__", "__proto__", "constructor", "password",
    "password__is", "-", "--", "*", "?", "\\", "\\\\", "'", '"', "''", '""', "`",
)  # fmt: skip
_PATHS = (
    "../../../../etc/passwd", "..\\..\\windows\\win.ini", "/etc/passwd", "C:\\boot.ini", "..", ".",
    "....//....//etc/passwd", "%2e%2e%2fetc%2fpasswd", "file:///etc/passwd", "a/b", "a\\b", "~root",
    "CON", "NUL.txt", "a.csv.exe", ".htaccess", "\\\\evil.test\\share", "/proc/self/environ",
)  # fmt: skip
_URLS = (
    "http://evil.test", "//evil.test", "javascript://%0aalert(1)", "JaVaScRiPt:alert(1)",
    "http://169.254.169.254/latest", "http://[::1]/", "http://0x7f.1/", "http://user:pw@evil.test",
    "ftp://evil.test/a", "gopher://evil.test", "http://" + "a" * 300 + ".test", "http://xn--a",
    "http://", "https:", "vbscript:msgbox(1)", "http://evil.test/\r\nX: 1", "mailto:a@b?cc=c@d",
)  # fmt: skip
_ENCODED = (
    "%00", "%0d%0a", "%", "%zz", "%u0027", "%25%30%30", "%c0%ae", "%ff", "%ED%A0%80", "%F0%9F%98",
    "&amp;", "&#x0;", "\\u0000", "\\x00", "=?utf-8?q?=00?=", "+ADw-script+AD4-", "a%20b", "a+b",
)  # fmt: skip
_LINES = (
    "a\r\nSet-Cookie: x=1", "a\nBcc: evil@evil.test", "a\rb", "a\n\n\nb", "\r\n", "\n", "\t", "a\tb",
    "a\r\n\r\n<html>", "a\x0bb", "a\x0cb", "a\u0085b", "a\u2028b", "a\u2029b",
    "Subject: x\r\nTo: y", "a\r\n.\r\nQUIT",
)  # fmt: skip
_INVISIBLE = (
    "", " ", "   ", "\u00a0", "\u3000", "\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u034f",
    "a\u200bb", "\u202eabc", "abc\u202e", "\u2066a\u2069", "\u202a\u202b\u202c", "a\u061cb",
    "\u200f\u200e", "\u115f", "\u3164",
)  # fmt: skip
_CONTROLS = (
    *(f"a{chr(code)}b" for code in (0, 1, 2, 3, 4, 7, 8, 27, 28, 29, 30, 31, 127, 128, 144, 155, 159)),
    "\x00", "\x00\x00", "\x1b[31mred", "\x1b]0;title\x07", "\ufffe", "\uffff", "\ufffd", "\U0010ffff",
    "\ud800", "\udfff", "a\udc80b", "\ud83d", "\ude00\ud83d", "\ufff9a\ufffb",
)  # fmt: skip
_LETTERS = (
    "e\u0301", "\u0301", "a" + "\u0300" * 500, "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢", "ﷺ" * 50, "ß", "ẞ", "ı", "İ", "ŉ", "ǰ", "Å", "Å",
    "ﬁ", "㎏", "①", "𝔄𝔫𝔞", "Ａｎａ", "＝cmd", "＜script＞", "＇ OR １＝１", "А", "Ꭺ", "αβγ", "שלום",
    "مرحبا", "नमस्ते", "こんにちは", "你好", "안녕", "ไทย", "😀", "👩‍👩‍👧‍👦", "🇪🇸", "👍🏽", "☃️",
    "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "𐍈", "𠜎", "ñ", "n\u0303", "ç", "l·l", "º", "ª", "O’Brien", "D'Angelo", "Ñ~",
)  # fmt: skip
_FORMULAS = (
    "=1+1", "=cmd|'/C calc'!A0", "=HYPERLINK(\"//evil.test\")", "+1+1", "-1+1", "@SUM(1,1)",
    "\t=1+1", "\r=1+1", "=", "+", "@", "＋1", "－1", "＠SUM(1)", "'=1+1", "\"=1+1", ";=1+1", ",=1+1",
    "|=1", "%0A=1+1",
)  # fmt: skip
_LONG = (
    "a" * 65, "a" * 255, "a" * 256, "a" * 257, "ñ" * 300, "😀" * 300, "a" * 2_000, "a " * 5_000,
    "word" * 3_000, "a" * 70_000, "\u0301" * 2_000, "<" * 3_000, "&" * 3_000, "'" * 3_000,
    "%" * 3_000, "_" * 3_000, "(" * 2_000, "[" * 2_000, "\\" * 2_000, "\n" * 2_000, "," * 2_000,
    "1," * 2_000, "=" * 500, "-" * 500, "é" * 100_000, "a" * 200_000,
)  # fmt: skip


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


VALUES_BY_FAMILY: dict[str, tuple[str, ...]] = {
    "SQL": _unique(trick + end for trick, end in product(_SQL_TRICKS, _SQL_ENDS)),
    "script": _unique(tag.format(code) for tag, code in product(_XSS_TAGS, _XSS_CODE)),
    "markup": _MARKUP,
    "numbers": _NUMBERS,
    "dates": _DATES,
    "templates": _TEMPLATES,
    "structures": _STRUCTURES,
    "paths": _PATHS,
    "addresses": _URLS,
    "encoded": _ENCODED,
    "lines": _LINES,
    "invisible": _INVISIBLE,
    "controls": _CONTROLS,
    "letters": _LETTERS,
    "formulas": _FORMULAS,
    "long": _LONG,
}
ALL_VALUES: tuple[tuple[str, str], ...] = tuple(
    (family, value) for family, values in VALUES_BY_FAMILY.items() for value in values
)


def one_of_each(purpose: str, how_many: int = 1) -> list[tuple[str, str]]:
    """Return so many values of each family, chosen by the seed, with its name; or all values."""
    return [
        (family, value)
        for family, values in VALUES_BY_FAMILY.items()
        for value in some(values, how_many, f"{purpose} {family}")
    ]


def rounds(purpose: str, names: Iterable[str], how_many: int) -> Iterator[dict[str, str]]:
    """Yield what to write into fields: in each round a value of another family into each.

    Neighbours get values of different families. As many rounds as there are families give each
    field one of each; in full each field gets every value.
    """
    names = list(names)
    if IS_FULL:
        for turn in range(len(ALL_VALUES)):
            yield {
                name: ALL_VALUES[(turn + place * STRIDE) % len(ALL_VALUES)][1]
                for place, name in enumerate(names)
            }
        return
    families, pick = list(VALUES_BY_FAMILY), chance(purpose)
    pick.shuffle(families)
    for turn in range(how_many):
        yield {
            name: pick.choice(VALUES_BY_FAMILY[families[(turn + place) % len(families)]])
            for place, name in enumerate(names)
        }
