"""What in a text tells who a person is: numbers of identity cards, phones, bank cards, e-mail addresses, names.

Full-width digits and letters, and dashes and blanks of any width, count as their plain ones.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

# GB/T 2260: the first two digits of an identity card are a province's; 81 to 83 stand for people of Hong Kong, Macao
# and Taiwan, 9 for foreigners who live in China. A serial number that begins with a date begins with 19 or 20.
_AREA = r"(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]|9\d)\d{4}"
_BIRTHDAY = r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_ALONE, _ENDS = r"(?<![0-9A-Za-z])(?<!\d\.)", r"(?![0-9A-Za-z])"

# A digest comes first, so that one whose digits look like a phone stays what it is. Digits behind a decimal point are
# part of a number.
_SENSITIVE = re.compile(
    r"(?P<digest>m-(?:[0-9a-f]{12}|\*{12}))"
    r"|(?<![\w.%+-])[\w.%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"
    # GB 11643: area, birthday, serial number, check digit; before 1999 a birthday of six digits and no check digit.
    rf"|(?<!\d){_AREA}[ -]?(?:18|19|20)\d\d{_BIRTHDAY}[ -]?\d{{3}}[\dXx](?!\d)"
    rf"|(?<!\d)(?<!\d\.){_AREA}\d\d{_BIRTHDAY}\d{{3}}(?!\d)"
    # One with a slip in its birthday is one still.
    rf"|{_ALONE}\d{{17}}[Xx]{_ENDS}|{_ALONE}(?!9){_AREA}(?:19|20)\d{{10}}{_ENDS}"
    # ISO/IEC 7812: cards of banks begin with 3 to 6, 22 to 27 or, inside one country, 9; the last digit checks them.
    rf"|(?P<card>{_ALONE}(?:[3-69]\d|2[2-7])\d\d(?:\d{{12,15}}|(?:[ -]\d{{4}}){{3}}(?:[ -]\d{{1,3}})?){_ENDS}(?!\.\d))"
    r"|(?<!\d)(?:(?:\+|00)?86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?!\d|\.\d)",
    re.ASCII,
)

#: No shorter text holds a number that tells of a person.
_SHORTEST = 11

_PLAIN = str.maketrans(
    {
        **{chr(0xFEE0 + code): chr(code) for code in range(0x21, 0x7F)},
        **dict.fromkeys("\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u3000", " "),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    }
)

HAN = re.compile(r"[\u3400-\u9fff]")

_SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田"
    "任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文庞樊兰殷施陶洪翟安颜倪严牛温芦季"
    "俞章鲁葛伍韦申尤毕聂丛焦向柳邢路岳齐沿梅莫庄辛管祝左涂谷祁时舒耿牟卜詹关苗凌费纪靳盛童欧甄项曲成游阳裴席卫查屈鲍覃霍"
    "翁隋植甘景薄单包柏宁柯阮桂闵解强柴华车冉房边吉饶苟刁臧米麦丘瞿褚楼尚沙蒲连裘应仇宫骆苑古郎卓闫肖付娄岑喻窦池鄢冀晏昌"
    "敖鞠艾蓝戚党佟尉迟巩厉佘练匡奚邝阚巫谌滕巴粟褟揭危修腾仲逯暴禹"
)
_DOUBLE_SURNAMES = (
    "欧阳|上官|司马|司徒|诸葛|慕容|东方|皇甫|尉迟|公孙|令狐|宇文|长孙|夏侯|轩辕|钟离|闻人|澹台|独孤|南宫|端木|百里|呼延"
)
_NAME = re.compile(
    rf"(?:{_DOUBLE_SURNAMES})[\u3400-\u9fff]{{1,2}}|[{_SURNAMES}][\u3400-\u9fff]{{1,2}}"
    r"|[\u3400-\u9fff]{2,8}(?:[·•・][\u3400-\u9fff]{2,8})+"
)

#: What stands between the parts of a text that may each be a name.
_BETWEEN = ",;|\t，；、"
_BREAK = re.compile(r"[ ,;|\t]")

#: Characters of a Chinese name that is looked for inside a word; shorter ones are words too often.
_LONG = 3


def looks_like_a_name(text: str) -> bool:
    """Return whether a text has the form of a Chinese person's name: a surname, and one or two characters.

    Parameters
    ----------
    text : str
        A word of which nothing else is known.

    Returns
    -------
    bool

    Examples
    --------
    >>> [looks_like_a_name(text) for text in ("王小明", "欧阳修", "阿里木·买买提", "安平贸易", "Bolt Works", "B0042")]
    [True, True, True, False, False, False]
    """
    return bool(_NAME.fullmatch(text))


def hide(text: str, stand_in: Callable[[str], str]) -> str:
    """Return a text in which something else stands for each number that tells of a person.

    These are numbers of identity cards (GB 11643), with or without a slip in the birthday; mobile phones of the
    mainland; bank cards (ISO/IEC 7812, with the check digit of Luhn); and e-mail addresses. A serial number is taken
    for one of them where it has its form: of those of 16 to 19 digits that begin as a bank card does one in ten has
    its check digit.

    Parameters
    ----------
    text : str
        Any text.
    stand_in : callable
        What stands for a number, in plain digits.

    Returns
    -------
    str

    Examples
    --------
    >>> hide("tel. １３８ 0013 8000; a@b.cn; card 4111 1111 1111 1111, not 4111111111111112", lambda _: "*")
    'tel. *; *; card *, not 4111111111111112'
    """
    if len(text) < _SHORTEST and "@" not in text and "＠" not in text:
        return text
    plain = text if text.isascii() else text.translate(_PLAIN)
    parts, end = [], 0
    for hit in _SENSITIVE.finditer(plain):
        if hit["digest"] or (hit["card"] and not has_check_digit(hit["card"])):
            continue
        parts += [text[end : hit.start()], stand_in(hit.group())]
        end = hit.end()
    return "".join([*parts, text[end:]]) if parts else text


def has_check_digit(number: str) -> bool:
    """Return whether the last digit of a number checks it as that of a bank card does (Luhn, ISO/IEC 7812-1).

    Examples
    --------
    >>> has_check_digit("4111 1111 1111 1111"), has_check_digit("4111111111111112")
    (True, False)
    """
    digits = [int(character) for character in reversed(number) if character.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


@dataclass(frozen=True)
class Names:
    """Names that are looked for in texts.

    A Chinese name of three characters or more is found anywhere, one of two only where no other Chinese character
    touches it; one of several Latin words is found between words, one of a single word only where it is a whole part
    of a list.

    Attributes
    ----------
    words : frozenset of str
        The names.

    Examples
    --------
    >>> names = Names(frozenset({"张小三", "高明", "Li Lei"}))
    >>> names.replaced("借给张小三、高明，不是高明大厦 (Li Lei, Li Leise)", lambda name: name[0] + "**")
    '借给张**、高**，不是高明大厦 (L**, Li Leise)'
    """

    words: frozenset[str]

    @cached_property
    def _lengths(self) -> dict[str, tuple[int, ...]]:
        """By the first two characters of names how long they are, the longest first."""
        lengths: dict[str, set[int]] = {}
        for head, length in {(word[:2], len(word)) for word in self.words if len(word) > 1}:
            lengths.setdefault(head, set()).add(length)
        return {head: tuple(sorted(found, reverse=True)) for head, found in lengths.items()}

    @cached_property
    def _latin(self) -> bool:
        return any(word.isascii() for word in self.words)

    def replaced(self, text: str, stand_in: Callable[[str], str]) -> str:
        """Return a text in which something else stands for each of the names.

        Parameters
        ----------
        text : str
            Any text.
        stand_in : callable
            What stands for a name.

        Returns
        -------
        str
        """
        if not self.words or (text.isascii() and not (self._latin and _BREAK.search(text))):
            return self._whole(text, stand_in)
        parts, end = [], 0
        for start, stop in self._places(text):
            parts += [text[end:start], stand_in(text[start:stop])]
            end = stop
        return "".join([*parts, text[end:]]) if parts else text

    def _whole(self, text: str, stand_in: Callable[[str], str]) -> str:
        return stand_in(text) if len(text) > 1 and text in self.words else text

    def _places(self, text: str) -> Iterator[tuple[int, int]]:
        at = 0
        while at < len(text):
            stops = (at + length for length in self._lengths.get(text[at : at + 2], ()) if at + length <= len(text))
            stop = next((stop for stop in stops if text[at:stop] in self.words and _alone(text, at, stop)), 0)
            if stop:
                yield at, stop
            at = stop or at + 1


def _alone(text: str, start: int, stop: int) -> bool:
    """Return whether what stands at a place of a text can be a name there."""
    word, before, after = text[start:stop], text[:start][-1:], text[stop : stop + 1]
    if HAN.search(word):
        return len(word) >= _LONG or not (HAN.match(before) or HAN.match(after))
    if " " in word:
        return not (before.isalnum() or after.isalnum())
    first = text[:start].rstrip(" ")[-1:]
    return (not first or first in _BETWEEN) and (not after or after in _BETWEEN)
