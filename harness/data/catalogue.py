"""The data sets known by name: what they hold, where they come from, how to recognise them.

Sizes and SHA-256 of the archives are those that the TensorFlow Datasets project published for the
same files under their older address (`url_checksums/cycle_gan.txt`). It lacks two files, whose MD5
are from public code that downloads them. None: nobody publishes a checksum.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.data.layout import ALL_SPLITS, SPLITS
from harness.data.sources import SINGLES, Archive

PUBLISHER = "https://efrosgans.eecs.berkeley.edu/cyclegan/datasets"

FLICKR = "Flickr photographs; rights stay with their authors; research use"
IMAGENET = "ImageNet photographs; rights stay with their authors; non-commercial research use"
PAINTINGS = "WikiArt reproductions and Flickr photographs; rights vary; research use"
GATHERED = "gathered on the web; rights stay with their authors; research use"
SAMPLES = "samples of the authors' other sets, whose rights they share; research use"


@dataclass(frozen=True)
class BuiltIn:
    """Drawn by this package on demand: nothing is downloaded.

    The folder harness/data/`package` has the code, imported only to draw: its function `writer`
    (folder, size, train, test, progress) makes the `parts` of the set's folder. `libraries` are the
    distributions whose versions decide the pixels, too.
    """

    package: str
    writer: str
    parts: tuple[str, ...]
    libraries: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pair:
    """Made here of two sets of one domain each, by their names in `sources.SINGLES`."""

    a: str
    b: str


@dataclass(frozen=True)
class Unusable:
    """Published with the others, but not two domains of images; `reason` says what it is."""

    url: str
    reason: str


@dataclass(frozen=True)
class CatalogueEntry:
    """One data set: `titles` names domain A and domain B as a report shows them."""

    name: str
    titles: tuple[str, str]
    licence: str
    source: Archive | BuiltIn | Pair | Unusable
    aliases: tuple[str, ...] = ()


def _published(
    name: str,
    titles: tuple[str, str],
    licence: str,
    size: int,
    sha256: str | None,
    aliases: tuple[str, ...] = (),
    md5: str | None = None,
    untested: bool = False,
) -> CatalogueEntry:
    archive = Archive(f"{PUBLISHER}/{name}.zip", size, sha256, md5, untested)
    return CatalogueEntry(name, titles, licence, archive, aliases)


def _unusable(name: str, reason: str, licence: str) -> CatalogueEntry:
    return CatalogueEntry(name, ("A", "B"), licence, Unusable(f"{PUBLISHER}/{name}.zip", reason))


def _pair(a: str, b: str) -> CatalogueEntry:
    """The two sets as one entry. Raises KeyError for one that is not known."""
    one, other = SINGLES[a], SINGLES[b]
    licences = dict.fromkeys((one.licence, other.licence))
    return CatalogueEntry(f"{a}_{b}", (one.title, other.title), "; ".join(licences), Pair(a, b))


CATALOGUE: tuple[CatalogueEntry, ...] = (
    CatalogueEntry(
        "seasons",
        ("summer", "winter"),
        "drawn by cyclebench; no rights reserved by anyone else",
        BuiltIn("seasons", "write_seasons", ALL_SPLITS),
    ),
    CatalogueEntry(
        "digits",
        ("handwritten", "typeset"),
        "handwritten: UCI Optical Recognition of Handwritten Digits, CC BY 4.0; typeset: in DejaVu,"
        " STIX and Computer Modern fonts, free to set anything in",
        BuiltIn(
            "digits",
            "write_digits",
            (*SPLITS, "labels.csv"),
            ("scikit-learn", "matplotlib", "pillow"),
        ),
    ),
    _pair("mnist", "usps"),
    _pair("mnist", "svhn"),
    _pair("quickdraw", "sketch"),
    _pair("sketch", "painting"),
    _pair("painting", "real"),
    _published("ae_photos", ("A", "B"),
               "the authors' own photographs, to try models of paintings on; research use", 0,
               None, md5="93831625466b64eaeba58babc52d70f9"),
    _published("apple2orange", ("apple", "orange"), IMAGENET, 78456409,
               "845a191e9af8926408ea597001cd03a452e3300a1f44a79fe329b3d59f6e3eb8"),
    _published("cezanne2photo", ("Cézanne", "photo"), PAINTINGS, 279885071,
               "3a6c10ca21f9485862f1cbd707744b9dc258954a04631271d23a3605eeb63cff", ("cezanne",)),
    _published("cityscapes", ("photo", "label map"),
               "Cityscapes licence (registration, non-commercial); the publisher may no longer"
               " serve it",
               279601602, "d2f6910fd056c1ee9873777ae838e7ac4a2c833598ae62a04188e5ab2f4ea036"),
    _published("facades", ("photo", "label map"), "CMP Facade Database; research use", 35135868,
               "9a31ebf3a31b9b5cd195dd5bf62e9308e00cb94604d1019e3889ac84248695c0"),
    _published("grumpifycat", ("Russian Blue", "Grumpy Cat"), GATHERED, 0, None,
               md5="cd971b33708c50f02cb2f9f89181883a", untested=True),
    _published("horse2zebra", ("horse", "zebra"), IMAGENET, 116867962,
               "a74d9d392eecca9966b51287a76ca126af473d9de4f3e8fc0e9cda08fa1730a1"),
    _published("iphone2dslr_flower", ("iPhone", "DSLR"), FLICKR, 339964458,
               "8fcb5e374d631b107e1d961b8c4cd0a186aa2a4ff3e279923f4c426128de7113",
               ("iphone2dslr",)),
    _published("maps", ("aerial photo", "map"),
               "Google Maps imagery; subject to its terms of service", 1476754427,
               "639534f69dbf9f36bef8d6292a7698006361221f83f0285d7c9ca78afe6e8a9e"),
    _published("mini", ("A", "B"), SAMPLES, 0, None),
    _unusable("mini_colorization", "single photographs to colour, not two domains", SAMPLES),
    _unusable("mini_pix2pix", "both domains side by side in one image, for pix2pix", SAMPLES),
    _published("monet2photo", ("Monet", "photo"), PAINTINGS, 305231073,
               "88f91b00fc228f97c9411fbf1880ec1d119c98f1722e4cfcfaa2fb35fac05b04", ("monet",)),
    _published("summer2winter_yosemite", ("summer", "winter"), FLICKR, 132640856,
               "167fe1726807a9d22bd106b4a6c0bd7953b688af924ac1bf967439c4961e49f9",
               ("summer2winter", "yosemite")),
    _published("ukiyoe2photo", ("ukiyo-e", "photo"), PAINTINGS, 292946532,
               "02a2a2fb5ecf425ca1bf86aca7304377da64a2a1d3b86df54eb65e4068bf3b08", ("ukiyoe",)),
    _published("vangogh2photo", ("Van Gogh", "photo"), PAINTINGS, 306590349,
               "362c3473e70be0944bda08d49d660eafdc2854df55d697835b8186d1d79caaff", ("vangogh",)),
)  # fmt: skip


def find_entry(name: str) -> CatalogueEntry | None:
    """The entry published under `name` or an alias of it; case and `-` for `_` do not matter.

    Any two of MNIST, USPS, SVHN and any two domains of DomainNet make an entry: `svhn-mnist`.
    """
    wanted = name.lower().replace("-", "_")
    for entry in CATALOGUE:
        if wanted in (entry.name, *entry.aliases):
            return entry
    a, _, b = wanted.partition("_")
    if a in SINGLES and b in SINGLES and a != b and type(SINGLES[a]) is type(SINGLES[b]):
        return _pair(a, b)
    return None
