"""The published files that are known: of whole data sets, and of sets of one domain to be paired.

Sizes and SHA-256 of `SINGLES` are those of the TensorFlow Datasets project (`mnist.txt`,
`svhn_cropped.txt` and `domainnet/checksums.tsv` in `url_checksums`); the MD5 of USPS are those
torchvision has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from harness.data.formats import LabelledImages, read_idx, read_libsvm, read_mat


@dataclass(frozen=True)
class Archive:
    """A published file.

    `size` in bytes (0: not known); `sha256` or `md5` in lower-case hexadecimal, where one is
    publicly known. `untested`: a zip of training images only, a tenth of which is held out to test.
    """

    url: str
    size: int
    sha256: str | None
    md5: str | None = None
    untested: bool = False

    @property
    def file_name(self) -> str:
        """The name under which the publisher has the file."""
        return PurePosixPath(urlsplit(self.url).path).name


@dataclass(frozen=True)
class Digits:
    """A set of digits with published splits: `read` takes the paths of the files of one."""

    title: str
    licence: str
    train: tuple[Archive, ...]
    test: tuple[Archive, ...]
    read: Callable[..., LabelledImages]

    @property
    def archives(self) -> tuple[Archive, ...]:
        return (*self.train, *self.test)


@dataclass(frozen=True)
class Classes:
    """A domain published as a zip of `<domain>/<class>/<file>`, without splits of use here."""

    title: str
    licence: str
    archive: Archive

    @property
    def archives(self) -> tuple[Archive, ...]:
        return (self.archive,)


_MNIST = "https://storage.googleapis.com/cvdf-datasets/mnist"
_USPS = "https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass"
_SVHN = "http://ufldl.stanford.edu/housenumbers"
_DOMAINNET = "http://csr.bu.edu/ftp/visda/2019/multi-source"
_DOMAINNET_LICENCE = (
    "DomainNet, gathered on the web under fair use; rights stay with their owners; research"
)


def _idx(name: str, size: int, sha256: str) -> Archive:
    return Archive(f"{_MNIST}/{name}-ubyte.gz", size, sha256)


def _domain(path: str, size: int, sha256: str) -> Classes:
    archive = Archive(f"{_DOMAINNET}/{path}.zip", size, sha256)
    return Classes(PurePosixPath(path).name, _DOMAINNET_LICENCE, archive)


# The sets of one domain. Two of the same kind, Digits or Classes, make a pair.
SINGLES: dict[str, Digits | Classes] = {
    "mnist": Digits(
        "MNIST",
        "MNIST: CC BY-SA 3.0",
        train=(
            _idx("train-images-idx3", 9912422,
                 "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
            _idx("train-labels-idx1", 28881,
                 "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
        ),
        test=(
            _idx("t10k-images-idx3", 1648877,
                 "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
            _idx("t10k-labels-idx1", 4542,
                 "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
        ),
        read=read_idx,
    ),
    "usps": Digits(
        "USPS",
        "USPS: no licence stated, research use",
        train=(Archive(f"{_USPS}/usps.bz2", 0, None, md5="ec16c51db3855ca6c91edd34d0e9b197"),),
        test=(Archive(f"{_USPS}/usps.t.bz2", 0, None, md5="8ea070ee2aca1ac39742fdd1ef5ed118"),),
        read=read_libsvm,
    ),
    "svhn": Digits(
        "SVHN",
        "SVHN: Google Street View, non-commercial use only",
        train=(Archive(f"{_SVHN}/train_32x32.mat", 182040794,
                       "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8"),),
        test=(Archive(f"{_SVHN}/test_32x32.mat", 64275384,
                      "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b"),),
        read=read_mat,
    ),
    "clipart": _domain("groundtruth/clipart", 1270909081,
                       "f8f248a3e8bbc9868c523ae24e6601b4c2ad102afc60c0efeb4f3255df22354d"),
    "infograph": _domain("infograph", 4338659804,
                         "891e14f476317e97b6f06d6498c11d0a5b8d0c8b57210765ed9beb072da611fa"),
    "painting": _domain("groundtruth/painting", 3679366174,
                        "fa47e6d405503ea0286cabd767f176bd30e988b63ddd7b9db16cf030c9770015"),
    "quickdraw": _domain("quickdraw", 459920701,
                         "9f37df2a8c3733703dbb35ad9964202a65f675ca30137756457537536b485d84"),
    "real": _domain("real", 6062039589,
                    "d7fe010b430c5b510f85d657d38c4a1924822695fabea4fef57bd00dba251d63"),
    "sketch": _domain("sketch", 2633992926,
                      "23a7dbae7016b343e934399beaa8a68728fb5e570ebe2c71df9b75cf91c499fc"),
}  # fmt: skip


def pairable() -> list[str]:
    """For each kind of sets of one domain, the names of which any two make an entry."""
    return [
        ", ".join(name for name, single in SINGLES.items() if isinstance(single, kind))
        for kind in (Digits, Classes)
    ]
