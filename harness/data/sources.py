"""The published files of the sets of one domain: where they are and what reads them.

Sizes and SHA-256 are those of the TensorFlow Datasets project (`url_checksums/mnist.txt`,
`svhn_cropped.txt`, `domainnet/checksums.tsv`); the MD5 of USPS are those torchvision has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from harness.data.catalogue import Archive
from harness.data.formats import LabelledImages, idx, libsvm, mat


@dataclass(frozen=True)
class Digits:
    """A set of digits with published splits: `read` takes the paths of the files of one."""

    train: tuple[Archive, ...]
    test: tuple[Archive, ...]
    read: Callable[..., LabelledImages]


@dataclass(frozen=True)
class Classes:
    """A domain published as a zip of `<domain>/<class>/<file>`, without splits of use here."""

    archive: Archive


def file_name(archive: Archive) -> str:
    """The name under which the publisher has the file."""
    return PurePosixPath(urlsplit(archive.url).path).name


_MNIST = "https://storage.googleapis.com/cvdf-datasets/mnist"
_USPS = "https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass"
_SVHN = "http://ufldl.stanford.edu/housenumbers"
_DOMAINNET = "http://csr.bu.edu/ftp/visda/2019/multi-source"


def _idx(name: str, size: int, sha256: str) -> Archive:
    return Archive(f"{_MNIST}/{name}-ubyte.gz", size, sha256)


def _domain(name: str, size: int, sha256: str) -> Classes:
    return Classes(Archive(f"{_DOMAINNET}/{name}.zip", size, sha256))


SOURCES: dict[str, Digits | Classes] = {
    "mnist": Digits(
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
        read=idx.read,
    ),
    "usps": Digits(
        train=(Archive(f"{_USPS}/usps.bz2", 0, None, md5="ec16c51db3855ca6c91edd34d0e9b197"),),
        test=(Archive(f"{_USPS}/usps.t.bz2", 0, None, md5="8ea070ee2aca1ac39742fdd1ef5ed118"),),
        read=libsvm.read,
    ),
    "svhn": Digits(
        train=(Archive(f"{_SVHN}/train_32x32.mat", 182040794,
                       "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8"),),
        test=(Archive(f"{_SVHN}/test_32x32.mat", 64275384,
                      "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b"),),
        read=mat.read,
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
