"""Names, Chinese and English, put together from syllables that no known firm is called by."""

import pyarrow as pa

from graphrisk.generator.dice import Whole
from graphrisk.generator.texts import Texts, joined, words
from graphrisk.tables.raw import TEXT

_CHARACTERS = (
    "澜lan 岑cen 汀ting 沁qin 珞luo 棠tang 枫feng 漱shu 筱xiao 霁ji 屿yu 汐xi 砚yan 琰yan 瑄xuan 翊yi 暮mu 漪yi "
    "蕴yun 穗sui 黛dai 岚lan 峤qiao 崧song 泠ling 渚zhu 湄mei 潇xiao 濯zhuo 煦xu 烁shuo 熠yi 琅lang 琢zhuo 瑾jin "
    "栩xu 璨can 皓hao 稷ji 穆mu 竺zhu 笙sheng 筠yun 箬ruo 簌su 绮qi 缃xiang 翎ling 芷zhi 苇wei 荻di 莘xin 菡han "
    "葭jia 蒹jian 蓼liao 薇wei 皋gao 蓁zhen 虔qian 檀tan 赟yun 遥yao 邈miao 邺ye 钰yu 铎duo 阙que 霏fei 韶shao "
    "飏yang 骞qian 鹭lu 榆yu 槿jin 樾yue 沅yuan 浔xun 淙cong 茗ming"
)
_COMMON_SURNAMES = (
    "王Wang 李Li 张Zhang 刘Liu 陈Chen 杨Yang 赵Zhao 黄Huang 周Zhou 吴Wu 徐Xu 孙Sun 胡Hu 朱Zhu 高Gao 林Lin 何He "
    "郭Guo 马Ma 罗Luo 梁Liang 宋Song 郑Zheng 谢Xie 韩Han 唐Tang 冯Feng 于Yu 董Dong 萧Xiao 程Cheng 曹Cao 袁Yuan "
    "邓Deng 许Xu 傅Fu 沈Shen 曾Zeng 彭Peng 潘Pan"
)
#: Characters of names, each with its sound. Firms have three of them, so that a name is nobody's by chance.
SYLLABLES: tuple[tuple[str, str], ...] = tuple((pair[0], pair[1:]) for pair in _CHARACTERS.split())
#: Surnames of persons, each with its sound.
SURNAMES: tuple[tuple[str, str], ...] = tuple((pair[0], pair[1:]) for pair in _COMMON_SURNAMES.split())

#: Number of names of three syllables.
THREE = len(SYLLABLES) ** 3
#: Steps from one name to the next: it shares no factor with `THREE`, so that every name comes once.
_STEP = 198_491_317

_CHINESE = tuple(character for character, _ in SYLLABLES)
_SOUND = tuple(sound for _, sound in SYLLABLES)
_BIG_SOUND = tuple(sound.capitalize() for _, sound in SYLLABLES)
_SURNAME, _SURNAME_SOUND = (tuple(column) for column in zip(*SURNAMES, strict=True))
_SPACE = pa.scalar(" ", TEXT)


def firm_names(numbers: Whole, start: int, chinese: Texts, english: Texts) -> Texts:
    """Return names of firms, no two alike below `THREE` numbers.

    Parameters
    ----------
    numbers : ndarray of int64, shape (n,)
        Number of each firm, at least 0.
    start : int
        Where to begin among the names.
    chinese, english : text, shape (n,)
        What it does, in both languages.

    Examples
    --------
    >>> import numpy as np
    >>> trade, english = pa.array(["商贸"], TEXT), pa.array(["Trading"], TEXT)
    >>> firm_names(np.array([0]), 0, trade, english).to_pylist()
    ['澜澜澜商贸 Lanlanlan Trading']
    """
    size = len(SYLLABLES)
    place = (numbers * _STEP + start) % THREE
    first, second, third = place // size**2, place // size % size, place % size
    return joined(
        *(words(_CHINESE, syllable) for syllable in (first, second, third)),
        chinese,
        _SPACE,
        words(_BIG_SOUND, first),
        words(_SOUND, second),
        words(_SOUND, third),
        _SPACE,
        english,
    )


def person_names(surname: Whole, first: Whole, second: Whole) -> Texts:
    """Return names of persons: a common surname and one or two syllables.

    Parameters
    ----------
    surname : ndarray of int64, shape (n,)
        Positions in `SURNAMES`.
    first, second : ndarray of int64, shape (n,)
        Positions in `SYLLABLES`; the second is -1 for a name of one.

    Examples
    --------
    >>> import numpy as np
    >>> person_names(np.array([0, 1]), np.array([0, 1]), np.array([2, -1])).to_pylist()
    ['王澜汀 Wang Lanting', '李岑 Li Cen']
    """
    return joined(
        words(_SURNAME, surname),
        words(_CHINESE, first),
        words(_CHINESE, second),
        _SPACE,
        words(_SURNAME_SOUND, surname),
        _SPACE,
        words(_BIG_SOUND, first),
        words(_SOUND, second),
    )
